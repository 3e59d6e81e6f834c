"""A store opened for analysis in Python: `foldline.open()`.

What is asked for is folded first, so a reader with no server running sees everything that was
logged; beside a server it waits until the server has folded that much.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import anyio

from foldline.errors import StoreBusy, ViewDamaged
from foldline.layout import Layout, SegmentName, store_path
from foldline_ingest.log import Log
from foldline_ingest.view import Progress

from . import artifacts
from .answers import RunDetail
from .catalog import Catalog
from .changes import read_changes
from .database import connect, guarded
from .folding import catch_up
from .generation import Generation, current, report_damage
from .holdings import snapshot
from .listing import Answer, FoundRun
from .opened import not_ready, read
from .pages import runs_page, series_page
from .pointsource import PointsSource
from .query import Subject
from .searches import Searched, TextReader, answered, searched_texts, understood
from .searchpages import shown_of
from .selection import Selection
from .shelf import Shelf
from .shelves import CATALOG, TEXT
from .snapshot import Draft, is_due, load, path_beside
from .stored import LoggedRun, Run, Series
from .versions import Version, version
from .viewstore import read_progress, read_version

__all__ = ["Store", "open_store"]

# How long a reader waits for the process that folds the store, in seconds. That is milliseconds
# behind in normal times; when it rebuilds the views it takes longer.
WAIT_S_MAX = 60.0
POLL_S = 0.02

T = TypeVar("T")


class Store:
    """A store's runs and series. Each question folds what is new before it is answered."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._db: sqlite3.Connection | None = None
        self._generation: Generation | None = None
        self._catalog = Catalog()
        self._find = partial(version, layout)

    def runs(self, query: str = "") -> Answer[Run]:
        """Return the runs that match, newest first. Raises QueryError."""
        searched = self.searched(query, "run")
        catalog = self._current()
        page = runs_page(catalog, query, searched=searched)
        runs = [self._run(catalog, catalog.whole(row)) for row in page.rows]
        return Answer(runs, page.warnings)

    def run(self, id: str) -> Run:
        """Return one run. Raises RunNotFound."""
        catalog = self._current()
        catalog.let_time_pass()
        return self._run(catalog, catalog.detail(catalog.find(id)))

    def _run(self, catalog: Catalog, row: RunDetail) -> Run:
        return Run(LoggedRun(self.layout, row, catalog.states[catalog.row_of[row.id]]), row)

    def artifacts(self, name: str | None = None) -> list[Version]:
        """Return the versions of all artifacts, or of those of one name, by name and number.

        What has one digest is one version, whichever run made it; numbers go from 0 in the order
        of time. Each says which runs made and used it, and can be downloaded.
        """
        self._current()
        assert self._db is not None  # opened just now
        return [Version.of(one, self._find) for one in artifacts.versions(self._db, name)]

    def series(self, query: str = "") -> Answer[Series]:
        """Return the series that match, those of the newest runs first. Raises QueryError."""
        searched = self.searched(query, "metric")
        page = series_page(self._current(), query, searched=searched)
        exact = PointsSource(self.layout)
        found = [
            Series(row.run, row, partial(exact.points, (row.run, row.name, row.context)))
            for row in page.series
        ]
        return Answer(found, page.warnings)

    def search(
        self, text: str, query: str = "", *, limit: int = 20, hits: int = 3
    ) -> Answer[FoundRun]:
        """Return the best runs in which a question is found, of those that match a query.

        The question is one of the search box: see docs/search.md. Raises QuestionError, whose
        range is one of the text, and QueryError.
        """
        question = understood(text)
        searched = self.searched(query, "run")
        catalog = self._current()
        selection = Selection.of(catalog, query, searched)
        shown = shown_of(selection)
        answer = self._ask(lambda reader, mark: reader.search(question, shown, limit, hits, mark))
        runs = [
            FoundRun(self._run(catalog, catalog.detail(catalog.row_of[run])), found, more=more)
            for run, found, more in answer.runs
            if run in catalog.row_of
        ]
        warnings = [*answer.found.warnings, *selection.warnings]
        return Answer(runs, warnings, total=answer.found.total, exact=answer.found.exact)

    def searched(
        self, query: str, subject: Subject = "run", words: Iterable[str] = ()
    ) -> Searched | None:
        """Return what the full-text search finds for `search("…")` in a query; None without any.

        `words` are sort keys and columns, which may search as well. Raises QueryError.
        """
        texts = searched_texts(query, subject, words)
        if not texts:
            return None
        return self._ask(lambda reader, mark: answered(reader, texts, None, mark))

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

    def _ask(self, job: Callable[[TextReader, int], T]) -> T:
        """Return what a job reads of the texts that had been logged before the call."""
        self._fold(TEXT)
        try:
            return self._read_texts(job)
        except ViewDamaged:
            self._fold(TEXT)  # they are made again
            return self._read_texts(job)

    def _read_texts(self, job: Callable[[TextReader, int], T]) -> T:
        with read(self.layout.views, TEXT) as db:
            if db is None:
                raise not_ready(TEXT)  # somebody deleted it since
            return snapshot(lambda db, mark: job(TextReader(db), mark))(db)

    def _fold(self, shelf: Shelf) -> None:
        """Fold what had been logged before the call, or wait until another process has done it."""
        if not anyio.run(partial(catch_up, self.layout, shelves=(shelf,))):
            self._wait_for_folder(shelf)

    def _current(self) -> Catalog:
        """Return the catalog with everything that had been logged before the call."""
        self._fold(CATALOG)
        generation = current(CATALOG.folder(self.layout.views))
        if generation is None:
            raise not_ready(CATALOG)  # somebody deleted it since
        try:
            with guarded(generation.path):
                self._take(generation)
        except ViewDamaged:
            self.close()
            report_damage(generation)
            raise
        return self._catalog

    def _take(self, generation: Generation) -> None:
        """Take over what has been committed to a generation."""
        if self._db is None or generation != self._generation:
            self.close()
            self._db = connect(generation.path, write=False)
            if read_version(self._db) != CATALOG.version:
                self.close()
                raise StoreBusy(
                    f"another Foldline is folding the store {self.layout.root} into its own views",
                    hint="stop the other one, or use the same version here",
                )
            self._catalog, self._generation = load(self._db, generation.path), generation
        else:
            changes = read_changes(self._db, self._catalog.known)
            if changes is not None:
                self._catalog.take(changes)
        if is_due(self._catalog):
            self._save(generation)

    def _save(self, generation: Generation) -> None:
        """Write a snapshot: the next process starts from it."""
        draft = Draft(self._catalog)
        # Where nothing can be written it can be read all the same.
        with suppress(OSError):
            file = draft.write(path_beside(generation.path))
            if file is not None:
                self._catalog.states.settle(file, draft.states)

    def _wait_for_folder(self, shelf: Shelf) -> None:
        """Wait until another process has folded what is in the log now."""
        log = Log(self.layout, self._progress(shelf))
        log.discover()
        logged: dict[SegmentName, int] = {}
        while batches := log.poll().batches:
            logged.update({batch.segment: batch.end for batch in batches})
        log.close()
        deadline = time.monotonic() + WAIT_S_MAX
        nothing = Progress(0, finished=False)
        while time.monotonic() < deadline:
            done = self._progress(shelf)
            if all(done.get(name, nothing).offset >= end for name, end in logged.items()):
                return
            time.sleep(POLL_S)
        raise StoreBusy(
            f"another process is folding the store {self.layout.root}, and is more than "
            f"{WAIT_S_MAX:.0f} s behind",
            hint="see on the server's page how far it is, or stop it and try again",
        )

    def _progress(self, shelf: Shelf) -> Mapping[SegmentName, Progress]:
        with read(self.layout.views, shelf) as db:
            return {} if db is None else read_progress(db)


def open_store(path: str | os.PathLike[str] | None = None) -> Store:
    """Open a store to read: the argument, else FOLDLINE_STORE, else ./.foldline.

    Raises StoreNotFound or StoreTooNew.
    """
    layout = Layout(store_path(path))
    layout.check()
    return Store(layout)
