"""The stretch of a segment that cells are appended to.

A window is memory with a position, whose `write` is one C call: it copies whole cells, moves the
position on, and raises ValueError if they don't fit. Under the interpreter lock that call is
atomic, so any number of threads append without a lock of ours. The last cells of a window, its
seal area, lie beyond that memory: `write` can't reach them.
"""

from __future__ import annotations

import mmap

from .cell import BLOCK_BYTES, CELL_BYTES, encode_pad

__all__ = ["WINDOW_BYTES_FIRST", "WINDOW_BYTES_MAX", "Window", "seal_bytes", "window_bytes"]

WINDOW_BYTES_FIRST = 64 * 1024  # small, so that a run of a few points costs little disk
WINDOW_BYTES_MAX = 1024 * 1024  # 32,000 points: a switch is rare, and little is allocated in vain


def seal_bytes(size: int) -> int:
    """Return the bytes of the seal area of a window of `size`: one cell for each block."""
    return size // BLOCK_BYTES * CELL_BYTES


def window_bytes(previous: int, needed: int) -> int:
    """Return the size of the window after one of `previous` bytes, with room for `needed`."""
    size = min(previous * 2, WINDOW_BYTES_MAX)
    blocks = -(-needed // (BLOCK_BYTES - CELL_BYTES))
    return max(size, blocks * BLOCK_BYTES)


class Window:
    """`size` bytes of a file from `start` on, of which `memory` holds all but the seal area."""

    __slots__ = ("kept", "limit", "memory", "size", "start", "write")

    def __init__(self, memory: mmap.mmap, *, start: int, size: int) -> None:
        self.memory = memory
        self.start = start
        self.size = size
        self.limit = size - seal_bytes(size)
        self.kept = 0  # how many bytes a buffered file has written so far
        self.write = memory.write

    @property
    def end(self) -> int:
        """The offset in the file of the first byte after this window."""
        return self.start + self.size

    @property
    def used(self) -> int:
        """How many bytes were appended."""
        return self.memory.tell()

    def fill(self, time: float, *, salt: int, pad: bool = True) -> int:
        """Fill what is left with zeros, after a PAD that leads a reader to the seal area.

        Returns how much was used before. Only a filling to the last byte will do: a gap would
        hide what another thread appends behind it. Afterwards every `write` raises, also those
        that other threads are about to make.
        """
        while True:
            used = self.memory.tell()
            if used == self.limit:
                return used
            head = b""
            if pad:
                target, offset = self.start + self.limit, self.start + used
                head = encode_pad(target, salt=salt, offset=offset, time=time)
            try:
                self.memory.write(head.ljust(self.limit - used, b"\0"))
            except ValueError:
                continue  # another thread appended in between: look again
            return used

    def touch(self, at: int, length: int) -> None:
        """Make the pages from `at` on present and writable; only before the window is used."""
        stop = min(at + length, self.limit)
        self.memory[at:stop] = bytes(stop - at)
