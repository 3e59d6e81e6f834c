"""The background thread that tends open segments.

One for a process, started with its first segment. It never keeps the interpreter from ending,
and nothing waits for it: what it is late with, the caller does, and closing does the rest. It
also gives the sign that the process lives.
"""

from __future__ import annotations

import _thread
import time

from .buffered import FLUSH_INTERVAL_S
from .presence import HEARTBEAT_S, Presence
from .segment import Segment

__all__ = ["Keeper"]

RETRY_INTERVAL_S = 1.0  # after a failure; a full disk should not cost a core


class Keeper:
    """A thread that seals, prepares and flushes, whenever the bell rings."""

    def __init__(self) -> None:
        self._segments: list[tuple[Segment, Presence]] = []
        self._bell = _thread.allocate_lock()  # held: silent
        self._bell.acquire()
        self._started = False

    def add(self, segment: Segment, presence: Presence) -> None:
        """Tend `segment`, and keep its sign of life fresh, until it is closed."""
        self._segments.append((segment, presence))
        if not self._started:
            self._started = True
            try:
                # Not threading.Thread: its start() waits, and its kind is listed and joined.
                _thread.start_new_thread(self._run, ())
            except RuntimeError:
                self._started = False  # no thread to be had, or the interpreter is ending
        self.ring()

    def ring(self) -> None:
        """Have the thread look at its segments soon."""
        try:
            self._bell.release()
        except RuntimeError:
            return  # it rings already

    def after_fork(self) -> None:
        """Start afresh in a forked child, which has the objects and not the thread."""
        self.__init__()  # type: ignore[misc]  # on purpose: everything here is the parent's

    def _run(self) -> None:
        timeout = HEARTBEAT_S
        beaten = time.monotonic()
        while True:
            self._bell.acquire(timeout=timeout)
            timeout = HEARTBEAT_S
            due = time.monotonic() - beaten >= HEARTBEAT_S
            if due:
                beaten = time.monotonic()
            for segment, presence in tuple(self._segments):
                if segment.closed:
                    self._segments.remove((segment, presence))
                    continue
                if due:
                    presence.beat()
                if segment.file.buffered:
                    timeout = FLUSH_INTERVAL_S
                try:
                    segment.tend()
                except (OSError, ValueError):
                    # A full disk, or a segment that was closed this moment. The writer meets the
                    # same error when it needs the room, and says so.
                    timeout = RETRY_INTERVAL_S
