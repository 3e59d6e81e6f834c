"""The exact points of one series, read from the run's log.

Levels hold a long series in 1,024 buckets; an analysis wants every point as it was tracked. The
log is the only place that has them all.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldline.errors import CorruptRecord
from foldline.events import SeriesDefined
from foldline.layout import SEGMENT_SUFFIX, Layout, SegmentName
from foldline_ingest.batch import Batch, facts
from foldline_ingest.reader import SegmentReader

from .series import context_key

__all__ = ["ExactPoints", "read_points"]

Floats = NDArray[np.float64]


class ExactPoints(NamedTuple):
    """Points in the order of their steps; those of one step in the order of arrival."""

    steps: Floats
    values: Floats
    times: Floats


def read_points(layout: Layout, run: str, name: str, context: dict[str, Any]) -> ExactPoints:
    """Return every point of a series that its run's segments hold now."""
    wanted = (name, context_key(context))
    parts: list[tuple[Floats, Floats, Floats]] = []
    folder = layout.segment(SegmentName(run, "")).parent
    for file in sorted(folder.glob(f"*{SEGMENT_SUFFIX}")):
        # What is no segment is reported by the fold, and holds no points.
        with suppress(CorruptRecord):
            parts += _read_segment(SegmentReader(SegmentName(run, file.stem), file), wanted)
    columns = [np.concatenate([np.empty(0), *column]) for column in zip(*parts, strict=True)]
    if not columns:
        return ExactPoints(np.empty(0), np.empty(0), np.empty(0))
    order = np.argsort(columns[0], kind="stable")
    return ExactPoints(*(column[order] for column in columns))


def _read_segment(
    reader: SegmentReader, wanted: tuple[str, str]
) -> list[tuple[Floats, Floats, Floats]]:
    numbers: list[int] = []
    found = []
    try:
        while (batch := reader.read()).bytes:
            numbers += _numbers(batch, wanted)
            mine = np.isin(batch.points.series, numbers)
            points = batch.points
            found.append((points.step[mine], points.value[mine], points.time[mine]))
    finally:
        reader.close()
    return found


def _numbers(batch: Batch, wanted: tuple[str, str]) -> list[int]:
    """Return the series numbers that a batch gives to the wanted series."""
    return [
        fact.event.series
        for fact in facts(batch)
        if isinstance(fact.event, SeriesDefined)
        and (fact.event.name, context_key(fact.event.context)) == wanted
    ]
