"""The parts of a running server that routes reach for.

`Reader` and `Announcements` say what the server needs of the engine, and nothing more:
`foldline_views.reader.Views` and `foldline_ingest.supervisor.Supervisor` are the real ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

from aiohttp import web

from foldline.layout import Layout, SegmentName
from foldline_ingest.announce import Announcement
from foldline_views.answers import (
    Best,
    ColumnsPage,
    Edit,
    EditedRuns,
    ExportRequest,
    FramesRequest,
    GroupOf,
    GroupSort,
    GroupsPage,
    MetricOf,
    RunDetail,
    RunsPage,
    SeriesPage,
    Sort,
    Totals,
)
from foldline_views.contents import (
    HitsPage,
    HitsRequest,
    LinesPage,
    LinesRequest,
    MessagesPage,
    MessagesRequest,
    RunsValuesPage,
    StepAt,
    ValuesPage,
    ValuesRequest,
)
from foldline_views.explain import Explanation
from foldline_views.export import Table
from foldline_views.searchpages import SearchPage

from .events import Hub
from .notices import Notices
from .route import RouteTable
from .vitals import Vitals

__all__ = ["HUB", "LAYOUT", "NOTICES", "READER", "ROUTES", "VITALS", "Announcements", "Reader"]


class Reader(Protocol):
    """Answers from the views, for many tasks at once."""

    @property
    def watermark(self) -> int:
        """Log bytes that the answers are true for."""

    async def close(self) -> None:
        """Let the views go."""

    async def refresh(self) -> None:
        """Take over what was committed since."""

    async def runs(
        self,
        query: str,
        *,
        sort: Sequence[Sort],
        limit: int,
        cursor: str | None,
        group: GroupOf | None = None,
        text: str = "",
        columns: Sequence[str] | None = None,
        metrics: Sequence[MetricOf] = (),
    ) -> RunsPage:
        """Return one page of the runs that match."""

    async def groups(
        self,
        query: str,
        by: Sequence[str],
        *,
        columns: Sequence[str],
        best: Best | None,
        sort: Sequence[GroupSort],
        limit: int,
        cursor: str | None,
    ) -> GroupsPage:
        """Return the runs that match in groups."""

    async def columns(
        self,
        query: str,
        *,
        like: str,
        sources: Sequence[str],
        differing: bool,
        values: int,
        limit: int,
        cursor: str | None,
    ) -> ColumnsPage:
        """Return the columns of the runs that match."""

    async def export(self, request: ExportRequest) -> Table:
        """Return runs or groups as a table."""

    async def edit(self, layout: Layout, runs: Sequence[str], edit: Edit) -> list[SegmentName]:
        """Log a change of runs; raises RunNotFound and StoreUnwritable."""

    async def edited(self, changes: Sequence[SegmentName], wait_s: float) -> EditedRuns:
        """Return the changed runs once they show it, or when waiting was in vain."""

    async def run(self, run: str) -> RunDetail:
        """Return a run whole; raises RunNotFound."""

    async def series(self, query: str, *, limit: int) -> SeriesPage:
        """Return the series that match, with their summaries."""

    async def explain(self, query: str, *, subject: Literal["run", "metric"]) -> Explanation:
        """Return how a query is answered, of runs or of series."""

    async def search(self, text: str, query: str, *, limit: int, hits: int) -> SearchPage:
        """Return the runs in which a question is found, of those that match a query."""

    async def frames(self, request: FramesRequest) -> bytes:
        """Return columns of points as one message."""

    async def lines(self, run: str, asked: LinesRequest) -> LinesPage:
        """Return what a run's processes printed; raises RunNotFound."""

    async def hits(self, run: str, asked: HitsRequest) -> HitsPage:
        """Return lines of a run that hold a text; raises RunNotFound."""

    async def messages(self, run: str, asked: MessagesRequest) -> MessagesPage:
        """Return messages of a run; raises RunNotFound."""

    async def step(self, run: str, at: float, series: int | None) -> StepAt:
        """Return the step that was current at a time; raises RunNotFound."""

    async def values(self, run: str, asked: ValuesRequest) -> ValuesPage:
        """Return values of a run that are no numbers; raises RunNotFound."""

    async def runs_values(self, query: str, asked: ValuesRequest) -> RunsValuesPage:
        """Return such values of the runs that match."""

    async def totals(self) -> Totals:
        """Count the runs."""


class Announcements(Protocol):
    """What the fold process says, for as long as it is wanted."""

    @property
    def state(self) -> str:
        """How the fold is: live, catching_up, rebuilding or down."""

    def __aiter__(self) -> AsyncIterator[Announcement]:
        """Yield each announcement."""


READER = web.AppKey("READER", Reader)
HUB = web.AppKey("HUB", Hub)
NOTICES = web.AppKey("NOTICES", Notices)
VITALS = web.AppKey("VITALS", Vitals)
LAYOUT = web.AppKey("LAYOUT", Layout)
ROUTES = web.AppKey("ROUTES", RouteTable)
