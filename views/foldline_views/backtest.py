"""What a rule would have raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np

from foldline.errors import QueryError
from foldline.layout import Layout
from foldline.series import is_system

from . import rules
from .catalog import Catalog, RunTable, SeriesTable
from .conditions import Stalled
from .logged import read_segments
from .query import parse
from .rules import Rule
from .series import context_key
from .watched import Found, Watched

__all__ = ["Backtest", "backtest"]

Hear = Callable[[float], None]


class Backtest(msgspec.Struct):
    """How many runs and series a rule looked at, and where it would have been met first."""

    runs: int
    series: int
    found: list[Found]
    warnings: list[str]


def backtest(layout: Layout, catalog: Catalog, rule: Rule, hear: Hear | None = None) -> Backtest:
    """Ask a rule about everything in the log; nothing is logged and nobody is told.

    Each series counts once, as it would have been raised. Of a rule about stalled runs the longest
    a run was silent counts, whether or not it went on. Raises QueryError and RuleRejected.
    """
    rules.check(rule)
    rule = msgspec.structs.replace(rule, since=0.0)
    if isinstance(rule.when, Stalled):
        return _stalls(layout, catalog, rule, rule.when.for_s, hear)
    chosen, warnings = _series(catalog, rule.query)
    found: list[Found] = []
    for place, (run, keys) in enumerate(sorted(chosen.items())):
        met: set[tuple[str, str]] = set()

        def wants(_: str, name: str, key: str, keys: set[tuple[str, str]] = keys) -> list[Rule]:
            return [rule] if (name, key) in keys else []

        for one in _read(layout, run, wants):
            key = (one.series, context_key(dict(one.context)))
            if key not in met:
                met.add(key)
                found.append(one)
        if hear is not None:
            hear((place + 1) / len(chosen))
    return Backtest(len(chosen), sum(map(len, chosen.values())), found, warnings)


def _read(
    layout: Layout, run: str, wants: Callable[[str, str, str], Sequence[Rule]]
) -> Iterator[Found]:
    for segment in read_segments(layout, run):
        watched: Watched | None = None
        for batch in segment:
            watched = watched or Watched(batch.segment)
            yield from watched.take(batch, wants, lambda _: ())


def _series(catalog: Catalog, query: str) -> tuple[dict[str, set[tuple[str, str]]], list[str]]:
    """Return the names and contexts of the series that a query chooses, by run."""
    parsed = parse(query, "metric")
    chosen: dict[str, set[tuple[str, str]]] = {}
    for row in np.flatnonzero(parsed.mask(SeriesTable(catalog))).tolist():
        name, context = catalog.series.key(row)
        run = catalog.ids[int(catalog.series.run[row])]
        chosen.setdefault(run, set()).add((name, context_key(context)))
    return chosen, list(parsed.warnings)


def _stalls(
    layout: Layout, catalog: Catalog, rule: Rule, for_s: float, hear: Hear | None
) -> Backtest:
    """Find the longest silence of each run; the one that goes on is not told from an end."""
    chosen, warnings = _series(catalog, rule.query)
    try:
        rows = np.flatnonzero(parse(rule.query, "run").mask(RunTable(catalog))).tolist()
        runs = [catalog.ids[row] for row in rows]
    except QueryError:  # it speaks of a series
        runs = sorted(chosen)
    found = []
    for place, run in enumerate(runs):
        keys = {key for key in chosen.get(run, ()) if not is_system(key[0])}
        times = sorted(_times(layout, run, keys))
        gaps = [(later - earlier, earlier) for earlier, later in pairwise(times)]
        longest, since = max(gaps, default=(0.0, 0.0))
        if longest >= for_s:
            found.append(Found(rule, run, time=since))
        if hear is not None:
            hear((place + 1) / len(runs))
    return Backtest(len(runs), sum(map(len, chosen.values())), found, warnings)


def _times(layout: Layout, run: str, keys: set[tuple[str, str]]) -> list[float]:
    """Return when the points of these series were tracked."""
    times: list[float] = []
    for segment in read_segments(layout, run):
        watched: Watched | None = None
        for batch in segment:
            watched = watched or Watched(batch.segment)
            for _ in watched.take(batch, lambda *_: [], lambda _: ()):
                pass
            mine = [number for number, series in watched.series.items()
                    if (series.name, series.key) in keys]  # fmt: skip
            times += batch.points.time[np.isin(batch.points.series, mine)].tolist()
    return times
