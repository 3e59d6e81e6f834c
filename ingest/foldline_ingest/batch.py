"""What was read from one segment, in order.

A batch is the unit that moves through ingest: points as columns, events as records, and the
offset that the segment has been read up to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from foldline.cell import EventHead
from foldline.events import Event, decode
from foldline.layout import SegmentName

__all__ = ["NO_POINTS", "Batch", "Damage", "Fact", "Points", "Stamp", "facts"]

Floats = NDArray[np.float64]


class Points(NamedTuple):
    """The points of a batch, in the order in which they were tracked."""

    series: NDArray[np.uint32]  # the segment's own series numbers
    step: Floats
    value: Floats  # may be NaN or infinite
    time: Floats  # unix seconds
    epoch: Floats  # NaN where none was given

    def __len__(self) -> int:
        return len(self.step)

    def where(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Points:
        """Return the points that a mask is true for, or that are at some places."""
        return Points(
            self.series[which],
            self.step[which],
            self.value[which],
            self.time[which],
            self.epoch[which],
        )

    @classmethod
    def joined(cls, parts: Sequence[Points]) -> Points:
        """Return the points of all parts, end to end; there is one part at least."""
        series, *numbers = zip(*parts, strict=True)
        return cls(np.concatenate(series), *map(np.concatenate, numbers))


NO_POINTS = Points(np.empty(0, np.uint32), *np.empty((4, 0)))
NO_OFFSETS = np.empty(0, np.int64)


class Damage(msgspec.Struct, frozen=True):
    """Bytes of the log that can't be trusted, and were left out and left where they are."""

    segment: str  # "<run>/<writer>"
    offset: int
    length: int
    reason: str


class Batch(NamedTuple):
    """The part of a segment from `start` up to `end`."""

    segment: SegmentName
    start: int
    end: int
    points: Points
    events: list[EventHead]
    damage: list[Damage]
    finished: bool  # the last seal was read: nothing will follow
    # The `StepsRewound` among the events, each with how many of the points come before it.
    rewinds: Sequence[tuple[int, EventHead]] = ()
    offsets: NDArray[np.int64] = NO_OFFSETS  # where the record of each point begins in the segment

    def where(self, mask: NDArray[np.bool_]) -> Batch:
        """Return the batch with only the points that the mask is true for."""
        rewinds = [(int(np.count_nonzero(mask[:at])), head) for at, head in self.rewinds]
        return self._replace(
            points=self.points.where(mask), rewinds=rewinds, offsets=self.offsets[mask]
        )

    @property
    def bytes(self) -> int:
        """How much of the segment this batch covers."""
        return self.end - self.start


Stamp = tuple[float, str, int]
"""What orders the facts of different writers: (unix time, writer, seq)."""


class Fact(NamedTuple):
    """A decoded event with what orders it among the facts of other writers."""

    time: float
    writer: str
    seq: int
    event: Event

    @property
    def stamp(self) -> Stamp:
        """What orders it: of two facts about one thing the one with the greater stamp counts."""
        return (self.time, self.writer, self.seq)


def facts(batch: Batch, *kinds: type[Event]) -> Iterator[Fact]:
    """Yield the events of a batch that this version knows; unknown types are left to later ones.

    Where `kinds` are given, others are not even decoded. An event whose checksum is right and
    whose payload is not what its type says was written by nobody's Foldline: it is passed over
    like an unknown type.
    """
    numbers = {kind.TYPE for kind in kinds}
    for head in batch.events:
        if numbers and head.type not in numbers:
            continue
        try:
            event = decode(head.type, head.payload)
        except (msgspec.MsgspecError, RecursionError):
            continue
        if event is not None:
            yield Fact(head.time, batch.segment.writer, head.seq, event)
