"""The views of a store, open for many readers.

What a query needs is in memory (see `catalog`) and patched after each commit; curves are read from
the file when they are asked for, one job on the connection's thread each. Questions are answered
one after another on a thread, so that others of the loop, such as live changes, never wait.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Collection, Container, Generator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import anyio
import anyio.to_thread

from foldline.errors import ViewDamaged
from foldline.layout import Layout, SegmentName

from . import artifacts, contents, portions, tagwords
from .activity import ActivityPage
from .answers import ColumnsPage, EditedRuns, GroupsPage, RunsPage, SeriesPage, Totals
from .artifacts import VersionsPage
from .asked import Best, Edit, ExportRequest, FramesRequest, GroupOf, GroupSort, MetricOf, Sort
from .captured import ArtifactsPage, ArtifactsRequest, CapturedPage
from .catalog import Catalog
from .changes import read_changes
from .charts import chart
from .database import Database
from .discovery import columns_page
from .edits import edit_runs, is_folded
from .exact import ExactSource
from .explain import Explanation, explained
from .export import Table, table_of, words_of
from .generation import Generation, current, report_damage
from .grouping import groups_page
from .holdings import Holdings
from .home import HomePage, home_page
from .lineage import LineagePage, lineage_page
from .pages import ordered, runs_page, series_page
from .pointpages import PointsRequest, points_page
from .pointsource import PointsSource
from .reach import EVERYTHING
from .saving import Saving
from .searches import Searches, Shown, understood
from .searchpages import SearchPage, search_page, shown_of
from .selection import Selection
from .shelves import CATALOG
from .sight import created_at, flags
from .snapshot import load
from .steptimes import chosen_series, step_at, time_at
from .tags import TagsEdited, TagsPage, tagged, tags_page
from .viewstore import read_version

__all__ = ["Views"]

T = TypeVar("T")

STEP_READS_MAX = 2  # at once, of all points of a series: 50 MB each if there are a million
RETAGGED_MAX = 1000  # runs that one change of tags is logged for: some seconds of syncing files
# Between two looks for a change that was logged just now, in seconds: half of what a fold takes.
FOLDED_POLL_S = 0.01


class Views:
    """Answers about runs and series, each true for one commit of the fold.

    Open it with `await Views.open(layout.views)`; call `refresh` when the fold has announced a
    commit. `generation` changes when the views were rebuilt: ids of series are new then. Reads
    raise ViewDamaged where the file can't be read, and the views are made again then.
    """

    reach = EVERYTHING  # of who asks: see `reachedviews`

    def __init__(self, views: Path) -> None:
        self._folder = CATALOG.folder(views)
        self._exact: ExactSource = PointsSource(Layout(views.parent))
        # Two connections, each with a thread: a large read must not keep the changes back.
        self._changes: Database | None = None
        self._curves: Database | None = None
        self._catalog = Catalog()
        self._turn = anyio.CapacityLimiter(1)  # who has the catalog
        self._refreshing = anyio.Lock()
        self._saving = Saving(self._find)
        self._holdings = Holdings(views)
        self._searches = Searches(views)
        self._layout = Layout(views.parent)
        self._steps = anyio.CapacityLimiter(STEP_READS_MAX)
        self._generation: Generation | None = None

    @classmethod
    async def open(cls, folder: Path) -> Views:
        """Open the views in `folder`; before the first fold they are empty."""
        views = cls(folder)
        with suppress(ViewDamaged):  # they are made again, and a refresh goes over to them
            await views.refresh()
        return views

    async def close(self) -> None:
        """Close the file."""
        await self._saving.close()
        for database in (self._changes, self._curves):
            if database is not None:
                await database.close()
        self._changes = self._curves = None
        await self._holdings.close()
        await self._searches.close()

    @property
    def generation(self) -> int:
        """The number of the views that are read, 0 if there are none yet."""
        return self._generation.number if self._generation else 0

    @property
    def watermark(self) -> int:
        """The log bytes that the answers are true for."""
        return self._catalog.watermark

    async def refresh(self) -> None:
        """Take over what was committed since.

        Raises ViewDamaged if that can't be read; what was read before stays, and the views are made
        again.
        """
        async with self._refreshing:
            generation = current(self._folder)
            if generation is None:
                return  # not folded yet; or deleted, and then what was read is still true
            try:
                if generation != self._generation or self._changes is None:
                    await self._swap(generation)
                    self._saving.look(self._catalog, generation.path)
                    return
                known = self._catalog.known
                changes = await self._changes.run(lambda db: read_changes(db, known))
            except ViewDamaged:
                report_damage(generation)
                raise
            if changes is not None:
                taken = changes
                await self._find(lambda catalog: catalog.take(taken))
            self._saving.look(self._catalog, generation.path)

    async def _swap(self, generation: Generation) -> None:
        """Go over to a generation once all of it is read: no answer in between is empty."""
        old = (self._changes, self._curves)
        fresh = await Database.open(generation.path)
        try:
            if await fresh.run(read_version) != CATALOG.version:
                await fresh.close()  # of another Foldline: the fold makes a new generation
                return
            catalog = await fresh.run(lambda db: load(db, generation.path))
            curves = await Database.open(generation.path)
        except BaseException:
            # Whatever it was: a connection left open keeps its thread, and that the process.
            await fresh.close()
            raise
        self._catalog = catalog
        self._changes, self._curves, self._generation = fresh, curves, generation
        # What was read stays: looking through it for garbage took 0.75 s with 50,000 runs, in
        # which nobody is answered.
        gc.freeze()
        for database in old:
            if database is not None:
                await database.close()

    async def _find(self, question: Callable[[Catalog], T]) -> T:
        """Return what a question finds in the catalog, which nobody else has meanwhile."""
        return await anyio.to_thread.run_sync(lambda: question(self._catalog), limiter=self._turn)

    async def _find_in_turns(self, question: Callable[[Catalog], Generator[None, None, T]]) -> T:
        """Return what a long question finds; wherever it yields, others have the catalog."""
        work = await self._find(question)
        while True:
            done = await self._find(lambda _: _turn(work))
            if done is not None:
                return done[0]

    async def _read(self, database: Database, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await database.run(job)
        except ViewDamaged:
            if self._generation is not None:
                report_damage(self._generation)
            raise

    async def _check(self, run: str) -> None:
        """Raise RunNotFound if there is no such run for who asks."""
        self._catalog.find(run)

    async def totals(self) -> Totals:
        """Return how many runs there are."""
        return self._catalog.totals

    async def experiments(self) -> dict[str, str]:
        """Return of which experiment each run is."""
        return await self._find(lambda catalog: catalog.experiments())

    async def runs(
        self,
        query: str = "",
        *,
        sort: Sequence[Sort] = (),
        limit: int = 100,
        cursor: str | None = None,
        group: GroupOf | None = None,
        text: str = "",
        columns: Sequence[str] | None = None,
        metrics: Sequence[MetricOf] = (),
        offset: int = 0,
    ) -> RunsPage:
        """Return the runs that match, in order, from the cursor on; of one group, if it is given.

        With `columns` the rows are excerpts, see `excerpts`. A text is a question of the full-text
        search: only runs are meant in which it is found. Raises QueryError.
        """
        words = [*(key.by for key in sort), *(columns or ())]
        searched = await self._searches.searched(query, beside=text, words=words)
        return await self._find(
            lambda catalog: runs_page(
                catalog, query,
                sort=sort, limit=limit, cursor=cursor, group=group, searched=searched,
                columns=columns, metrics=metrics, offset=offset,
            )
        )  # fmt: skip

    async def groups(
        self,
        query: str,
        by: Sequence[str],
        *,
        columns: Sequence[str] = (),
        best: Best | None = None,
        sort: Sequence[GroupSort] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> GroupsPage:
        """Return the runs that match in groups, with figures of all members. Raises QueryError."""
        words = [*by, *columns, *(key.by for key in sort), *([best.by] if best else [])]
        searched = await self._searches.searched(query, words=words)
        return await self._find(
            lambda catalog: groups_page(
                catalog, query, by, columns=columns,
                best=best, sort=sort, limit=limit, cursor=cursor, searched=searched,
            )
        )  # fmt: skip

    async def columns(
        self,
        query: str,
        *,
        like: str = "",
        sources: Sequence[str] = (),
        differing: bool = False,
        values: int = 20,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> ColumnsPage:
        """Return the columns of the runs that match, and what is in them. Raises QueryError."""
        searched = await self._searches.searched(query)
        return await self._find_in_turns(
            lambda catalog: columns_page(
                catalog, query, like=like, sources=sources, differing=differing,
                values=values, limit=limit, cursor=cursor, searched=searched,
            )
        )  # fmt: skip

    async def export(self, request: ExportRequest) -> Table:
        """Return runs or groups as a table, to be encoded by `export`. Raises QueryError."""
        searched = await self._searches.searched(request.query, words=words_of(request))
        return await self._find(lambda catalog: table_of(catalog, request, searched))

    async def edit(self, layout: Layout, runs: Sequence[str], edit: Edit) -> list[SegmentName]:
        """Log a change of runs. Raises RunNotFound and StoreUnwritable; see `edits`."""
        return await edit_runs(layout, self._catalog, runs, edit)

    async def edited(self, changes: Sequence[SegmentName], wait_s: float) -> EditedRuns:
        """Return the changed runs once they show it, or as they are when waiting was in vain."""
        with anyio.move_on_after(wait_s):
            while not all(is_folded(self._catalog, change) for change in changes):
                await anyio.sleep(FOLDED_POLL_S)
                with suppress(ViewDamaged):  # they are made again
                    await self.refresh()

        def told(catalog: Catalog) -> EditedRuns:
            heads = [catalog.heads[catalog.find(change.run)] for change in changes]
            folded = all(is_folded(catalog, change) for change in changes)
            return EditedRuns(heads, folded, catalog.watermark)

        return await self._find(told)

    async def home(self, limit: int) -> HomePage:
        """Return what there is to see just now, at most so many of each kind of thing."""
        return await self._find(lambda catalog: home_page(catalog, limit))

    async def activity(self, days: int, offset_s: int) -> ActivityPage:
        """Return what happened on each of the last days of a reader so far ahead of UTC."""
        created = await self._find(lambda catalog: created_at(catalog)[~flags(catalog, "deleted")])
        return await self._holdings.activity(created, days, offset_s)

    async def params(self, run: str, asked: portions.ParamsRequest) -> portions.ParamsPage:
        """Return some of a run's params or results. Raises RunNotFound and QueryError."""
        return await self._find(lambda catalog: portions.params_page(catalog, run, asked))

    async def run_series(
        self, run: str, asked: portions.RunSeriesRequest
    ) -> portions.RunSeriesPage:
        """Return some of a run's series. Raises RunNotFound and QueryError."""
        return await self._find(lambda catalog: portions.run_series_page(catalog, run, asked))

    async def lineage(self, run: str) -> LineagePage:
        """Return what a run goes on from, and what goes on from it. Raises RunNotFound."""
        return await self._find(lambda catalog: lineage_page(catalog, run))

    async def captured(self, run: str) -> CapturedPage:
        """Return what was captured of a run's processes. Raises RunNotFound."""
        await self._check(run)
        return await self._holdings.captured(run)

    async def artifacts(self, run: str, asked: ArtifactsRequest) -> ArtifactsPage:
        """Return what a run made and used, with files. Raises RunNotFound and QueryError."""
        await self._check(run)
        return await self._holdings.artifacts(run, asked)

    async def versions(self, name: str | None, limit: int, cursor: str | None) -> VersionsPage:
        """Return versions of the store's artifacts, all or of a name. Raises QueryError."""
        return await self._versions(name, limit, cursor)

    async def _versions(
        self, name: str | None, limit: int, cursor: str | None, runs: Container[str] | None = None
    ) -> VersionsPage:
        if self._changes is None:
            return VersionsPage([], 0, None, self.watermark)
        mark = self.watermark
        return await self._read(
            self._changes, lambda db: artifacts.versions_page(db, name, limit, cursor, mark, runs)
        )

    async def tags(self) -> TagsPage:
        """Return every tag, with how many runs have it. Raises WordsRejected."""
        words = await anyio.to_thread.run_sync(tagwords.read, self._layout)
        return await self._find(lambda catalog: tags_page(catalog, words))

    async def retag(self, tags: Collection[str], to: str | None, wait_s: float) -> TagsEdited:
        """Give the runs that have one of these tags another in its place, or none.

        At most RETAGGED_MAX of them: who still finds some left asks again. What is said of a tag
        follows it. Raises RunNotFound, StoreUnwritable and WordsRejected.
        """
        old = sorted({*tags} - {to})
        runs = await self._find(lambda catalog: tagged(catalog, old))
        edit = Edit({}, [] if to is None else [to], old)
        changes = await edit_runs(self._layout, self._catalog, runs[:RETAGGED_MAX], edit)
        edited = await self.edited(changes, wait_s)
        left = len(runs) - len(changes)
        if not left and self.reach.is_all:  # else runs out of reach may have the tag
            await anyio.to_thread.run_sync(tagwords.move, self._layout, old, to)
        return TagsEdited(len(changes), left, edited.folded, edited.watermark)

    async def run(self, run: str) -> portions.RunPortion:
        """Return one run, of what is large a part. Raises RunNotFound."""
        detail = await self._find(lambda catalog: portions.run_portion(catalog, run))
        row = self._catalog.find(run)
        if self._changes is not None:
            detail.artifacts = await self._read(
                self._changes, lambda db: artifacts.of_run(db, row + 1)
            )
        return detail

    async def points(self, run: str, asked: PointsRequest) -> bytes:
        """Return points of one of a run's series, as `pointpages` says. Raises RunNotFound.

        All that was logged up to the call is there; of a series that is not, nothing is.
        """
        await self._check(run)
        series = (run, asked.name, asked.context)

        def ask() -> bytes:
            return points_page(self._exact.points(series, asked.span), asked)

        return await anyio.to_thread.run_sync(ask, limiter=self._steps)

    async def lines(self, run: str, asked: contents.LinesRequest) -> contents.LinesPage:
        """Return what a run's processes printed, from any place on. Raises RunNotFound."""
        await self._check(run)
        return await self._holdings.lines(run, asked)

    async def hits(self, run: str, asked: contents.HitsRequest) -> contents.HitsPage:
        """Return lines of a run that hold a text. Raises RunNotFound and QueryError."""
        await self._check(run)
        return await self._holdings.hits(run, asked)

    async def messages(self, run: str, asked: contents.MessagesRequest) -> contents.MessagesPage:
        """Return messages of a run. Raises RunNotFound and QueryError."""
        await self._check(run)
        return await self._holdings.messages(run, asked)

    async def step(self, run: str, at: float, series: int | None) -> contents.StepAt:
        """Return the step of a series that was current at a time. Raises RunNotFound."""
        chosen = await self._find(lambda catalog: chosen_series(catalog, run, series))
        ask = partial(step_at, self._layout, run, at, chosen)
        return await anyio.to_thread.run_sync(ask, limiter=self._steps)

    async def time(self, run: str, step: float, series: int | None) -> contents.TimeAt:
        """Return when a step of a series was tracked. Raises RunNotFound."""
        chosen = await self._find(lambda catalog: chosen_series(catalog, run, series))
        ask = partial(time_at, self._layout, run, step, chosen)
        return await anyio.to_thread.run_sync(ask, limiter=self._steps)

    async def steps(self, run: str, asked: contents.StepsRequest) -> contents.StepsPage:
        """Return at which steps a sequence of a run has values. Raises RunNotFound."""
        await self._check(run)
        return await self._holdings.steps(run, asked)

    async def values(self, run: str, asked: contents.ValuesRequest) -> contents.ValuesPage:
        """Return values of a run that are no numbers. Raises RunNotFound and QueryError."""
        await self._check(run)
        return await self._holdings.values(run, asked)

    async def runs_values(
        self, query: str, asked: contents.ValuesRequest
    ) -> contents.RunsValuesPage:
        """Return such values of the runs that match, newest first. Raises QueryError."""
        searched = await self._searches.searched(query)

        def chosen(catalog: Catalog) -> tuple[list[str], list[str]]:
            selection = Selection.of(catalog, query, searched)
            return [catalog.ids[row] for row in ordered(selection).tolist()], selection.warnings

        ids, warnings = await self._find(chosen)
        entries, cursor, watermark = await self._holdings.entries(ids, asked)
        named = dict.fromkeys(entry.run for entry in entries)
        runs = await self._find(
            lambda catalog: {run: catalog.heads[catalog.find(run)] for run in named}
        )
        return contents.RunsValuesPage(entries, runs, cursor, watermark, warnings)

    async def series(
        self, query: str = "", *, limit: int = 2000, offset: int = 0, columns: Sequence[str] = ()
    ) -> SeriesPage:
        """Return the series that match, newest runs first. Raises QueryError."""
        searched = await self._searches.searched(query, "metric")
        return await self._find(
            lambda catalog: series_page(
                catalog, query, limit=limit, offset=offset, searched=searched, columns=columns
            )
        )

    async def explain(self, query: str, *, subject: Literal["run", "metric"]) -> Explanation:
        """Return how a query is answered, of runs or of series. Raises QueryError."""
        searched = await self._searches.searched(query, subject)
        return await self._find(lambda catalog: explained(catalog, query, subject, searched))

    async def search(self, text: str, query: str = "", *, limit: int, hits: int) -> SearchPage:
        """Return the runs in which a question is found, best first, of those that match a query.

        Raises QuestionError and QueryError.
        """
        question = understood(text)
        searched = await self._searches.searched(query)

        def chosen(catalog: Catalog) -> tuple[Selection, Shown]:
            selection = Selection.of(catalog, query, searched)
            return selection, shown_of(selection)

        selection, shown = await self._find(chosen)
        answer = await self._searches.search(question, shown, limit, hits)
        return await self._find(lambda _: search_page(selection, answer))

    async def frames(self, request: FramesRequest) -> bytes:
        """Return curves as one binary message; see FRAMES.md. Raises QueryError."""
        searched = await self._searches.searched(request.query or "", "metric")
        for stored in (True, False):
            ask = partial(chart, request=request, searched=searched, stored=stored)
            asked = await self._find(ask)
            if self._curves is None:
                return asked.nothing()
            message = await self._read(self._curves, partial(asked.message, exact=self._exact))
            if message is not None:
                return message
        raise AssertionError("what is not stored is worked out")


def _turn(work: Generator[None, None, T]) -> tuple[T] | None:
    """Do a turn of some work; return its result once there is one."""
    try:
        next(work)
    except StopIteration as end:
        return (end.value,)
    return None
