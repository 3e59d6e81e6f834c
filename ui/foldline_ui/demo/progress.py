"""The demo's progress in the terminal: one line, redrawn."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__ = ["Progress"]

BAR_CHARS = 28
REDRAW_S = 0.1


class Progress:
    """How far `runs` trainings of `steps` steps each have come.

    On a terminal one line is redrawn; elsewhere only the end of each run is printed.
    """

    def __init__(self, runs: int, steps: int) -> None:
        self.ended = 0
        self._runs = runs
        self._steps = steps
        self._done: dict[int, int] = {}
        self._best = 0.0
        self._started = time.monotonic()
        self._drawn = 0.0
        self._terminal = sys.stdout.isatty()

    def add(self, report: dict[str, Any]) -> None:
        """Take in what a training reported: a step, or its end."""
        trial = int(report["trial"])
        if "status" not in report:
            self._done[trial] = int(report["step"])
            self._best = max(self._best, float(report["accuracy"]))
            return
        self.ended += 1
        self._done[trial] = self._steps
        if not self._terminal or report["status"] != "finished":
            self._clear()
            print(f"  {report['name']}: {report['status']}", flush=True)

    def draw(self) -> None:
        """Redraw the line, if somebody can see it and it is not too soon."""
        now = time.monotonic()
        if not self._terminal or now - self._drawn < REDRAW_S:
            return
        self._drawn = now
        part = sum(self._done.values()) / (self._runs * self._steps)
        filled = round(part * BAR_CHARS)
        left_s = (now - self._started) * (1 - part) / part if part > 0.02 else None
        left = "" if left_s is None else f" · {left_s:.0f} s left"
        sys.stdout.write(
            f"\r\x1b[K  {'█' * filled}{'░' * (BAR_CHARS - filled)} "
            f"{self.ended}/{self._runs} models · best accuracy {self._best:.1%}{left}"
        )
        sys.stdout.flush()

    def end(self) -> None:
        """Take the line away and say how long it took."""
        self._clear()
        seconds = time.monotonic() - self._started
        print(f"  {self.ended} of {self._runs} models trained in {seconds:.0f} s.", flush=True)

    def _clear(self) -> None:
        if self._terminal:
            sys.stdout.write("\r\x1b[K")
