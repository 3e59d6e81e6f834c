"""The loop from the log to the views."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

import foldline
from foldline.errors import StoreBusy
from foldline.layout import Layout, SegmentName
from foldline_ingest.announce import Announcement
from foldline_ingest.lease import Lease
from foldline_views.folding import catch_up, fold_live, rebuild
from foldline_views.shelves import CATALOG, SHELVES
from tests.canonical import dump_of, points_folded
from tests.segment_build import SegmentBuild

DEADLINE_S = 30.0


def some_runs(store: Path, count: int = 3, points: int = 300) -> None:
    for number in range(count):
        with foldline.Run(id=f"run{number}", store=store, params={"n": number}) as run:
            for step in range(points):
                run.track({"loss": step * 0.5, "acc": -step}, step=step)
            run.add_tag("done")


def killed_segment(store: Path, name: SegmentName, *, hurt: bool = False) -> None:
    build = SegmentBuild(*name)
    build.define(1, "loss")
    for step in range(200):
        build.point(1, step, float(step))
    path = Layout(store).segment(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = bytearray(build.killed(4096))
    if hurt:
        data[300] ^= 8
    path.write_bytes(data)


def folded(store: Path) -> list[Announcement]:
    said: list[Announcement] = []

    async def announce(announcement: Announcement) -> None:
        said.append(announcement)

    assert anyio.run(catch_up, Layout(store), announce)
    return said


def test_catching_up_folds_all_there_is(tmp_path: Path) -> None:
    """Everything logged before is in the views, and the markers of finished runs are gone."""
    store = tmp_path / "store"
    some_runs(store)
    said = folded(store)
    assert points_folded(store) == 3 * 2 * 300
    assert list(Layout(store).active.iterdir()) == []
    assert {run for one in said for run in one.runs} == {"run0", "run1", "run2"}
    assert said[-1].watermark == sum(f.stat().st_size for f in store.glob("runs/*/log/*.fold"))
    last = {(d.run, d.name): (d.count, d.step) for one in said for d in one.series}
    assert last == {(f"run{i}", name): (300, 299) for i in range(3) for name in ("loss", "acc")}


def test_folding_again_changes_nothing(tmp_path: Path) -> None:
    """Each event counts once, however often one looks."""
    store = tmp_path / "store"
    some_runs(store)
    folded(store)
    before = dump_of(store)
    for _ in range(3):
        assert folded(store) == []
    assert dump_of(store) == before


def test_rebuilding_gives_the_same_views(tmp_path: Path) -> None:
    """Live, rebuilt, and deleted and folded again, the views are the same to the byte."""
    store = tmp_path / "store"
    for part in range(3):
        some_runs(store, points=100 + part)
        folded(store)
    killed_segment(store, SegmentName("run1", "killed"))
    killed_segment(store, SegmentName("run2", "hurt"), hurt=True)
    folded(store)
    live = dump_of(store)
    for _ in range(2):
        anyio.run(rebuild, Layout(store))
        assert dump_of(store) == live
    shutil.rmtree(Layout(store).views)
    folded(store)
    assert dump_of(store) == live


def test_a_rebuild_puts_the_dead_to_rest_too(tmp_path: Path) -> None:
    """A writer that was killed before a rebuild is killed after it, not running for ever."""
    store = tmp_path / "store"
    some_runs(store, count=1)
    folded(store)
    killed_segment(store, SegmentName("dead", "w1"))
    anyio.run(rebuild, Layout(store))
    with foldline.open(store) as opened:
        (run,) = opened.runs('run.status == "killed"')
    assert run.id == "dead"


def test_a_reader_that_folds_once_sees_who_died(tmp_path: Path) -> None:
    """With no server ever running, a killed run shows as killed at the first look."""
    store = tmp_path / "store"
    some_runs(store, count=1)
    killed_segment(store, SegmentName("dead", "w1"))
    with foldline.open(store) as opened:
        runs = {run.id: run for run in opened.runs()}
    assert runs["dead"].status == "killed" and runs["run0"].status == "finished"
    # Its end is the time of its last point, not that of somebody's look.
    (series,) = runs["dead"].metrics
    assert runs["dead"].ended_at == series.times[-1]


def test_a_rebuild_says_how_far_it_is(tmp_path: Path) -> None:
    """A rebuild announces itself, and that what readers have is void in the end."""
    store = tmp_path / "store"
    some_runs(store)
    folded(store)
    said: list[Announcement] = []

    async def announce(announcement: Announcement) -> None:
        said.append(announcement)

    anyio.run(rebuild, Layout(store), announce)
    assert {one.shelf for one in said} == {shelf.name for shelf in SHELVES}
    for shelf in SHELVES:
        *during, last = [one for one in said if one.shelf == shelf.name]
        assert {one.state for one in during} <= {"rebuilding"}
        assert all(one.runs == [] and one.series == [] for one in during)
        assert last.reset


def test_two_do_not_fold_at_once(tmp_path: Path) -> None:
    """While another process holds the lease, folding once says so, and a rebuild is an error."""
    store = tmp_path / "store"
    some_runs(store, count=1)
    with Lease(Layout(store).views):
        assert not anyio.run(catch_up, Layout(store))
        with pytest.raises(StoreBusy):
            anyio.run(rebuild, Layout(store))
    assert anyio.run(catch_up, Layout(store))


@pytest.mark.parametrize("what", ["views.db", "all", "CURRENT", "truncated"])
def test_broken_views_are_made_again(tmp_path: Path, what: str) -> None:
    """Views are derived: overwritten, lost or cut in half, they come back from the log."""
    store = tmp_path / "store"
    some_runs(store)
    folded(store)
    before = dump_of(store)
    views = Layout(store).views
    catalog = CATALOG.folder(views)
    file = catalog / "1" / "views.db"
    if what == "views.db":
        file.write_bytes(b"not a database at all" * 500)
    elif what == "truncated":
        file.write_bytes(file.read_bytes()[:300])
    elif what == "CURRENT":
        (catalog / "CURRENT").unlink()
    else:
        shutil.rmtree(views)
    folded(store)
    assert dump_of(store) == before


def test_a_writer_that_never_rests_keeps_no_reader(tmp_path: Path) -> None:
    """Folding once ends with what there was when it looked, however fast more is logged."""
    store = tmp_path / "store"
    stop = threading.Event()
    with foldline.Run(id="busy", store=store) as run:

        def log() -> None:
            while not stop.is_set():
                run.track(1.0, name="a")

        writer = threading.Thread(target=log)
        writer.start()
        try:
            assert anyio.run(partial(catch_up, Layout(store), shelves=(CATALOG,)))
            first = points_folded(store)
        finally:
            stop.set()
            writer.join()
    folded(store)
    assert first < points_folded(store)


def test_folding_live_follows_a_writer(tmp_path: Path) -> None:
    """Points show soon after they were tracked; the state is live once all of the past is in."""
    store = tmp_path / "store"
    some_runs(store, count=1)
    said: list[Announcement] = []
    seen = anyio.Event()

    async def announce(announcement: Announcement) -> None:
        said.append(announcement)
        if any(delta.run == "now" and delta.step == 199 for delta in announcement.series):
            seen.set()

    async def scenario() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fold_live, Layout(store), announce)
            with foldline.Run(id="now", store=store) as run:
                for step in range(200):
                    run.track(step, name="a", step=step)
                    if step % 50 == 0:
                        await anyio.lowlevel.checkpoint()
                with anyio.fail_after(DEADLINE_S):
                    await seen.wait()
            tasks.cancel_scope.cancel()

    anyio.run(scenario)
    states = [one.state for one in said]
    assert states[0] == "catching_up" and states[-1] == "live"
    folded(store)
    assert points_folded(store) == 600 + 200
