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
from copy import deepcopy
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import anyio
import numpy as np
from numpy.typing import NDArray

import foldline
from foldline.artifact import Artifact
from foldline.contexts import context_bytes
from foldline.errors import StoreBusy, ValueRejected, ViewDamaged
from foldline.events import SourcesCaptured
from foldline.layout import Layout, SegmentName, store_path
from foldline.series import is_system
from foldline_ingest.log import Log
from foldline_ingest.view import Progress

from . import artifacts, held
from .answers import Point, RunDetail, Summary
from .catalog import Catalog
from .changes import read_changes
from .database import connect, guarded
from .dataframes import frame, run_record, series_record
from .exact import ExactPoints
from .folding import catch_up
from .generation import Generation, current, report_damage
from .holdings import snapshot
from .listing import Answer, FoundRun
from .logged import Captured, Line, Message, read_captured
from .opened import not_ready, read
from .pages import runs_page, series_page
from .patches import tree
from .pointsource import PointsSource
from .query import Subject
from .runs import RunState
from .searches import Searched, TextReader, answered, searched_texts, understood
from .searchpages import shown_of
from .selection import Selection
from .sequences import Sequence, kinds_of, sequences_of
from .shelf import Shelf
from .shelves import CATALOG, TEXT
from .snapshot import Draft, is_due, load, path_beside
from .versions import Version, made, used
from .viewstore import read_progress, read_version

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Answer", "FoundRun", "Run", "Series", "Store", "open_store"]

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
        self.first_step = summary.first.step
        self.last = _value(summary.last)
        self.last_step = summary.last.step
        self.min = summary.min.value if summary.min else float("nan")
        self.max = summary.max.value if summary.max else float("nan")
        self.mean = float("nan") if summary.mean is None else summary.mean

    def __repr__(self) -> str:
        return f"<Series {self.name} {self.context} of {self.run}: {self.count} points>"

    @cached_property
    def points(self) -> ExactPoints:
        """All points as (steps, values, times), read once."""
        return PointsSource(self._layout).points((self.run, self.name, self.context))

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

    @property
    def epochs(self) -> NDArray[np.float64]:
        """The epoch of each point, NaN where none was given, in the order of the steps."""
        return self.points.epochs

    def to_pandas(self) -> DataFrame:
        """Return the points as a pandas DataFrame: step, value, epoch, time.

        Raises ValueRejected if pandas is not installed.
        """
        return cast("DataFrame", frame("pandas", self._columns()))

    def to_polars(self) -> Any:
        """Return the points as a polars DataFrame: step, value, epoch, time.

        Raises ValueRejected if polars is not installed.
        """
        return frame("polars", self._columns())

    def _columns(self) -> dict[str, NDArray[np.float64]]:
        points = self.points
        return {
            "step": points.steps,
            "value": points.values,
            "epoch": points.epochs,
            "time": points.times,
        }

    def record(self) -> dict[str, Any]:
        """Return the series as a row of a table: whose it is, its context and its figures."""
        return series_record(self)


class Run:
    """One run, as of when it was asked for; what is large is read when it is asked for.

    `params`, `summary` and `fields` are trees of what the script said. `git`, `parent` and
    `progress` are None where there is none; `error` is what ended a run that did not finish.
    """

    def __init__(self, layout: Layout, row: RunDetail, state: RunState) -> None:
        self._layout = layout
        self._state = state  # a commit makes a new one, and leaves this as it is
        self.id = row.id
        self.name = row.name
        self.experiment = row.experiment
        self.description = row.description
        self.tags = row.tags
        self.status = row.status
        self.created_at = row.created_at
        self.ended_at = row.ended_at
        self.duration = row.duration
        self.archived = row.archived
        self.notes = row.notes
        self.fields: dict[str, Any] = row.fields
        self.host = row.host
        self.user = row.user
        self.git = row.git
        self.parent = row.parent
        self.progress = row.progress
        self.error = row.error
        self.alerts = row.alerts  # the newest
        self.writers = row.writers
        series = [Series(layout, row.id, metric) for metric in row.metrics]
        self.metrics = [one for one in series if not is_system(one.name)]
        self.system = [one for one in series if is_system(one.name)]  # the machine's load

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.name!r} {self.status}: {len(self.metrics)} series>"

    def metric(self, name: str, context: Mapping[str, Any] | None = None) -> Series | None:
        """Return the series of a name and exactly this context, or None.

        Without a context it is the series that has none, or the only one of that name. Raises
        ValueRejected where there are several.
        """
        named = [one for one in (*self.metrics, *self.system) if one.name == name]
        wanted = context_bytes(context)
        exact = [one for one in named if context_bytes(one.context) == wanted]
        found = exact or (named if context is None else [])
        if len(found) > 1:
            contexts = ", ".join(str(one.context) for one in found)
            raise ValueRejected(
                f"run {self.id} has {len(found)} series {name!r}, and none without a context",
                hint=f"stored.metric({name!r}, {found[0].context}); there are {contexts[:400]}",
            )
        return found[0] if found else None

    @cached_property
    def params(self) -> dict[str, Any]:
        """The settings of the run, as they were logged."""
        params: dict[str, Any] = deepcopy(tree(self._state.params))
        return params

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The results that the script stated, as they were logged."""
        summary: dict[str, Any] = deepcopy(tree(self._state.summary))
        return summary

    def lines(self) -> list[Line]:
        """Return what the run's processes printed, in the order in which lines were begun."""
        return held.lines(self._layout, self.id)

    def messages(self) -> list[Message]:
        """Return the run's messages in the order of their times."""
        return held.messages(self._layout, self.id)

    def sequences(self, kind: str | None = None) -> list[Sequence]:
        """Return the values that are no numbers, of one kind or all, in the order of their steps.

        The kinds are image, audio, video, text, distribution, figure, table, html and points3d.
        A sequence's `values` are made from their bytes when they are looked at; its `entries`
        are what was logged. Raises ValueRejected if there is no such kind.
        """
        kinds = [kind for kind in kinds_of("*" if kind is None else kind) if kind != "number"]
        opened = foldline.Run(self.id, store=self._layout.root, read_only=True, capture=False)
        return sequences_of(opened, self._layout, kinds)

    @property
    def artifacts(self) -> list[Artifact]:
        """The versions of artifacts that the run made, in the order of their times."""
        return made(self._layout, self.id)

    @property
    def used_artifacts(self) -> list[Artifact]:
        """The versions of artifacts that the run used, in the order of their times."""
        return used(self._layout, self.id)

    @cached_property
    def captured(self) -> list[Captured]:
        """What was captured of each of the run's processes, the newest last; read once."""
        return read_captured(self._layout, self.id)

    @property
    def packages(self) -> dict[str, str]:
        """The installed packages and their versions, of the newest process that told."""
        found = [one.packages.packages for one in self.captured if one.packages]
        return found[-1] if found else {}

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that were captured, of the newest process that told."""
        found = [one.environment.variables for one in self.captured if one.environment]
        return found[-1] if found else {}

    @property
    def sources(self) -> SourcesCaptured | None:
        """The entry script and the modules that it imported, as blobs of the store."""
        found = [one.sources for one in self.captured if one.sources]
        return found[-1] if found else None

    def record(self) -> dict[str, Any]:
        """Return the run as a row of a table: params and summary by path, series' last values."""
        return run_record(self)


T = TypeVar("T")


class Store:
    """A store's runs and series. Each question folds what is new before it is answered."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._db: sqlite3.Connection | None = None
        self._generation: Generation | None = None
        self._catalog = Catalog()

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
        return Run(self.layout, row, catalog.states[catalog.row_of[row.id]])

    def artifacts(self, name: str | None = None) -> list[Version]:
        """Return the versions of all artifacts, or of those of one name, by name and number.

        What has one digest is one version, whichever run made it; numbers go from 0 in the order
        of time. Each says which runs made and used it, and can be downloaded.
        """
        self._current()
        assert self._db is not None  # opened just now
        return [Version.of(self.layout, one) for one in artifacts.versions(self._db, name)]

    def series(self, query: str = "") -> Answer[Series]:
        """Return the series that match, those of the newest runs first. Raises QueryError."""
        searched = self.searched(query, "metric")
        page = series_page(self._current(), query, searched=searched)
        return Answer([Series(self.layout, row.run, row) for row in page.series], page.warnings)

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


def _value(point: Point) -> float:
    return float(point.value)  # a text of a value that JSON can't hold reads back as it was
