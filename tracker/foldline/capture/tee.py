"""A channel's end in the companion: read, handed on unchanged."""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress

from .launch import Tap
from .lines import READ_BYTES_MAX, Lines

__all__ = ["Tee"]

SIZE_CHECK_S = 1.0  # between two looks at the size of the terminal behind a pseudo-terminal
# What a pipe may hold when its writer says that it is through, and what children add meanwhile.
DRAIN_BYTES_MAX = 1024 * 1024


class Tee:
    """Reads what is printed, and copies it to where it was meant to go."""

    def __init__(self, tap: Tap) -> None:
        self.stream = tap.stream
        self.reading = tap.reading
        self.lines: Lines | None = None
        self.handed_on = 0  # bytes
        self._copying = tap.copying
        self._terminal = tap.terminal
        self._looked_at = 0.0
        self._size = b""

    def read(self) -> bytes:
        """Return what there is, handed on; nothing means that nobody can print any more."""
        try:
            data = os.read(self.reading, READ_BYTES_MAX)
        except OSError:  # a pseudo-terminal whose writers are gone
            return b""
        self.handed_on += len(data)
        if self._copying >= 0:
            left = memoryview(data)
            with suppress(OSError):  # nobody looks any more; it is logged all the same
                while left:
                    left = left[os.write(self._copying, left) :]
        return data

    def is_ready(self) -> bool:
        """Say whether `read` would not wait."""
        poll = select.poll()
        poll.register(self.reading, select.POLLIN)
        return bool(poll.poll(0))

    def wants_at(self) -> float:
        """Return the monotonic time at which there is something to do without new text."""
        soon = self.lines.wants_more_at() if self.lines is not None else float("inf")
        return min(soon, self._looked_at + SIZE_CHECK_S) if self._terminal else soon

    def follow_size(self) -> None:
        """Give the pseudo-terminal the size of the terminal behind it."""
        if not self._terminal:
            return
        import fcntl
        import termios

        self._looked_at = time.monotonic()
        with suppress(OSError):
            size = fcntl.ioctl(self._copying, termios.TIOCGWINSZ, bytes(8))
            if size != self._size:
                fcntl.ioctl(self.reading, termios.TIOCSWINSZ, size)
                self._size = size

    def close(self) -> None:
        """Let go of both ends: whoever reads what is printed sees its end now."""
        for descriptor in {self.reading, self._copying}:
            if descriptor >= 0:
                os.close(descriptor)
