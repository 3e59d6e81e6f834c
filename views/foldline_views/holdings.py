"""Lines and values of runs, open for many tasks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from foldline.layout import Layout

from .activity import DAY_S, ActivityPage, activity_days
from .captured import (
    ArtifactsPage,
    ArtifactsRequest,
    CapturedPage,
    artifacts_page,
    captured_page,
)
from .contents import (
    EntryRow,
    HitsPage,
    HitsRequest,
    LinesPage,
    LinesRequest,
    MessagesPage,
    MessagesRequest,
    StepsPage,
    StepsRequest,
    ValuesPage,
    ValuesRequest,
)
from .holders import Holders
from .linehits import hits_page
from .linepages import lines_page
from .messagepages import messages_page
from .opened import Opened
from .shelves import LINES, POINTS, VALUES
from .valuepages import runs_entries, steps_page, values_page

__all__ = ["Holdings", "Page", "snapshot"]

T = TypeVar("T")
Page = tuple[list[EntryRow], str | None, int]
"""Entries, how to go on, and the watermark."""


class Holdings:
    """Answers about what runs hold beside points, each true for one commit of its shelf.

    Reads raise StoreBusy before the first fold, and ViewDamaged as `opened` says.
    """

    def __init__(self, views: Path) -> None:
        self._lines = Opened(views, LINES)
        self._values = Opened(views, VALUES)
        self._points = Opened(views, POINTS)
        self._holders = Holders(Layout(views.parent))

    async def close(self) -> None:
        """Close the files; the next read opens them again."""
        await self._lines.close()
        await self._values.close()
        await self._points.close()

    async def name(self, digest: str, runs: Collection[str]) -> bool:
        """Say whether one of these runs names a blob."""
        return await self._values.run(snapshot(lambda db, _: self._holders.name(db, digest, runs)))

    async def captured(self, run: str) -> CapturedPage:
        """Return what was captured of a run's processes."""
        return await self._values.run(snapshot(lambda db, mark: captured_page(db, run, mark)))

    async def artifacts(self, run: str, asked: ArtifactsRequest) -> ArtifactsPage:
        """Return what a run made and used. Raises QueryError for a wrong cursor."""
        return await self._values.run(
            snapshot(lambda db, mark: artifacts_page(db, run, asked, mark))
        )

    async def activity(
        self, created: NDArray[np.float64], days: int, offset_s: int
    ) -> ActivityPage:
        """Return what happened on the last days of a reader, given when runs were created."""
        today = (time.time() + offset_s) // DAY_S
        since = (today - days + 1) * DAY_S - offset_s
        return await self._points.run(
            snapshot(
                lambda db, mark: ActivityPage(activity_days(db, created, since, offset_s), mark)
            )
        )

    async def lines(self, run: str, asked: LinesRequest) -> LinesPage:
        """Return what a run's processes printed, from any place on."""
        return await self._lines.run(snapshot(lambda db, mark: lines_page(db, run, asked, mark)))

    async def hits(self, run: str, asked: HitsRequest) -> HitsPage:
        """Return lines of a run that hold a text. Raises QueryError for a wrong cursor."""
        return await self._lines.run(snapshot(lambda db, mark: hits_page(db, run, asked, mark)))

    async def messages(self, run: str, asked: MessagesRequest) -> MessagesPage:
        """Return messages of a run. Raises QueryError for a wrong cursor."""
        return await self._lines.run(snapshot(lambda db, mark: messages_page(db, run, asked, mark)))

    async def values(self, run: str, asked: ValuesRequest) -> ValuesPage:
        """Return values of a run. Raises QueryError for a wrong cursor."""
        return await self._values.run(snapshot(lambda db, mark: values_page(db, run, asked, mark)))

    async def steps(self, run: str, asked: StepsRequest) -> StepsPage:
        """Return at which steps a sequence of a run has values."""
        return await self._values.run(snapshot(lambda db, mark: steps_page(db, run, asked, mark)))

    async def entries(self, runs: Sequence[str], asked: ValuesRequest) -> Page:
        """Return values of runs, one run after another. Raises QueryError for a wrong cursor."""
        return await self._values.run(
            snapshot(lambda db, mark: (*runs_entries(db, runs, asked), mark))
        )


def snapshot(job: Callable[[sqlite3.Connection, int], T]) -> Callable[[sqlite3.Connection], T]:
    """Return a job that reads one commit, and is told its watermark."""
    return partial(_at_one_commit, job)


def _at_one_commit(job: Callable[[sqlite3.Connection, int], T], db: sqlite3.Connection) -> T:
    db.execute("BEGIN")
    try:
        ((watermark,),) = db.execute("SELECT value FROM meta WHERE key = 'watermark'")
        return job(db, int(watermark))
    finally:
        db.execute("COMMIT")
