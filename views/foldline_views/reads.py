"""What one answer reads of series."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import buckets
from .buckets import Level
from .exact import EVERYWHERE, ExactPoints, ExactSource
from .levels import whole_levels

__all__ = ["EXACT_POINTS_MAX", "EXACT_READS_MAX", "Reads", "Slots", "buckets_of"]

Floats = NDArray[np.float64]
Slots = tuple[int, ...]

# Series of an answer whose exact points are read: a chart that is zoomed into shows no more, and
# each may cost a look through its run's log.
EXACT_READS_MAX = 64
# Points of one series that are read to draw a part of it finer than its level: 8 MB.
EXACT_POINTS_MAX = 1 << 18


class Reads:
    """Reads for one answer, all true for one commit; `warnings` says what it had to leave out."""

    def __init__(self, db: sqlite3.Connection, exact: ExactSource) -> None:
        self.db = db
        self.warnings: dict[str, None] = {}
        self._exact = exact
        self._left = EXACT_READS_MAX
        self._levels: dict[Slots, Level] = {}
        self._ends: dict[str, dict[str, int]] = {}

    def load(self, wanted: Iterable[Slots]) -> None:
        """Read the levels of series, each named by its slots, and let those read before go."""
        series = list(dict.fromkeys(wanted))
        self._levels = dict(zip(series, whole_levels(self.db, series), strict=True))

    def level(self, slots: Slots) -> Level:
        """Return a series that was loaded."""
        return self._levels[slots]

    @property
    def may_read(self) -> bool:
        """Whether exact points of another series may be read."""
        return self._left > 0

    def exact(
        self,
        series: tuple[str, str, dict[str, Any]],
        span: tuple[float, float] = EVERYWHERE,
        *,
        as_of: float = np.inf,
    ) -> ExactPoints | None:
        """Return exact points (see ExactSource), or None if enough was read for this answer."""
        if not self.may_read:
            return None
        self._left -= 1
        run = series[0]
        if run not in self._ends:
            rows = self.db.execute(
                "SELECT writer, offset FROM segment JOIN run ON run.id = run WHERE uid = ?", (run,)
            )
            self._ends[run] = dict(rows)
        return self._exact.points(series, span, as_of=as_of, ends=self._ends[run])

    def warn(self, message: str) -> None:
        """Say something about the answer once."""
        self.warnings[message] = None


def buckets_of(points: ExactPoints) -> Floats:
    """Return one bucket for each step of exact points."""
    whole = buckets.of_points(points.steps, points.values, points.times)
    return buckets.coarsen(whole, 0, key=whole[buckets.STEP])
