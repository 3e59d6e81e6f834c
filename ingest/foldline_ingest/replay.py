"""A segment read again from its start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from foldline.errors import CorruptRecord
from foldline.layout import Layout, SegmentName

from .batch import Batch
from .reader import SegmentReader

__all__ = ["replay"]


def replay(
    layout: Layout, segment: SegmentName, end: int | None = None, *, events_only: bool = False
) -> Iterator[Batch]:
    """Yield what a segment holds now, up to the offset `end`.

    What is no segment, or is not there any more, holds nothing: the fold reports it.
    """
    reader = SegmentReader(segment, layout.segment(segment), end=end, events_only=events_only)
    with suppress(CorruptRecord, FileNotFoundError):
        try:
            while (batch := reader.read(final=end is not None)).bytes:
                yield batch
        finally:
            reader.close()
