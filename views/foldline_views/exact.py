"""The exact points of one series, read from the run's log.

Levels hold a long series in 1,024 buckets; an analysis wants every point as it was tracked. The
log is the only place that has them all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldline.events import SeriesDefined
from foldline.layout import Layout
from foldline_ingest.batch import NO_POINTS, Batch, facts

from .logged import read_segments
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
    """Return every point of a series that its run's segments hold now."""
    wanted = (name, context_key(context))
    parts = [NO_POINTS]
    for segment in read_segments(layout, run):
        numbers: list[int] = []
        for batch in segment:
            numbers += _numbers(batch, wanted)
            parts.append(batch.points.where(np.isin(batch.points.series, numbers)))
    step, value, time, epoch = (
        np.concatenate(column) for column in list(zip(*parts, strict=True))[1:]
    )
    order = np.argsort(step, kind="stable")
    return ExactPoints(step[order], value[order], time[order], epoch[order])


def _numbers(batch: Batch, wanted: tuple[str, str]) -> list[int]:
    """Return the series numbers that a batch gives to the wanted series."""
    return [
        fact.event.series
        for fact in facts(batch)
        if isinstance(fact.event, SeriesDefined)
        and (fact.event.name, context_key(fact.event.context)) == wanted
    ]
