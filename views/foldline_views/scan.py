"""All series of a run, read in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.events import SeriesDefined
from foldline.layout import Layout, SegmentName
from foldline.series import is_system
from foldline_ingest.batch import Batch, facts

from .exact import ExactPoints
from .logged import read_segments
from .pointsource import PointsSource
from .rewinds import Rewinds, pass_by, rewinds_of
from .series import context_key

__all__ = ["Scan"]

POINTS_MAX = 20_000_000  # held at 44 bytes each; of a longer run series are read one by one

Key = tuple[str, str]


class Scan:
    """The points of a run's series, as of when they are first asked for.

    The first series that is asked for is read by itself. Who asks for a second will go through
    them all, and a pass over the log for each is too slow.
    """

    def __init__(self, layout: Layout, run: str) -> None:
        self._layout = layout
        self._run = run
        self._asked = 0
        self._all: dict[Key, ExactPoints] | None = None

    def points(self, name: str, context: dict[str, Any]) -> ExactPoints:
        """Return the points of a series."""
        self._asked += 1
        if self._asked == 2:
            self._all = _read(self._layout, self._run)
        if self._all is None:
            return PointsSource(self._layout).points((self._run, name, context))
        nothing = np.empty(0)
        none = ExactPoints(nothing, nothing, nothing, nothing)
        return self._all.get((name, context_key(context)), none)


def _read(layout: Layout, run: str) -> dict[Key, ExactPoints] | None:
    """Return the points of every series, or None if there are too many."""
    numbers: dict[Key, int] = {}
    batches: list[tuple[Batch, NDArray[np.intp]]] = []
    rewinds = Rewinds()
    total = 0
    for segment in read_segments(layout, run):
        known = np.zeros(1, dtype=np.intp)  # the number that each of the segment's series has here
        for batch in segment:
            known = _number(batch, numbers, known)
            total += len(batch.points)
            if total > POINTS_MAX:
                return None
            batches.append((batch, known[batch.points.series]))
            for rewind in rewinds_of(batch):
                rewinds.add(rewind)
    system = np.array([is_system(name) for name, _ in numbers], dtype=np.bool_)
    passed: dict[SegmentName, int] = {}
    parts = []
    for batch, series in batches:
        if rewinds and len(series):
            shown = ~rewinds.hide(batch, passed) | system[series]
            parts.append((series[shown], batch.points.where(shown)))
        else:
            parts.append((series, batch.points))
        pass_by(passed, batch)
    if not parts:
        return {}
    series = np.concatenate([part for part, _ in parts])
    columns = [
        np.concatenate(column) for column in zip(*(points for _, points in parts), strict=True)
    ]
    _, step, value, time, epoch = columns
    order = np.lexsort((step, series))
    ends = np.searchsorted(series[order], np.arange(len(numbers)), side="right")
    cuts = [np.split(column[order], ends[:-1]) for column in (step, value, time, epoch)]
    return {key: ExactPoints(*(cut[number] for cut in cuts)) for key, number in numbers.items()}


def _number(batch: Batch, numbers: dict[Key, int], known: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return `known` with the series that a batch defines; new ones get the next number."""
    for fact in facts(batch):
        if isinstance(fact.event, SeriesDefined):
            key = fact.event.name, context_key(fact.event.context)
            if fact.event.series >= len(known):
                known = np.concatenate((known, np.full(fact.event.series + 1, -1, dtype=np.intp)))
            known[fact.event.series] = numbers.setdefault(key, len(numbers))
    return known
