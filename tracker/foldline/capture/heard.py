"""What Python writes, where no companion can be.

On Windows, or built into another program, the process logs it itself; only `sys.stdout` and
`sys.stderr` are heard.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from .. import secrets
from ..events import Event
from .console import hear
from .lines import READ_BYTES_MAX, Count, Lines

__all__ = ["Heard"]


class Heard:
    """Listens to the two streams of this process, until it is ended."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._lock = threading.RLock()
        self._ends: list[Callable[[], None]] = []
        self._lines: list[Lines] = []
        count = Count()
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name, None)
            if stream is not None:
                lines = Lines(name, count, secrets.mask_text)
                self._lines.append(lines)
                self._ends.append(hear(stream, partial(self._feed, lines)))

    def end(self) -> None:
        """Listen no more, and log the lines that are not ended."""
        for end in self._ends:
            end()
        for lines in self._lines:
            self._tell(lines, b"", last=True)

    def _feed(self, lines: Lines, text: str) -> None:
        data = text.encode("utf-8", "replace")
        for at in range(0, len(data), READ_BYTES_MAX):
            self._tell(lines, data[at : at + READ_BYTES_MAX])

    def _tell(self, lines: Lines, data: bytes, *, last: bool = False) -> None:
        with self._lock:
            for event in lines.feed(data, time.monotonic(), last=last):
                self._emit(event)
