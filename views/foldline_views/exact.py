"""The exact points of one series, read from the run's log.

Levels hold a long series in 1,024 buckets; an analysis wants every point as it was tracked. The
log is the only place that has them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldline.events import SeriesDefined
from foldline.layout import Layout, SegmentName
from foldline_ingest.batch import NO_POINTS, Batch, Points, facts

from .logged import read_segments
from .rewinds import SYSTEM_PREFIX, Rewinds, pass_by, rewinds_of
from .series import context_key

__all__ = ["ExactPoints", "read_points"]

Floats = NDArray[np.float64]


class ExactPoints(NamedTuple):
    """Points in the order of their steps; those of one step in the order of arrival."""

    steps: Floats
    values: Floats
    times: Floats
    epochs: Floats  # NaN where none was given


def read_points(layout: Layout, run: str, name: str, context: dict[str, Any]) -> ExactPoints:
    """Return every point of a series that its run's segments hold now and no rewind hides."""
    wanted = (name, context_key(context))
    rewinds = Rewinds()
    found: list[Batch] = []
    for segment in read_segments(layout, run):
        numbers: list[int] = []
        for batch in segment:
            numbers += _numbers(batch, wanted)
            found.append(batch.where(np.isin(batch.points.series, numbers)))
            for rewind in rewinds_of(batch):
                rewinds.add(rewind)
    parts = [NO_POINTS, *(batch.points for batch in found)]
    if rewinds and not name.startswith(SYSTEM_PREFIX):
        parts[1:] = _in_sight(found, rewinds)
    step, value, time, epoch = (
        np.concatenate(column) for column in list(zip(*parts, strict=True))[1:]
    )
    order = np.argsort(step, kind="stable")
    return ExactPoints(step[order], value[order], time[order], epoch[order])


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
