"""What each route answers."""

from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from aiohttp import web

from foldline_ui import routes
from foldline_ui.parts import VITALS
from foldline_ui.route import RouteTable
from foldline_ui.wire import Health, Nothing
from foldline_views.answers import RunDetail, RunsPage, SeriesPage
from foldline_views.explain import Explanation
from tests.ui.fakes import Fake, change, serving

pytestmark = pytest.mark.anyio
DEADLINE_S = 10


async def test_health_tells_of_server_store_and_fold(tmp_path: Path) -> None:
    """One look at health says which store, how far the fold is, and what is left of the disk."""
    fake = Fake(tmp_path)
    (fake.layout.views / "1").mkdir()
    (fake.layout.views / "1" / "views.db").write_bytes(bytes(100))
    async with serving(fake) as client:
        fake.supervisor.announce(change(640, 7))
        with anyio.fail_after(DEADLINE_S):
            while client.app[VITALS].watermark != 640:
                await anyio.lowlevel.checkpoint()
        answer = await client.get("/api/v1/health")
        health = msgspec.json.decode(await answer.read(), type=Health)
    assert health.store.path == str(fake.layout.root)
    assert (health.watermark, health.lag_bytes, health.fold.state) == (640, 0, "live")
    assert (health.runs.total, health.disk.log_bytes, health.disk.views_bytes) == (1, 640, 100)
    assert health.disk.free_bytes > 0
    assert answer.headers["Cache-Control"] == "no-store"


async def test_what_is_folded_and_not_read_yet_is_lag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a commit is taken over, health does not call what answers do not show up to date."""
    fake = Fake(tmp_path)
    begun, read = anyio.Event(), anyio.Event()

    async def refresh() -> None:
        begun.set()
        await read.wait()

    monkeypatch.setattr(fake.views, "refresh", refresh)
    async with serving(fake) as client:
        fake.supervisor.announce(change(999, 7))
        with anyio.fail_after(DEADLINE_S):
            await begun.wait()
        answer = await client.get("/api/v1/health")
        health = msgspec.json.decode(await answer.read(), type=Health)
        read.set()
        assert (health.watermark, health.lag_bytes, health.disk.log_bytes) == (640, 359, 999)
        client.app[VITALS].watermark = client.app[VITALS].lag_bytes = 0  # nothing was said yet
        answer = await client.get("/api/v1/health")
        health = msgspec.json.decode(await answer.read(), type=Health)
    assert (health.watermark, health.lag_bytes, health.disk.log_bytes) == (640, 0, 640)


async def test_runs_are_searched_with_the_defaults_of_the_api(tmp_path: Path) -> None:
    """An empty request is a good one: all runs, newest first, the first hundred."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        answer = await client.post("/api/v1/runs/search", json={})
        page = msgspec.json.decode(await answer.read(), type=RunsPage)
    assert answer.status == 200
    assert fake.views.asked == [("", [("run.created_at", True)], 100, None)]
    assert page.total == 1
    assert page.watermark == 640


async def test_runs_are_searched_as_asked(tmp_path: Path) -> None:
    """Query, order, limit and cursor reach the views as they were sent."""
    fake = Fake(tmp_path)
    asked = {
        "query": "run.hparams.lr > 0.01",
        "sort": [{"by": 'run.metrics["loss"].min', "desc": False}, {"by": "run.name"}],
        "limit": 5,
        "cursor": "abc",
    }
    async with serving(fake) as client:
        answer = await client.post("/api/v1/runs/search", json=asked)
    assert answer.status == 200
    order = [('run.metrics["loss"].min', False), ("run.name", False)]
    assert fake.views.asked == [(asked["query"], order, 5, "abc")]


async def test_rows_are_excerpts_where_columns_are_named(tmp_path: Path) -> None:
    """Columns and metrics reach the views as they were sent; a column that can't be is refused."""
    fake = Fake(tmp_path)
    metrics = [{"name": "loss", "context": {"subset": "val"}}]
    async with serving(fake) as client:
        asked = {"columns": ["run.hparams.lr"], "metrics": metrics}
        assert (await client.post("/api/v1/runs/search", json=asked)).status == 200
        refused = await client.post("/api/v1/runs/search", json={"columns": ["run.name +"]})
        body = await refused.json()
    ((*_, columns, whose),) = fake.views.asked
    assert columns == ("run.hparams.lr",)
    assert [(one.name, one.context) for one in whose] == [("loss", {"subset": "val"})]
    assert (refused.status, body["error"]["code"]) == (400, "bad_column")


async def test_a_query_is_explained(tmp_path: Path) -> None:
    """How a query is answered is told of runs, or of series if they are asked."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        answer = await client.post("/api/v1/explain", json={"query": "run.lr"})
        found = msgspec.json.decode(await answer.read(), type=Explanation)
        await client.post("/api/v1/explain", json={"query": "metric.last", "of": "series"})
        wrong = await client.post("/api/v1/explain", json={"query": "wrong"})
    assert (found.query, found.matches, found.parts[0].column) == ("run.lr", 3, "numbers")
    assert fake.views.asked[:2] == [("run.lr", "run"), ("metric.last", "metric")]
    assert wrong.status == 400


async def test_a_run_is_answered_whole(tmp_path: Path) -> None:
    """A run's page gets all it shows in one answer, NaN spelt out."""
    async with serving(Fake(tmp_path)) as client:
        answer = await client.get("/api/v1/runs/0k1")
        body = await answer.read()
    assert msgspec.json.decode(body, type=RunDetail).id == "0k1"


async def test_an_ended_run_is_answered_by_304_until_something_is_folded(tmp_path: Path) -> None:
    """Who has a copy of an ended run is told that it still holds, and when it no longer does."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        tag = (await client.get("/api/v1/runs/0k1")).headers["ETag"]
        again = await client.get("/api/v1/runs/0k1", headers={"If-None-Match": tag})
        assert (again.status, await again.read()) == (304, b"")
        fake.views.mark += 32
        later = await client.get("/api/v1/runs/0k1", headers={"If-None-Match": tag})
        assert later.status == 200


async def test_a_running_run_is_never_answered_from_a_copy(tmp_path: Path) -> None:
    """The duration of a running run moves, so a 304 would show an old one."""
    fake = Fake(tmp_path)
    fake.views.run_status = "running"
    async with serving(fake) as client:
        answer = await client.get("/api/v1/runs/0k1", headers={"If-None-Match": "*"})
    assert answer.status == 200
    assert "ETag" not in answer.headers


async def test_series_are_searched(tmp_path: Path) -> None:
    """Series come with their summaries and with the runs that they belong to."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        answer = await client.post("/api/v1/series/search", json={"query": "x", "limit": 9})
        page = msgspec.json.decode(await answer.read(), type=SeriesPage)
    assert fake.views.asked == [("x", 9)]
    assert page.total == 1


@pytest.mark.parametrize("size", [64, 256 << 10, 5_000_003])
async def test_frames_arrive_byte_for_byte(tmp_path: Path, size: int) -> None:
    """Columns of any size arrive as they are, with their length known from the start."""
    fake = Fake(tmp_path)
    fake.views.frames_bytes = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with serving(fake) as client:
        answer = await client.post("/api/v1/series/frames", json={"ids": [7], "points": 16})
        body = await answer.read()
    assert answer.content_type == "application/octet-stream"
    assert int(answer.headers["Content-Length"]) == size
    assert body == fake.views.frames_bytes
    asked = fake.views.asked[0]
    assert (tuple(asked.ids), asked.points, asked.x) == ((7,), 16, "step")
    assert tuple(asked.columns) == ("last", "min", "max")


async def test_a_client_that_goes_away_ends_its_answer(tmp_path: Path) -> None:
    """Megabytes for a closed tab are not sent into nowhere, and the server goes on."""
    fake = Fake(tmp_path)
    fake.views.frames_bytes = bytes(50_000_000)
    async with serving(fake) as client:
        async with client.post("/api/v1/series/frames", json={"query": ""}) as answer:
            await answer.content.readexactly(1000)
            answer.close()
        assert (await client.get("/api/v1/health")).status == 200


async def test_small_answers_are_not_held_back(tmp_path: Path) -> None:
    """TCP_NODELAY is on: an event is not kept waiting for the next one."""
    fake = Fake(tmp_path)
    seen: list[int] = []
    app = fake.app()

    async def look(request: web.Request, _: web.StreamResponse) -> None:
        assert request.transport is not None
        sock = request.transport.get_extra_info("socket")
        seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    app.on_response_prepare.append(look)
    async with serving(fake, app=app) as client:
        await client.get("/api/v1/health")
    assert seen[0] != 0


@pytest.mark.parametrize(
    ("scope", "summary", "response"),
    [
        ("", "A route that declares no scope.", dict),
        ("all", "A route of a scope that is not known.", dict),
        ("read", "", dict),
        ("read", "A route that answers nothing.", type(None)),
    ],
)
def test_a_route_that_does_not_say_what_it_is_is_refused(
    scope: Any, summary: str, response: type
) -> None:
    """There is no way to serve a route without scope, summary and types."""

    async def answer(_: web.Request, __: Nothing) -> web.Response:
        return web.Response()

    table = RouteTable()
    declare = table.add(
        "GET", "/x", scope=scope, summary=summary, request=Nothing, response=response
    )
    with pytest.raises(ValueError, match="declares no"):
        declare(answer)
    assert list(table) == []


def test_a_route_is_registered_once() -> None:
    """Two answers for one path would hide each other."""
    table = routes.table()
    with pytest.raises(ValueError, match="twice"):
        table.include(routes.table())


def test_what_is_not_finite_stays_visible() -> None:
    """A fake that lost its NaN would make these tests show less than they say."""
    assert math.isnan(change(1, 1).series[0].value)
