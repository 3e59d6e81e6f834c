"""How much was tracked, by quarter of an hour.

Days begin at another time for each reader, and everywhere at a quarter of an hour of UTC; so
quarters can be added up to anybody's days.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from foldline.series import SYSTEM_PREFIX
from foldline_ingest.batch import Batch

from .session import Session

__all__ = ["DAY_S", "ActivityDay", "ActivityPage", "ActivityView", "activity_days"]

QUARTER_S = 900
DAY_S = 86_400
TIME_S_MAX = 253_402_300_800  # the year 10,000: a later time is a broken clock's, and not counted


class ActivityDay(msgspec.Struct):
    """A day on which something happened."""

    day: str  # as 2026-11-28
    runs: int  # that were created
    points: int | None
    """That scripts tracked, those among them that a rewind hides; None for who sees some runs."""


class ActivityPage(msgspec.Struct):
    """The days on which something happened, in order."""

    days: list[ActivityDay]
    watermark: int


class ActivityView:
    """Counts points by when they were tracked; the machine's load is not counted.

    It stands on the shelf of the points view, after it, and reads names from its table.
    """

    name = "activity"
    version = 1
    schema = "CREATE TABLE activity (quarter INTEGER PRIMARY KEY, points INTEGER NOT NULL);"

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Add up the points of the batches."""
        for batch in batches:
            if not len(batch.points):
                continue
            times = batch.points.time[self._tracked(session, batch)]
            times = times[(times >= 0) & (times < TIME_S_MAX)]
            quarters, counts = np.unique((times // QUARTER_S).astype(np.int64), return_counts=True)
            session.db.executemany(
                "INSERT INTO activity VALUES (?, ?)"
                " ON CONFLICT (quarter) DO UPDATE SET points = points + excluded.points",
                zip(quarters.tolist(), counts.tolist(), strict=True),
            )

    def forget(self) -> None:
        """Drop what is in memory: nothing is."""

    def _tracked(self, session: Session, batch: Batch) -> NDArray[np.bool_]:
        rows = session.db.execute(
            "SELECT number FROM numbered WHERE segment = ? AND name GLOB ?",
            (session.segments[batch.segment], f"{SYSTEM_PREFIX}*"),
        )
        system = np.array([number for (number,) in rows], np.uint32)
        return ~np.isin(batch.points.series, system)


def activity_days(
    db: sqlite3.Connection, created: NDArray[np.float64], since: float, offset_s: int
) -> list[ActivityDay]:
    """Return the days from a time on, for a reader whose clock is so far ahead of UTC."""
    points: dict[int, int] = dict(
        db.execute(
            "SELECT (quarter * :quarter + :offset) / :day AS day, sum(points) FROM activity"
            " WHERE quarter >= :since GROUP BY day",
            {"quarter": QUARTER_S, "offset": offset_s, "day": DAY_S, "since": since // QUARTER_S},
        ).fetchall()
    )
    days = ((created[created >= since] + offset_s) // DAY_S).astype(np.int64)
    made = dict(zip(*(part.tolist() for part in np.unique(days, return_counts=True)), strict=True))
    return [
        ActivityDay(str(np.datetime64(day, "D")), made.get(day, 0), points.get(day, 0))
        for day in sorted({*points, *made})
    ]
