"""Disks that are really full."""

from __future__ import annotations

import subprocess
import urllib.error
import warnings
from http import HTTPStatus
from pathlib import Path

import pytest

import foldline
from foldline.errors import FoldlineWarning
from foldline.layout import Layout
from foldline.shipper.dispatch import dispatch
from foldline.shipper.hold import hold_of, remote_of
from foldline_ingest.verify import verify
from tests.faults.volumes import fill, memory, needs_mounts
from tests.patience import wait_for
from tests.remote.oracle import assert_same
from tests.remote.servers import free_port
from tests.ui.processes import Server, up

DISK_BYTES = 8 << 20
SPARE_BYTES = 300_000  # left when a training begins: two windows of a segment
FILLING = 150_000  # points; the buffered writer keeps some 100,000 in memory before it drops any

pytestmark = needs_mounts


def train(run: foldline.Run, ballast: Path) -> int:
    """Track until the disk is full, and on; free it, and track until a point is kept again.

    Returns how many points were tracked.
    """
    step = 0

    def track(count: int) -> None:
        nonlocal step
        for _ in range(count):
            run.track(step * 0.5, name="loss", step=step)
            step += 1

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        track(FILLING)

        def is_full() -> bool:
            track(100)
            return run.dropped > 0

        wait_for(is_full, "points to be dropped")
        run.track(foldline.Text("said " * 20_000), name="said", step=0)
        run["told"] = "while it was full"
        ballast.unlink()

        def is_kept() -> bool:
            before = run.dropped
            track(100)
            return run.dropped == before

        wait_for(is_kept, "a point to be kept")
        track(1_000)
        run.finish()
    told = [str(one.message) for one in caught if one.category is FoldlineWarning]
    assert len(told) <= 3 and any("free some space" in one for one in told), told
    return step


def check(layout: Layout, run: str, tracked: int, dropped: int) -> None:
    """Assert that each point is kept or counted, in the log too, and that nothing is damaged."""
    assert verify(layout).damage == []
    with foldline.open(layout.root) as store:
        (series,) = store.series(f'run.id == "{run}"')
        assert (series.values == series.steps * 0.5).all()
        missing = tracked - series.count
        assert 0 < missing <= dropped <= missing + 1  # the text may be dropped, too
        assert store.run(run).params["told"] == "while it was full"
        assert store.run(run).status == "finished"


@pytest.mark.parametrize("writer", ["mapped", "buffered"])
def test_a_training_outlives_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    """Points are kept or counted, settings are kept, and what comes once there is room again."""
    monkeypatch.setenv("FOLDLINE_WRITER", writer)
    with memory(tmp_path / "disk", DISK_BYTES) as disk:
        ballast = fill(disk, leave=SPARE_BYTES)
        with foldline.Run(id="run1", store=disk / "store", capture=False) as run:
            tracked = train(run, ballast)
        check(Layout(disk / "store"), "run1", tracked, run.dropped)


def test_a_full_hold_stops_no_training_and_ships_what_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the server down and this disk full points are counted; later all the rest is shipped."""
    monkeypatch.setenv("FOLDLINE_HOLD", str(tmp_path / "disk" / "hold"))
    url = f"http://127.0.0.1:{(port := free_port())}"
    with memory(tmp_path / "disk", DISK_BYTES) as disk:
        ballast = fill(disk, leave=SPARE_BYTES)
        with foldline.Run(id="run1", store=url, capture=False) as run:
            tracked = train(run, ballast)
        here = hold_of(remote_of(url))
        check(here, "run1", tracked, run.dropped)
        with up(tmp_path / "there", port=port) as server:
            told = dispatch(here, remote_of(url), patience_s=60)
            assert (told.runs, told.trouble) == (1, "")
            server.wait_until_live()
        assert_same(here.root, tmp_path / "there")


def test_a_full_server_takes_the_rest_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server without room says so and stays; with room again it gets what it had not."""
    monkeypatch.setattr("foldline.shipper.pace.WAIT_S_FIRST", 0.05)
    monkeypatch.setattr("foldline.shipper.pace.WAIT_S_MAX", 0.2)
    here = Layout(tmp_path / "here")
    with foldline.Run(id="run1", store=here.root, capture=False) as run:
        for step in range(60_000):
            run.track(step / 7, name="loss", step=step)
    with memory(tmp_path / "disk", 24 << 20) as disk, up(disk / "there") as server:
        server.wait_until_live()
        ballast = fill(disk, leave=SPARE_BYTES)
        told = dispatch(here, remote_of(server.url), patience_s=1)
        assert told.trouble
        ballast.unlink()
        told = dispatch(here, remote_of(server.url), patience_s=60)
        assert (told.runs, told.trouble) == (1, "")
        server.wait_until_live()
        assert_same(here.root, disk / "there")


def test_views_without_room_stop_no_log_and_catch_up(tmp_path: Path) -> None:
    """The server answers from what it has and says that it is behind; with room it catches up."""
    store = tmp_path / "store"
    views = store / "views"
    with foldline.Run(id="early", store=store, capture=False) as run:
        run.track(1.0, name="loss", step=0)
    with memory(views, DISK_BYTES), up(store) as server:
        server.wait_until_live()
        ballast = fill(views)
        with foldline.Run(id="run1", store=store, capture=False) as run:
            for step in range(100_000):
                run.track(step * 0.5, name=f"loss {step % 50}", step=step)
            assert run.dropped == 0
        wait_for(lambda: is_behind(server), "the server to say that it is behind")
        wait_for(lambda: answers(server, "runs/early"), "what was there before")
        ballast.unlink()
        subprocess.run(["mount", "-o", f"remount,size={256 << 20}", str(views)], check=True)
        wait_for(lambda: answers(server, "runs/run1"), "the run", deadline_s=60)
        wait_for(lambda: not is_behind(server), "the server to have caught up", deadline_s=60)
        found = server.ask("series/search", {"query": 'run.id == "run1"', "limit": 100})["series"]
        assert sum(one["count"] for one in found) == 100_000
        assert server.process.poll() is None
    assert verify(Layout(store)).damage == []


def is_behind(server: Server) -> bool:
    health = server.ask("health")
    return bool(health["fold"]["state"] != "live" or health["lag_bytes"])


def answers(server: Server, path: str) -> bool:
    """Say whether a route has an answer; otherwise it says that there is none, or none just now."""
    try:
        return bool(server.ask(path))
    except urllib.error.HTTPError as error:
        with error:
            if error.code not in {HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE}:
                raise
        return False
