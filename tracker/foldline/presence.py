"""The sign that a segment may still grow.

A marker is a file of `active/` that its writer holds locked for as long as it lives: the lock
goes with the process, however that ends. It is made aside and renamed, so that nobody ever sees
a marker that is not locked yet.
"""

from __future__ import annotations

import os
from contextlib import suppress

import msgspec

from .layout import Layout, Marker, SegmentName

__all__ = ["HEARTBEAT_S", "Presence"]

HEARTBEAT_S = 10.0  # between two signs of life; other hosts take a minute of silence for death


class Presence:
    """An active marker that this process holds."""

    def __init__(self, layout: Layout, name: SegmentName, marker: Marker) -> None:
        """Put the marker there. Raises OSError."""
        path = layout.marker(name)
        draft = layout.root / f".active.{name.run}.{name.writer}"
        self.path = path
        self._descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            _lock(self._descriptor)
            os.write(self._descriptor, msgspec.json.encode(marker))
            draft.replace(path)
        except BaseException:  # whatever it is, it goes on; the draft must not stay
            self.leave()
            draft.unlink(missing_ok=True)
            raise

    def beat(self) -> None:
        """Give a sign of life to other machines, which can't see the lock."""
        # By its name: the descriptor may be closed, and another file's, at any moment.
        with suppress(OSError):  # folded to its end already, or a store that is gone
            os.utime(self.path)

    def leave(self) -> None:
        """Let go of the lock; the marker stays until the segment is folded.

        After a fork the child does the same, and the parent still holds its lock.
        """
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def withdraw(self) -> None:
        """Take the marker away: its segment could not be made."""
        self.leave()
        self.path.unlink(missing_ok=True)


def _lock(descriptor: int) -> None:
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return  # Windows, or a network file system without locks: the marker's age has to do
