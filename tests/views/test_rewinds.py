"""A script that goes back hides what came after."""

from __future__ import annotations

import math
from pathlib import Path

import anyio
import msgspec
import numpy as np
import pytest

import foldline
from foldline.events import StepsRewound
from foldline.layout import Layout, SegmentName
from foldline_views.asked import FramesRequest
from foldline_views.folding import catch_up, rebuild
from foldline_views.reader import Views
from tests.canonical import dump_of
from tests.segment_build import SegmentBuild


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def track(run: foldline.Run, steps: range, scale: float = 1.0) -> None:
    for step in steps:
        run.track(step * scale, name="loss", step=step)
        run.track(0.5, name="__system__/cpu", step=step)


def test_a_run_goes_back_and_on(store: Path) -> None:
    """Series end at the step that was gone back to, then take new points; exact points agree."""
    with foldline.Run(id="r", store=store) as run:
        track(run, range(3000))
        opened = foldline.open(store)
        before = {series.name: series for series in opened.series()}
        assert before["loss"].count == 3000
        run.rewind(1000)
        after = {series.name: series for series in opened.series()}
        assert after["loss"].count == 1001 and after["loss"].last == 1000
        assert after["loss"].max == 1000 and after["loss"].steps.tolist() == list(range(1001))
        assert after["__system__/cpu"].count == 3000
        track(run, range(1001, 1500), scale=-1.0)
        (series,) = opened.series('metric.name == "loss"')
        assert series.count == 1500 and series.last == -1499
        assert np.array_equal(series.values[1000:1003], [1000, -1001, -1002])
    opened.close()


def test_a_second_process_goes_back(store: Path) -> None:
    """One that goes on from a checkpoint hides what the first tracked after it, and no later."""
    with foldline.Run(id="r", store=store) as first:
        track(first, range(700))
        foldline.open(store).series()
        with foldline.Run(id="r", store=store) as second:
            second.rewind(500)
            track(second, range(501, 600), scale=2.0)
        first.track(9000.0, name="loss", step=9000)
        (series,) = foldline.open(store).series('metric.name == "loss"')
    assert series.count == 501 + 99 + 1 and series.last == 9000
    assert series.max == 9000 and series.values[600 - 1] == 2 * 599


def test_views_that_went_along_are_those_of_a_rebuild(store: Path) -> None:
    """Whether a rewind is folded live, after other rewinds or from the start, nothing differs."""

    async def scenario() -> None:
        layout = Layout(store)
        with foldline.Run(id="r", store=store) as run:
            for back in (500, 2, 1, 0, 400):
                track(run, range(back, back + 300))
                await catch_up(layout)
                run.rewind(back)
                await catch_up(layout)
        await catch_up(layout)
        live = dump_of(store)
        await rebuild(layout)
        assert dump_of(store) == live

    anyio.run(scenario)


def test_readers_see_it_with_the_commit(store: Path) -> None:
    """A page keeps the series' id; its curve and its figures shrink together, to nothing at all."""

    async def scenario() -> None:
        layout = Layout(store)
        with foldline.Run(id="r", store=store) as run:
            track(run, range(1000))
            await catch_up(layout)
            views = await Views.open(layout.views)
            (loss,) = (await views.series('metric.name == "loss"')).series
            whole = await views.frames(FramesRequest(ids=[loss.series]))
            run.rewind(100)
            await catch_up(layout)
            await views.refresh()
            (short,) = (await views.series('metric.name == "loss"')).series
            assert (short.series, short.count, short.last.step) == (loss.series, 101, 100)
            assert len(await views.frames(FramesRequest(ids=[loss.series]))) < len(whole)
            run.rewind(-1)
            await catch_up(layout)
            await views.refresh()
            assert [m.name for m in (await views.run("r")).metrics] == ["__system__/cpu"]
            empty = await views.frames(FramesRequest(ids=[loss.series]))
            assert len(empty) < len(whole)
            run.track(1.0, name="loss", step=0)
            await catch_up(layout)
            await views.refresh()
            (again,) = (await views.series('metric.name == "loss"')).series
            assert (again.series, again.count) == (loss.series, 1)
            await views.close()

    anyio.run(scenario)


def test_epochs_follow_their_points(store: Path) -> None:
    """The exact points of a rewound series have the epochs that were tracked with them."""
    with foldline.Run(id="r", store=store) as run:
        for step in range(20):
            run.track(1.0, name="loss", step=step, epoch=step // 10)
        run.rewind(4)
        run.track(1.0, name="loss", step=5)
    (series,) = foldline.open(store).series()
    assert series.points.epochs[:5].tolist() == [0.0] * 5
    assert math.isnan(series.points.epochs[5])


def test_what_is_no_rewind_hides_nothing(store: Path) -> None:
    """One that can't be decoded, or goes back to no number, leaves the others what they hide."""
    build = SegmentBuild("r", "w", window=65_536, block=4096)
    build.define(1, "loss")
    for step in range(10):
        build.point(1, step, 1.0)
    build.raw(StepsRewound.TYPE, msgspec.msgpack.encode({"step": "nowhere"}))
    build.event(StepsRewound(6.0))
    build.event(StepsRewound(math.nan))
    layout = Layout(store)
    layout.create()
    path = layout.segment(SegmentName("r", "w"))
    path.parent.mkdir(parents=True)
    path.write_bytes(build.close())
    with foldline.open(store) as opened:
        (series,) = opened.series('metric.name == "loss"')
        assert series.count == 7 and series.steps.tolist() == list(range(7))
