"""A segment read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from foldline.errors import CorruptRecord
from foldline.layout import Layout, SegmentName

from .batch import Batch
from .reader import SegmentReader

__all__ = ["replay"]


def replay(
    layout: Layout,
    segment: SegmentName,
    end: int | None = None,
    *,
    start: int = 0,
    events_only: bool = False,
) -> Iterator[Batch]:
    """Yield what a segment holds now, from the record at `start` up to the offset `end`.

    What is no segment, or is not there any more, holds nothing: the fold reports it.
    """
    path = layout.segment(segment)
    reader = SegmentReader(segment, path, start, end=end, events_only=events_only)
    with suppress(CorruptRecord, FileNotFoundError):
        try:
            while (batch := reader.read(final=end is not None)).bytes:
                yield batch
        finally:
            reader.close()
