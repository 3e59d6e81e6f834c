"""How fast, and how soon again.

Whoever waits for a server that is back waits for a random part of a growing time, so that a
thousand trainings do not all come at once.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

__all__ = ["Backoff", "Pieces", "Rate", "told_rate"]

PATIENCE_S = 60.0  # with a server that is away: one that is started again is back within it
WAIT_S_FIRST = 0.5
WAIT_S_MAX = 30.0  # half a minute after a server is back everybody has found out
PIECE_BYTES_FIRST = 256 << 10
PIECE_BYTES_MIN = 4 << 10  # a piece takes a minute then, on a line of 70 bytes a second
PIECE_BYTES_MAX = 4 << 20  # more in one request is no faster, and lost as a whole if it breaks
SLOW_S = 4.0  # a piece that took longer was too large for this line
FAST_S = 0.5  # one that took less might have been larger


class Backoff:
    """Says how long to wait after one failure more."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()
        self._failures = 0

    def failed(self, after_s: float = 0.0) -> float:
        """Return seconds to wait: at least `after_s`, which the server asked for."""
        limit = min(WAIT_S_MAX, WAIT_S_FIRST * 2 ** min(self._failures, 16))
        self._failures += 1
        return after_s + self._chance.uniform(limit / 4, limit)

    def worked(self) -> None:
        """Begin anew."""
        self._failures = 0


class Pieces:
    """How large a piece may be on this line."""

    def __init__(self) -> None:
        self.size = PIECE_BYTES_FIRST

    def took(self, size: int, seconds: float) -> None:
        """Learn from a piece that arrived."""
        if seconds > SLOW_S:
            self.failed()
        elif seconds < FAST_S and size >= self.size:
            self.size = min(self.size * 2, PIECE_BYTES_MAX)

    def failed(self) -> None:
        """Learn from one that did not."""
        self.size = max(self.size // 2, PIECE_BYTES_MIN)


class Rate:
    """A bound on bytes a second, with a second's worth in hand; 0 is none."""

    def __init__(self, bytes_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_s = bytes_s
        self._clock = clock
        self._ahead_until = 0.0  # when all that was sent would have been sent at this rate

    def wait_s(self, size: int) -> float:
        """Take account of `size` bytes that are sent now; return how long to wait afterwards."""
        if self._bytes_s <= 0:
            return 0.0
        now = self._clock()
        self._ahead_until = max(self._ahead_until, now - 1.0) + size / self._bytes_s
        return max(0.0, self._ahead_until - now)


def told_rate() -> float:
    """Return the bytes a second that FOLDLINE_SHIP_BYTES_S allows, 0 for no bound."""
    text = os.environ.get("FOLDLINE_SHIP_BYTES_S", "")
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0.0
