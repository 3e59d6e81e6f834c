"""Which points a run's rewinds hide.

A rewind to a step hides the points of larger steps that were tracked before it. Within its own
segment, before means earlier in the file. Of other writers' points the times tell, as the writers'
clocks had them. So what is hidden follows from the log alone, in whatever order it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from foldline.events import StepsRewound, decode
from foldline.layout import SegmentName
from foldline_ingest.batch import Batch

__all__ = ["Rewind", "Rewinds", "pass_by", "placed_rewinds", "rewinds_of"]


class Rewind(NamedTuple):
    """One rewind: what orders it, and the last step that it leaves in sight."""

    writer: str
    seq: int
    time: float
    step: float


class Rewinds:
    """The rewinds of one run that are known."""

    def __init__(self) -> None:
        self._by_writer: dict[str, list[Rewind]] = {}  # in the order of their segment

    def __bool__(self) -> bool:
        return bool(self._by_writer)

    def add(self, rewind: Rewind) -> None:
        """Add the next rewind of its writer."""
        self._by_writer.setdefault(rewind.writer, []).append(rewind)

    def last_seq(self, writer: str) -> int:
        """Return the seq of the last rewind of a writer that is known, -1 if there is none."""
        return self._by_writer[writer][-1].seq if writer in self._by_writer else -1

    def hide(self, batch: Batch, passed: Mapping[SegmentName, int]) -> NDArray[np.bool_]:
        """Return which points of a batch are hidden.

        `passed` has the seq of the last rewind in the same segment that lies before the batch.
        """
        own = self._by_writer.get(batch.segment.writer, [])
        later = [rewind for rewind in own if rewind.seq > passed.get(batch.segment, -1)]
        places = [at for at, _ in placed_rewinds(batch)]
        behind = np.searchsorted(places, np.arange(len(batch.points)), side="right")
        limit = _lowest_from([rewind.step for rewind in later])[behind]
        others = sorted(
            (rewind.time, rewind.step)
            for writer, rewinds in self._by_writer.items()
            if writer != batch.segment.writer
            for rewind in rewinds
        )
        if others:
            times = [time for time, _ in others]
            coming = np.searchsorted(times, batch.points.time, side="right")
            limit = np.minimum(limit, _lowest_from([step for _, step in others])[coming])
        hidden: NDArray[np.bool_] = batch.points.step > limit
        return hidden


def rewinds_of(batch: Batch) -> list[Rewind]:
    """Return the rewinds that a batch holds."""
    return [rewind for _, rewind in placed_rewinds(batch)]


def pass_by(passed: dict[SegmentName, int], batch: Batch) -> None:
    """Note which rewind of a batch's segment was the last that was read."""
    for rewind in rewinds_of(batch):
        passed[batch.segment] = rewind.seq


def placed_rewinds(batch: Batch) -> Iterator[tuple[int, Rewind]]:
    """Yield each rewind with how many of the batch's points come before it."""
    for at, head in batch.rewinds:
        try:
            event = decode(head.type, head.payload)
        except (msgspec.MsgspecError, RecursionError):
            continue  # nobody's Foldline wrote it
        if isinstance(event, StepsRewound) and not math.isnan(event.step):
            yield at, Rewind(batch.segment.writer, head.seq, head.time, float(event.step))


def _lowest_from(steps: Sequence[float]) -> NDArray[np.float64]:
    """Return at each place the lowest step from there on, and at the end that there is none."""
    return np.minimum.accumulate(np.array([*steps, math.inf])[::-1])[::-1]
