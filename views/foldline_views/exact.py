"""The exact points of one series, read from the run's log.

Levels hold a long series in 1,024 buckets; an analysis wants every point as it was tracked. The
log has them all; `pointsource` finds most of them sooner, in the points view.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from foldline.events import SeriesDefined
from foldline.layout import Layout, SegmentName
from foldline.series import is_system
from foldline_ingest.batch import NO_POINTS, Batch, Points, facts
from foldline_ingest.replay import replay

from .logged import read_segments
from .rewinds import Rewinds, pass_by, rewinds_of
from .series import context_key

__all__ = ["EVERYWHERE", "ExactPoints", "ExactSource", "LoggedPoints", "read_points"]

Floats = NDArray[np.float64]

EVERYWHERE = (-math.inf, math.inf)


class ExactPoints(NamedTuple):
    """Points in the order of their steps; those of one step in the order of arrival."""

    steps: Floats
    values: Floats
    times: Floats
    epochs: Floats  # NaN where none was given


class ExactSource(Protocol):
    """Where the exact points of a series come from."""

    def points(
        self,
        series: tuple[str, str, dict[str, Any]],
        span: tuple[float, float] = EVERYWHERE,
        *,
        as_of: float = math.inf,
        ends: Mapping[str, int] | None = None,
    ) -> ExactPoints:
        """Return the points of a series, as (run, name, context), whose steps are in the span.

        `as_of` leaves out what was logged later than that, in unix seconds, rewinds among it;
        `ends` what lies behind these bytes of each writer's segment: what is not folded yet.
        """
        ...


class LoggedPoints:
    """Points read from the log, each time the whole of the run's segments."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def points(
        self,
        series: tuple[str, str, dict[str, Any]],
        span: tuple[float, float] = EVERYWHERE,
        *,
        as_of: float = math.inf,
        ends: Mapping[str, int] | None = None,
    ) -> ExactPoints:
        """Return the points: see ExactSource."""
        found = read_points(self._layout, *series, as_of=as_of, ends=ends)
        first = int(np.searchsorted(found.steps, span[0]))
        end = int(np.searchsorted(found.steps, span[1], "right"))
        return ExactPoints(*(column[first:end] for column in found))


def read_points(
    layout: Layout,
    run: str,
    name: str,
    context: dict[str, Any],
    *,
    as_of: float = math.inf,
    ends: Mapping[str, int] | None = None,
) -> ExactPoints:
    """Return every point of a series that its run's segments hold now and no rewind hides.

    See ExactSource for `as_of` and `ends`.
    """
    wanted = (name, context_key(context))
    rewinds = Rewinds()
    found: list[Batch] = []
    for segment in _segments(layout, run, ends):
        numbers: list[int] = []
        for whole in segment:
            numbers += _numbers(whole, wanted)
            mine = np.isin(whole.points.series, numbers) & (whole.points.time <= as_of)
            known = [(at, head) for at, head in whole.rewinds if head.time <= as_of]
            batch = whole._replace(rewinds=known).where(mine & np.isfinite(whole.points.step))
            found.append(batch)
            for rewind in rewinds_of(batch):
                rewinds.add(rewind)
    parts = [NO_POINTS, *(batch.points for batch in found)]
    if rewinds and not is_system(name):
        parts[1:] = _in_sight(found, rewinds)
    step, value, time, epoch = (
        np.concatenate(column) for column in list(zip(*parts, strict=True))[1:]
    )
    order = np.argsort(step, kind="stable")
    return ExactPoints(step[order], value[order], time[order], epoch[order])


def _segments(
    layout: Layout, run: str, ends: Mapping[str, int] | None
) -> Iterator[Iterator[Batch]]:
    if ends is None:
        yield from read_segments(layout, run)
        return
    for writer, end in sorted(ends.items()):
        yield replay(layout, SegmentName(run, writer), end)


def _in_sight(batches: list[Batch], rewinds: Rewinds) -> Iterator[Points]:
    """Yield the points of batches, in the order of their segments, that no rewind hides."""
    passed: dict[SegmentName, int] = {}
    for batch in batches:
        yield batch.points.where(~rewinds.hide(batch, passed))
        pass_by(passed, batch)


def _numbers(batch: Batch, wanted: tuple[str, str]) -> list[int]:
    """Return the series numbers that a batch gives to the wanted series."""
    return [
        fact.event.series
        for fact in facts(batch)
        if isinstance(fact.event, SeriesDefined)
        and (fact.event.name, context_key(fact.event.context)) == wanted
    ]
