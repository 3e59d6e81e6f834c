"""Views as readers have them."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

import foldline
from foldline.errors import QueryError, RunNotFound
from foldline.layout import Layout
from foldline_views import discovery
from foldline_views.asked import FramesRequest, Sort
from foldline_views.folding import catch_up, rebuild
from foldline_views.reader import Views


def log(store: Path, run: str, points: int = 10, **words: object) -> None:
    with foldline.Run(id=run, store=store, params=words or None) as written:
        for step in range(points):
            written.track(step * 1.0, name="loss", step=step)


def with_views(store: Path, scenario: Callable[[Views, Layout], Awaitable[None]]) -> None:
    async def whole() -> None:
        layout = Layout(store)
        await catch_up(layout)
        views = await Views.open(layout.views)
        try:
            await scenario(views, layout)
        finally:
            await views.close()

    anyio.run(whole)


def test_a_refresh_sees_what_was_committed(tmp_path: Path) -> None:
    """Before a refresh nothing changes; after it all of the commit is there, with its watermark."""
    store = tmp_path / "store"
    log(store, "one", lr=0.1)

    async def scenario(views: Views, layout: Layout) -> None:
        before = await views.runs()
        assert [row.id for row in before.rows] == ["one"] and before.total == 1
        log(store, "two", points=500, lr=0.2)
        log(store, "one", points=20)
        await catch_up(layout)
        assert await views.runs() == before
        await views.refresh()
        after = await views.runs(sort=[Sort("run.name")])
        assert [row.id for row in after.rows] == ["one", "two"]
        assert {row.id: row.metrics[0].count for row in after.rows} == {"one": 30, "two": 500}
        assert after.watermark == views.watermark > before.watermark
        assert (await views.totals()).total == 2
        await views.refresh()
        assert await views.runs(sort=[Sort("run.name")]) == after

    with_views(store, scenario)


def test_many_small_commits_are_all_taken_over(tmp_path: Path) -> None:
    """A reader that follows commit by commit has what one that opens later has."""
    store = tmp_path / "store"

    async def scenario(views: Views, layout: Layout) -> None:
        run = foldline.Run(id="run1", store=store)
        other = foldline.Run(id="run1", store=store)
        for step in range(150):
            run.track(float(step), name=f"m{step % 5}", step=step)
            if step % 3 == 0:
                other.track(float(-step), name="m1", step=step)
            run["seen"] = step
            await catch_up(layout)
            if step % 7:
                await views.refresh()
        run.finish()
        other.finish()
        await catch_up(layout)
        await views.refresh()
        fresh = await Views.open(layout.views)
        try:
            assert await views.runs() == await fresh.runs()
            assert await views.series() == await fresh.series()
            assert await views.run("run1") == await fresh.run("run1")
            request = FramesRequest(query="")
            assert await views.frames(request) == await fresh.frames(request)
        finally:
            await fresh.close()
        counts = {series.name: series.count for series in (await views.series()).series}
        assert counts == {"m0": 30, "m1": 80, "m2": 30, "m3": 30, "m4": 30}

    log(store, "start", 1)
    shutil.rmtree(store / "runs" / "start")
    with_views(store, scenario)


def test_a_rebuild_is_gone_over_to(tmp_path: Path) -> None:
    """After a rebuild a refresh reads the new generation; until then the old one still answers."""
    store = tmp_path / "store"
    for number in range(4):
        log(store, f"run{number}", points=300)

    async def scenario(views: Views, layout: Layout) -> None:
        before = await views.runs()
        frames = await views.frames(FramesRequest(query=""))
        generation = views.generation
        await rebuild(layout)
        assert await views.runs() == before, "the old generation is open still"
        assert await views.frames(FramesRequest(query="")) == frames
        seen: list[int] = []

        async def look() -> None:
            for _ in range(200):
                seen.append((await views.runs()).total)
                seen.append(len(await views.frames(FramesRequest(query=""))))
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            for _ in range(3):
                tasks.start_soon(views.refresh)
        assert views.generation == generation + 1
        assert set(seen[::2]) == {4}, "no answer in between is empty"
        assert len(set(seen[1::2])) == 1
        assert {row.id for row in (await views.runs()).rows} == {row.id for row in before.rows}

    with_views(store, scenario)


def test_a_page_stays_where_it_was(tmp_path: Path) -> None:
    """Runs that arrive between two pages neither repeat nor hide a row."""
    store = tmp_path / "store"
    for number in range(10):
        log(store, f"run{number}", points=1)

    async def scenario(views: Views, layout: Layout) -> None:
        first = await views.runs(limit=4)
        assert [row.id for row in first.rows] == ["run9", "run8", "run7", "run6"]
        log(store, "new1", points=1)
        log(store, "new2", points=1)
        await catch_up(layout)
        await views.refresh()
        second = await views.runs(limit=4, cursor=first.cursor)
        assert [row.id for row in second.rows] == ["run5", "run4", "run3", "run2"]
        third = await views.runs(limit=4, cursor=second.cursor)
        assert [row.id for row in third.rows] == ["run1", "run0"] and third.cursor is None
        assert third.total == 12

    with_views(store, scenario)


def test_wrong_questions_are_errors(tmp_path: Path) -> None:
    """A run that is not there, a query and a cursor that can't be read are told apart."""
    store = tmp_path / "store"
    log(store, "one")

    async def scenario(views: Views, layout: Layout) -> None:
        with pytest.raises(RunNotFound, match="no run"):
            await views.run("another")
        with pytest.raises(QueryError):
            await views.runs("run.name ==")
        for cursor in ("%%%", "AAAA", ""):
            with pytest.raises(QueryError, match="cursor"):
                await views.runs(cursor=cursor)

    with_views(store, scenario)


def test_views_that_are_not_there_yet_are_empty(tmp_path: Path) -> None:
    """Before the first fold there is nothing to see, and that is no error."""
    store = tmp_path / "store"
    log(store, "one")

    async def scenario() -> None:
        layout = Layout(store)
        views = await Views.open(layout.views)
        try:
            assert (await views.runs()).total == 0 and views.watermark == 0
            await catch_up(layout)
            await views.refresh()
            assert (await views.runs()).total == 1
        finally:
            await views.close()

    anyio.run(scenario)


def test_a_long_question_gives_others_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While all columns are looked through, another question is answered in between."""
    monkeypatch.setattr(discovery, "TURN_S", 0.0)
    log(tmp_path, "one", **{f"param{number}": number for number in range(200)})
    answered: list[str] = []

    async def scenario(views: Views, _: Layout) -> None:
        async def columns() -> None:
            await views.columns("")
            answered.append("columns")

        async def runs() -> None:
            await views.runs()
            answered.append("runs")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(columns)
            tasks.start_soon(runs)

    with_views(tmp_path, scenario)
    assert answered == ["runs", "columns"]
