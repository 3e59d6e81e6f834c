"""An engine that says what a test tells it to."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import anyio
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from foldline.errors import QueryError, RunNotFound
from foldline.layout import Layout, SegmentName
from foldline_ingest.announce import Announcement
from foldline_ingest.view import SeriesDelta
from foldline_ui.app import Composition, compose
from foldline_ui.pages import Bundle
from foldline_views.activity import ActivityPage
from foldline_views.answers import (
    ColumnsPage,
    EditedRuns,
    GroupsPage,
    RunHead,
    RunsPage,
    SeriesPage,
    SeriesRow,
    Totals,
)
from foldline_views.artifacts import VersionsPage
from foldline_views.captured import ArtifactsPage, CapturedPage
from foldline_views.column import column_of
from foldline_views.contents import (
    HitsPage,
    LinesPage,
    MessagesPage,
    RunsValuesPage,
    StepAt,
    StepsPage,
    TimeAt,
    ValuesPage,
)
from foldline_views.explain import ExplainedPart, Explanation
from foldline_views.export import Table
from foldline_views.home import HomePage
from foldline_views.lineage import LineagePage
from foldline_views.portions import ParamsPage, RunPortion, RunSeriesPage
from foldline_views.reader import Views
from foldline_views.searchpages import FoundRun, SearchPage
from foldline_views.tags import TagRow, TagsEdited, TagsPage
from foldline_views.text.hits import Hit

Client = TestClient[web.Request, web.Application]

POINT = {"value": "NaN", "step": 3.0, "time": 1_700_000_003.0}
SUMMARY: dict[str, Any] = {
    "series": 7,
    "name": "loss",
    "context": {"subset": "val"},
    "count": 4,
    "nonfinite": 1,
    "first_nonfinite_step": 3.0,
    "first": {"value": 0.9, "step": 0.0, "time": 1_700_000_000.0},
    "last": POINT,
    "min": {"value": 0.5, "step": 2.0},
    "max": {"value": 0.9, "step": 0.0},
    "mean": 0.7,
}
RUN: dict[str, Any] = {
    "id": "0k1",
    "name": "first",
    "experiment": "mnist",
    "description": "",
    "tags": ["baseline"],
    "status": "finished",
    "created_at": 1_700_000_000.0,
    "ended_at": 1_700_000_060.0,
    "duration": 60.0,
    "archived": False,
    "params": {"hparams": {"lr": 0.01}},
    "metrics": [SUMMARY],
}
HEAD = msgspec.convert(RUN, RunHead)
DETAIL: dict[str, Any] = {
    **RUN,
    "notes": "",
    "error": None,
    "writers": [
        {
            "id": "w1",
            "host": "here",
            "pid": 4,
            "rank": None,
            "opened_at": 1_700_000_000.0,
            "closed_at": 1_700_000_060.0,
            "status": "finished",
            "dropped": 0,
        }
    ],
    "params_shown": 1,
    "params_total": 1,
    "summary_shown": 0,
    "summary_total": 0,
    "metrics_total": 1,
    "writers_total": 1,
    "watermark": 640,
}
COLUMNS = {
    "params": [{"path": "hparams.lr", "kind": "number", "runs": 1}],
    "metrics": [{"name": "loss", "context": {"subset": "val"}, "runs": 1}],
}


class FakeViews(Views):
    """Answers from constants, and remembers what it was asked."""

    def __init__(self) -> None:
        self.mark = 640
        self.asked: list[Any] = []
        self.refreshed = 0
        self.run_status = "finished"
        self.frames_bytes = b"FOLDFRM1" + bytes(56)
        self.closed = False
        self.folded = True
        self.failure: Exception | None = None

    @property
    def watermark(self) -> int:
        return self.mark

    async def close(self) -> None:
        self.closed = True

    async def refresh(self) -> None:
        self.refreshed += 1
        if self.failure is not None:
            raise self.failure

    async def runs(self, query: str = "", **asked: Any) -> RunsPage:
        order = [(key.by, key.desc) for key in asked.pop("sort")]
        self._ask(query, (query, order, *(value for name, value in asked.items()
                                          if value or name in {"limit", "cursor"})))  # fmt: skip
        page = {
            "rows": [RUN],
            "total": 1,
            "cursor": None,
            "watermark": self.watermark,
            "warnings": [],
            "columns": COLUMNS,
        }
        return msgspec.convert(page, RunsPage)

    async def run(self, run: str) -> RunPortion:
        if run != RUN["id"]:
            raise RunNotFound(f"there is no run {run}", hint="foldline runs ls lists all")
        detail = {**DETAIL, "status": self.run_status, "watermark": self.watermark}
        return msgspec.convert(detail, RunPortion)

    async def groups(self, query: str, by: Sequence[str], **asked: Any) -> GroupsPage:
        columns = list(asked.pop("columns", ()))
        self._ask(query, (query, list(by), columns, asked))
        return GroupsPage([], list(by), columns, 0, 0, None, self.watermark, [])

    async def columns(self, query: str, **asked: Any) -> ColumnsPage:
        self._ask(query, (query, asked))
        return ColumnsPage([], 0, 0, None, self.watermark, [])

    async def export(self, request: Any) -> Table:
        self._ask(request.query, request)
        return Table(["run.name"], [column_of(["first", None])], 2)

    async def edit(self, layout: Any, runs: Sequence[str], edit: Any) -> list[SegmentName]:
        self._ask("", (list(runs), edit))
        for run in runs:
            await self.run(run)
        return [SegmentName(run, "w2") for run in runs]

    async def edited(self, changes: Any, wait_s: float) -> EditedRuns:
        return EditedRuns([HEAD], self.folded, self.watermark)

    async def series(self, query: str = "", **asked: Any) -> SeriesPage:
        self._ask(query, (query, asked["limit"]))
        series = msgspec.convert({"run": RUN["id"], **SUMMARY}, SeriesRow)
        return SeriesPage([series], {HEAD.id: HEAD}, 1, self.watermark, [])

    async def explain(self, query: str, **asked: Any) -> Explanation:
        self._ask(query, (query, asked["subject"]))
        part = ExplainedPart("run.lr", (0, 6), 0, "numbers", 3, 0, 0.125)
        return Explanation(query, asked["subject"], 4, 3, 0, 0.25, [part], [], self.watermark)

    async def frames(self, request: Any) -> bytes:
        self._ask(request.query or "", request)
        return self.frames_bytes

    async def search(self, text: str, query: str = "", **asked: Any) -> SearchPage:
        self._ask(query, (text, query, asked["limit"], asked["hits"]))
        hit = Hit("line", "out of memory", [(7, 13)], 1_700_000_041.0, writer="w1", line=41)
        return SearchPage([FoundRun(HEAD, [hit], more=False)], 1, True, self.watermark, [])

    async def lines(self, run: str, asked: Any) -> LinesPage:
        self._ask("", (run, asked))
        return LinesPage([], 0, 0, 0, [], self.watermark)

    async def hits(self, run: str, asked: Any) -> HitsPage:
        self._ask("", (run, asked))
        return HitsPage([], 0, None, self.watermark)

    async def messages(self, run: str, asked: Any) -> MessagesPage:
        self._ask("", (run, asked))
        return MessagesPage([], 0, {}, None, self.watermark)

    async def step(self, run: str, at: float, series: int | None) -> StepAt:
        self._ask("", (run, (at, series)))
        return StepAt(at, None, None)

    async def time(self, run: str, step: float, series: int | None) -> TimeAt:
        self._ask("", (run, (step, series)))
        return TimeAt(step, None, None)

    async def steps(self, run: str, asked: Any) -> StepsPage:
        self._ask("", (run, asked))
        return StepsPage([], 0, self.watermark)

    async def values(self, run: str, asked: Any) -> ValuesPage:
        self._ask("", (run, asked))
        return ValuesPage([], [], None, self.watermark)

    async def runs_values(self, query: str, asked: Any) -> RunsValuesPage:
        self._ask(query, (query, asked))
        return RunsValuesPage([], {}, None, self.watermark, [])

    async def params(self, run: str, asked: Any) -> ParamsPage:
        self._ask("", (run, asked))
        return ParamsPage([], 0, None, self.watermark)

    async def run_series(self, run: str, asked: Any) -> RunSeriesPage:
        self._ask("", (run, asked))
        return RunSeriesPage([], 0, None, self.watermark)

    async def captured(self, run: str) -> CapturedPage:
        return CapturedPage([], 0, self.watermark)

    async def lineage(self, run: str) -> LineagePage:
        return LineagePage([], 0, self.watermark)

    async def artifacts(self, run: str, asked: Any) -> ArtifactsPage:
        self._ask("", (run, asked))
        return ArtifactsPage([], 0, None, self.watermark)

    async def versions(self, name: str | None, limit: int, cursor: str | None) -> VersionsPage:
        return VersionsPage([], 0, None, self.watermark)

    async def home(self, limit: int) -> HomePage:
        return HomePage([], 0, [], 1, [], [], self.watermark)

    async def activity(self, days: int, offset_s: int) -> ActivityPage:
        self._ask("", (days, offset_s))
        return ActivityPage([], self.watermark)

    async def tags(self) -> TagsPage:
        return TagsPage([TagRow("baseline", 1)], self.watermark)

    async def retag(self, tags: Any, to: str | None, wait_s: float) -> TagsEdited:
        self._ask("", (tags, to))
        return TagsEdited(1, 0, self.folded, self.watermark)

    async def totals(self) -> Totals:
        return Totals(1, 0)

    def _ask(self, query: str, asked: Any) -> None:
        self.asked.append(asked)
        if self.failure is not None:
            raise self.failure
        if "wrong" in query:
            at = query.index("wrong")
            raise QueryError("unknown name `wrong`", at=(at, at + 5), hint="did you mean `run`?")


class FakeSupervisor:
    """Announces what a test hands it."""

    def __init__(self) -> None:
        self.state = "live"
        self.ended = False
        self._send, self._receive = anyio.create_memory_object_stream[Announcement](1000)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ended = True
        self._send.close()
        self._receive.close()

    def __aiter__(self) -> AsyncIterator[Announcement]:
        return self._receive.__aiter__()

    def announce(self, announcement: Announcement) -> None:
        self._send.send_nowait(announcement)


class Fake:
    """A server over a fake engine, with all its parts at hand."""

    def __init__(self, root: Path) -> None:
        self.views = FakeViews()
        self.supervisor = FakeSupervisor()
        self.layout = Layout(root / "store")
        self.layout.create()
        self.layout.views.mkdir(exist_ok=True)

    def app(
        self, *, host: str = "127.0.0.1", bundle: Path | None = None, prefix: str = ""
    ) -> web.Application:
        async def open_reader() -> FakeViews:
            return self.views

        folder = bundle or self.layout.root / "no bundle"
        return compose(
            Composition(
                self.layout,
                lambda: self.supervisor,
                open_reader,
                host,
                Bundle(folder, prefix),
                prefix,
            )
        )


@asynccontextmanager
async def serving(
    fake: Fake,
    *,
    host: str = "127.0.0.1",
    bundle: Path | None = None,
    app: web.Application | None = None,
) -> AsyncIterator[Client]:
    """Serve the fake, or an application made of it, and give a client."""
    server = TestServer(app or fake.app(host=host, bundle=bundle))
    async with TestClient(server) as client:
        yield client


def change(
    watermark: int, *series: int, runs: Sequence[str] = ("0k1",), value: float = math.nan
) -> Announcement:
    """Return an announcement of points in `series`, whose step is the watermark."""
    deltas = [
        SeriesDelta(number, "0k1", "loss", {}, watermark, float(watermark), value, 1_700_000_000.0)
        for number in series
    ]
    return Announcement(watermark, 0, "live", runs=list(runs), series=deltas)
