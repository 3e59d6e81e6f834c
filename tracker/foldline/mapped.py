"""A segment's file, appended to through mapped memory.

What was written to a window is in the system's page cache at once: it survives the end of the
process by any means, without a system call. It needs a local file system, where memory and file
are the same pages and allocated blocks stay allocated.
"""

from __future__ import annotations

import mmap
import os

from .cell import encode_pad
from .disk import allocate, sync_file, write_at
from .window import Window, seal_bytes

__all__ = ["MappedFile"]


class MappedFile:
    """An open file whose windows are its own pages."""

    buffered = False

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def window(self, start: int, size: int, now: float, salt: int) -> Window:
        """Allocate and map a window. Raises OSError if the disk is full."""
        allocate(self.descriptor, start, size)
        memory = mmap.mmap(self.descriptor, size - seal_bytes(size), offset=start)
        window = Window(memory, start=start, size=size)
        # Until its seals are made, a reader passes over the seal area by this cell.
        at = start + window.limit
        self.patch(encode_pad(window.end, salt=salt, offset=at, time=now), at)
        return window

    def discard(self, window: Window) -> None:
        """Give up a window that nothing was appended to, so that a larger one takes its place."""
        window.memory.close()
        self.patch(bytes(seal_bytes(window.size)), window.start + window.limit)

    def patch(self, data: bytes, offset: int) -> None:
        """Write `data` over bytes of the file that are in no window's memory. Raises OSError."""
        write_at(self.descriptor, data, offset)

    def sync(self, windows: list[Window]) -> None:
        """Make what was appended survive a loss of power. Raises OSError."""
        for window in windows:
            window.memory.flush()
        sync_file(self.descriptor)

    def end(self, length: int) -> None:
        """Cut the file to `length` bytes. Raises OSError."""
        os.ftruncate(self.descriptor, length)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)
