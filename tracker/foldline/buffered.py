"""A segment's file, written a moment after the appending.

For network file systems, where mapped pages are not coherent between machines, for those that
copy on write, where allocated blocks don't stay allocated, and for Windows. The bytes are those
of a mapped file. What was appended in the last FLUSH_INTERVAL_S is lost if the process is killed.
"""

from __future__ import annotations

import mmap
import os

from .disk import sync_file, write_at
from .window import Window, seal_bytes

__all__ = ["FLUSH_INTERVAL_S", "BufferedFile"]

FLUSH_INTERVAL_S = 0.05  # what SIGKILL may cost; below it, a network file system is kept too busy


class BufferedFile:
    """An open file whose windows lie in memory; their segment writes them by `patch`."""

    buffered = True

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def window(self, start: int, size: int, now: float, salt: int) -> Window:
        """Return a window in memory. Raises OSError. The PAD of a mapped one is never needed."""
        del now, salt
        return Window(mmap.mmap(-1, size - seal_bytes(size)), start=start, size=size)

    def discard(self, window: Window) -> None:
        """Give up a window that nothing was appended to."""
        window.memory.close()

    def patch(self, data: bytes, offset: int) -> None:
        """Write `data` at `offset` of the file. Raises OSError."""
        write_at(self.descriptor, data, offset)

    def sync(self, windows: list[Window]) -> None:
        """Make what was written survive a loss of power. Raises OSError."""
        del windows
        sync_file(self.descriptor)

    def end(self, length: int) -> None:
        """Cut the file to `length` bytes. Raises OSError."""
        os.ftruncate(self.descriptor, length)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)
