"""A store opened for analysis in Python: `foldline.open()`.

What is asked for is folded first, so a reader with no server running sees everything that was
logged; beside a server it waits until the server has folded that much.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, overload

import anyio
import numpy as np
from numpy.typing import NDArray

from foldline.errors import StoreBusy
from foldline.layout import Layout, SegmentName, store_path
from foldline_ingest.log import Log
from foldline_ingest.view import Progress

from .answers import Point, RunRow, Summary
from .catalog import Catalog
from .changes import Known, read_changes
from .database import connect, current_generation, database_path
from .exact import ExactPoints, read_points
from .folding import catch_up
from .pages import runs_page, series_page
from .viewstore import read_progress, read_version, views_version

__all__ = ["Answer", "Run", "Series", "Store", "open_store"]

T = TypeVar("T")

# How long a reader waits for the process that folds the store, in seconds. That is milliseconds
# behind in normal times; when it rebuilds the views it takes longer.
WAIT_S_MAX = 60.0
POLL_S = 0.02


class Series:
    """One series: exact figures at once, its points when they are asked for."""

    def __init__(self, layout: Layout, run: str, summary: Summary) -> None:
        self._layout = layout
        self.run = run
        self.name = summary.name
        self.context = summary.context
        self.count = summary.count
        self.first = _value(summary.first)
        self.last = _value(summary.last)
        self.min = summary.min.value if summary.min else float("nan")
        self.max = summary.max.value if summary.max else float("nan")
        self.mean = float("nan") if summary.mean is None else summary.mean

    def __repr__(self) -> str:
        return f"<Series {self.name} {self.context} of {self.run}: {self.count} points>"

    @cached_property
    def points(self) -> ExactPoints:
        """All points as (steps, values, times), read from the log once."""
        return read_points(self._layout, self.run, self.name, self.context)

    @property
    def steps(self) -> NDArray[np.float64]:
        """The steps in ascending order."""
        return self.points.steps

    @property
    def values(self) -> NDArray[np.float64]:
        """The values, in the order of the steps."""
        return self.points.values

    @property
    def times(self) -> NDArray[np.float64]:
        """When each point was tracked, in unix seconds, in the order of the steps."""
        return self.points.times


class Run:
    """One run, as of when it was asked for."""

    def __init__(self, layout: Layout, row: RunRow) -> None:
        self.id = row.id
        self.name = row.name
        self.experiment = row.experiment
        self.description = row.description
        self.params: dict[str, Any] = row.params
        self.tags = row.tags
        self.status = row.status
        self.created_at = row.created_at
        self.ended_at = row.ended_at
        self.duration = row.duration
        self.archived = row.archived
        self.metrics = [Series(layout, row.id, metric) for metric in row.metrics]

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.name!r} {self.status}: {len(self.metrics)} series>"


class Answer(Sequence[T], Generic[T]):
    """What a query found: a list, and in words what was odd about the query."""

    def __init__(self, items: list[T], warnings: list[str]) -> None:
        self._items = items
        self.warnings = warnings

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        return self._items[index]

    def __repr__(self) -> str:
        return repr(self._items)


class Store:
    """A store's runs and series. Each question folds what is new before it is answered."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._db: sqlite3.Connection | None = None
        self._generation = 0
        self._catalog = Catalog()
        self._known = Known()

    def runs(self, query: str = "") -> Answer[Run]:
        """Return the runs that match, newest first. Raises QueryError."""
        page = runs_page(self._current(), query)
        return Answer([Run(self.layout, row) for row in page.rows], page.warnings)

    def series(self, query: str = "") -> Answer[Series]:
        """Return the series that match, those of the newest runs first. Raises QueryError."""
        page = series_page(self._current(), query)
        return Answer([Series(self.layout, row.run, row) for row in page.series], page.warnings)

    def catalog(self) -> Catalog:
        """Return all runs and series with everything that had been logged before the call."""
        return self._current()

    def close(self) -> None:
        """Close the file; the next question opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _current(self) -> Catalog:
        """Return the catalog with everything that had been logged before the call."""
        if not anyio.run(catch_up, self.layout):
            self._wait_for_folder()
        generation = current_generation(self.layout.views) or 0
        if self._db is None or generation != self._generation:
            self.close()
            self._db = connect(database_path(self.layout.views, generation), write=False)
            if read_version(self._db) != views_version():
                self.close()
                raise StoreBusy(
                    f"another Foldline is folding the store {self.layout.root} into its own views",
                    hint="stop the other one, or use the same version here",
                )
            self._catalog, self._known, self._generation = Catalog(), Known(), generation
        changes = read_changes(self._db, self._known)
        if changes is not None:
            self._catalog.take(changes)
            self._known = self._known.after(changes)
        return self._catalog

    def _wait_for_folder(self) -> None:
        """Wait until another process has folded what is in the log now."""
        log = Log(self.layout, self._progress())
        log.discover()
        logged: dict[SegmentName, int] = {}
        while batches := log.poll().batches:
            logged.update({batch.segment: batch.end for batch in batches})
        log.close()
        deadline = time.monotonic() + WAIT_S_MAX
        nothing = Progress(0, finished=False)
        while time.monotonic() < deadline:
            done = self._progress()
            if all(done.get(name, nothing).offset >= end for name, end in logged.items()):
                return
            time.sleep(POLL_S)
        raise StoreBusy(
            f"another process is folding the store {self.layout.root}, and is more than "
            f"{WAIT_S_MAX:.0f} s behind",
            hint="see on the server's page how far it is, or stop it and try again",
        )

    def _progress(self) -> Mapping[SegmentName, Progress]:
        generation = current_generation(self.layout.views)
        if generation is None:
            return {}
        with closing(connect(database_path(self.layout.views, generation), write=False)) as db:
            return read_progress(db)


def open_store(path: str | os.PathLike[str] | None = None) -> Store:
    """Open a store to read: the argument, else FOLDLINE_STORE, else ./.foldline.

    Raises StoreNotFound or StoreTooNew.
    """
    layout = Layout(store_path(path))
    layout.check()
    return Store(layout)


def _value(point: Point) -> float:
    return float(point.value)  # a text of a value that JSON can't hold reads back as it was
