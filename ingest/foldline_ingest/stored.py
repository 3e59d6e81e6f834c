"""A segment's bytes, from its own file or from a pack."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from foldline.layout import Layout, SegmentName
from foldline.links import is_linked, open_file
from foldline.packs import find

__all__ = ["SegmentBytes", "SegmentFile", "open_segment", "written_at"]


class SegmentBytes(Protocol):
    """The bytes of one segment, open until `close`."""

    @property
    def size(self) -> int:
        """The bytes that the segment has now, written or only allocated."""

    @property
    def damaged(self) -> dict[int, int]:
        """Ranges, offset to length, that can't be read and read as zeros."""

    def pread(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes from `offset` on."""

    def close(self) -> None:
        """Give back the file descriptor."""


class SegmentFile:
    """A segment in a file of its own; what is behind a link is no segment of this store."""

    def __init__(self, path: Path) -> None:
        if is_linked(path.parent) or is_linked(path.parents[1]):
            raise FileNotFoundError(path)
        self._file = open_file(path)
        self.damaged: dict[int, int] = {}

    @property
    def size(self) -> int:
        """The bytes that the file has now, written or only allocated."""
        return os.fstat(self._file).st_size

    def pread(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes from `offset` on."""
        return os.pread(self._file, length, offset)

    def close(self) -> None:
        """Give back the file descriptor."""
        os.close(self._file)


def open_segment(name: SegmentName, path: Path) -> SegmentBytes:
    """Open the segment whose file is, or was before it was packed, at `path`.

    Raises FileNotFoundError if it is nowhere, and CorruptRecord if its part of a pack is damaged.
    """
    try:
        return SegmentFile(path)
    except FileNotFoundError:
        missing = True
    layout = Layout(path.parents[3])
    while missing:
        packed = find(layout, name) or find(layout, name, afresh=True)
        if packed is None:
            break
        from .packed import PackedSegment  # loads zstd, which a store without packs never needs

        try:
            return PackedSegment(packed)
        except FileNotFoundError:  # packed anew with others, between the two looks
            if find(layout, name, afresh=True) == packed:
                break
    raise FileNotFoundError(path)


def written_at(layout: Layout, name: SegmentName) -> float:
    """Return the unix time at which a segment was last written. Raises FileNotFoundError."""
    try:
        return layout.segment(name).stat().st_mtime
    except FileNotFoundError:
        packed = find(layout, name) or find(layout, name, afresh=True)
        if packed is None:
            raise
        return packed.entry.mtime_ns / 1e9
