"""A segment under watch, and what rules remember of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldline.events import SeriesDefined
from foldline.layout import SegmentName
from foldline.series import is_system
from foldline_ingest.batch import Batch, Points, facts

from . import conditions
from .rules import Rule
from .series import context_key

__all__ = ["Chosen", "Found", "Watched"]


class Found(NamedTuple):
    """A rule that was met: by which point, or by the clock."""

    rule: Rule
    run: str
    series: str = ""
    context: Mapping[str, Any] = MappingProxyType({})
    step: float | None = None
    value: float | None = None
    time: float = 0.0

    @property
    def key(self) -> tuple[str, int, str, str, str]:
        """What it is raised once for."""
        rule = self.rule
        return (rule.id, rule.armed, self.run, self.series, context_key(dict(self.context)))


Chosen = Callable[[str, str, str], Sequence[Rule]]
"""The rules that want a series, by its run, name and context."""


class _Series:
    """One series of a segment: what the rules remember of it."""

    def __init__(self, name: str, context: dict[str, Any]) -> None:
        self.name = name
        self.context = context
        self.key = context_key(context)
        self.count = 0
        self.newest = 0.0  # the time of its newest point
        self.states: dict[tuple[str, int], conditions.State] = {}


class Watched:
    """One segment, and what the rules remember of its series."""

    def __init__(self, segment: SegmentName) -> None:
        self.segment = segment
        self.offset = 0
        self.series: dict[int, _Series] = {}

    def take(
        self, batch: Batch, chosen: Chosen, again: Callable[[int], Iterable[Batch]]
    ) -> Iterator[Found]:
        """Yield which rules are met in a batch, at their first points.

        `again` gives the segment once more up to an offset, for a rule that is new to a series.
        """
        for fact in facts(batch, SeriesDefined):
            if isinstance(fact.event, SeriesDefined):
                one = _Series(fact.event.name, fact.event.context)
                self.series.setdefault(fact.event.series, one)
        start = 0
        for cut, place in enumerate([*(at for at, _ in batch.rewinds), len(batch.points)]):
            part = _part(batch.points, np.arange(start, place))
            new = list(_by_series(part))
            self._remember(batch.start, [number for number, _ in new], chosen, again)
            for number, points in new:
                yield from self._feed(number, points, chosen)
            start = place
            if cut < len(batch.rewinds):
                self._rewind()
        self.offset = batch.end

    def _remember(
        self,
        end: int,
        numbers: Sequence[int],
        chosen: Chosen,
        again: Callable[[int], Iterable[Batch]],
    ) -> None:
        """Bring rules that are new to a series up to its points before `end`."""
        run = self.segment.run
        wanted: set[tuple[str, str, str]] = set()
        for number in numbers:
            series = self.series.get(number)
            if series is not None and series.count:
                missing = [rule.id for rule in chosen(run, series.name, series.key)
                           if (rule.id, rule.armed) not in series.states]  # fmt: skip
                wanted.update((series.name, series.key, rule) for rule in missing)
        if not wanted:
            return

        def those(run: str, name: str, key: str) -> list[Rule]:
            return [rule for rule in chosen(run, name, key) if (name, key, rule.id) in wanted]

        before = Watched(self.segment)
        for batch in again(end):
            for _ in before.take(batch, those, lambda _: ()):
                pass  # what it met there was tracked before the rule was made, or has been told
        for number, series in before.series.items():
            if number in self.series:
                self.series[number].states.update(series.states)

    def _rewind(self) -> None:
        """Forget the points before: the script tracks them again. The machine's series go on."""
        for series in self.series.values():
            if not is_system(series.name):
                series.count = 0
                series.states.clear()

    def _feed(self, number: int, points: Points, chosen: Chosen) -> Iterator[Found]:
        series = self.series.get(number)
        if series is None:
            return  # its definition is damaged
        series.count += len(points)
        series.newest = max(series.newest, float(points.time.max()))
        for rule in chosen(self.segment.run, series.name, series.key):
            key = (rule.id, rule.armed)
            before = series.states.get(key, conditions.START)
            series.states[key], holds = conditions.feed(
                rule.when, before, points.step, points.value
            )
            met = np.flatnonzero(holds & (points.time >= rule.since))
            if len(met):
                first = int(met[0])
                yield Found(
                    rule,
                    self.segment.run,
                    series.name,
                    series.context,
                    float(points.step[first]),
                    float(points.value[first]),
                    float(points.time[first]),
                )


def _by_series(points: Points) -> Iterator[tuple[int, Points]]:
    """Yield the points of each series in the order in which they were tracked."""
    if not len(points):
        return
    order = np.argsort(points.series, kind="stable")
    numbers, starts = np.unique(points.series[order], return_index=True)
    for number, places in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        yield number, _part(points, places)


def _part(points: Points, places: NDArray[np.intp]) -> Points:
    return Points(
        points.series[places],
        points.step[places],
        points.value[places],
        points.time[places],
        points.epoch[places],
    )
