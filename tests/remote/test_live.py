"""Runs that are shipped while they grow."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from foldline.shipper.hold import hold_of, remote_of
from tests.capture.trainings import Training, start
from tests.patience import wait_for
from tests.remote.oracle import assert_same, has_more, segments
from tests.remote.servers import free_port
from tests.ui.processes import Server, foldline_command, up

STEPS = """
    run = foldline.Run(id=sys.argv[1])
    print("begun", os.getpid(), flush=True)
    for step in range(int(sys.argv[2])):
        run.track(step / 3, name="loss", step=step)
    if len(sys.argv) > 3:
        sys.stdin.readline()
"""
EXIT_S_MAX = 1.0  # what a server that is gone may add to a training's end


@pytest.fixture(autouse=True)
def hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of this test wait in a folder of its own."""
    monkeypatch.setenv("FOLDLINE_HOLD", str(tmp_path / "hold"))
    monkeypatch.delenv("FOLDLINE_TOKEN", raising=False)
    return tmp_path / "hold"


def begin(url: str, *words: str) -> Training:
    """Start a script whose store is a server."""
    return start(Path(), STEPS, *words, stdin=subprocess.PIPE, env={"FOLDLINE_STORE": url})


def head(server: Server) -> dict[str, Any]:
    rows = server.ask("runs/search", {})["rows"]
    return dict(rows[0]) if rows else {}


def count(server: Server) -> int:
    return max((one["count"] for one in head(server).get("metrics", [])), default=0)


def test_a_run_is_seen_while_it_runs_and_when_it_ends(tmp_path: Path) -> None:
    """Points and lines are at the server as they come; at the end it has all, and keeps it."""
    with up(tmp_path / "there") as server:
        training = begin(server.url, "run1", "4000", "wait")
        wait_for(lambda: count(server) == 4000, "the points")
        assert head(server)["status"] == "running"
        wait_for(lambda: b"begun" in str(server.ask("runs/run1/lines")).encode(), "the line")
        assert training.end().code == 0
        wait_for(lambda: head(server)["status"] == "finished", "the end")
        here = hold_of(remote_of(server.url)).root
        wait_for(lambda: len(list(here.glob("shipped/[!.]*"))) == 2, "both to be durable there")
        server.wait_until_live()
    assert_same(here, tmp_path / "there")


def test_a_killed_training_is_killed_at_the_server(tmp_path: Path) -> None:
    """The companion ships the last point and says what the training died of."""
    with up(tmp_path / "there") as server:
        training = begin(server.url, "run1", "1000", "wait")
        wait_for(lambda: count(server) == 1000, "the points")
        training.process.send_signal(signal.SIGKILL)
        training.end()
        wait_for(lambda: head(server)["status"] == "killed", "the death")
        here = hold_of(remote_of(server.url)).root
        wait_for(lambda: len(list(here.glob("shipped/[!.]*"))) == 2, "all to be durable")
        server.wait_until_live()
    assert_same(here, tmp_path / "there")


def test_a_killed_companion_leaves_the_rest_to_the_command(tmp_path: Path) -> None:
    """The training goes on without it, and `foldline sync` ships what it logged since."""
    with up(tmp_path / "there") as server:
        training = begin(server.url, "run1", "1000", "wait")
        wait_for(lambda: count(server) == 1000, "the points")
        here = hold_of(remote_of(server.url))
        told = [msgspec.json.decode(file.read_bytes()) for file in here.active.iterdir()]
        (companion,) = {one["pid"] for one in told} - {training.process.pid}
        os.kill(companion, signal.SIGKILL)
        assert training.end().code == 0
        assert foldline_command("sync").status == 0
        wait_for(lambda: head(server)["status"] == "finished", "the end")
        server.wait_until_live()
    assert_same(here.root, tmp_path / "there")


def test_a_server_that_is_gone_costs_a_training_nothing(tmp_path: Path) -> None:
    """Its end takes no longer than with a store here, and `foldline sync` ships the rest."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def took(store: str) -> float:
        began = time.monotonic()
        assert begin(store, "run1", "1000").end().code == 0
        return time.monotonic() - began

    local_s = min(took(str(tmp_path / "local")) for _ in range(2))
    assert min(took(url) for _ in range(2)) < local_s + EXIT_S_MAX
    here = hold_of(remote_of(url)).root
    wait_for(lambda: len(segments(here)) == 4, "the companions' segments")
    with up(tmp_path / "there", port=port) as server:
        # The companions are still there, and ship it themselves; sync leaves it to them, or does.
        wait_for(lambda: foldline_command("sync").status == 0, "all to be shipped", deadline_s=60)
        server.wait_until_live()
        assert head(server)["status"] == "finished"
    assert_same(here, tmp_path / "there")


@pytest.mark.long
def test_what_has_no_room_comes_once_it_has(tmp_path: Path) -> None:
    """The training runs on meanwhile, and says why nothing of it is at the server."""
    store = ("--store", str(tmp_path / "there"))
    assert foldline_command("quota", "set", "--default", "1kB", *store).status == 0
    with up(tmp_path / "there") as server:
        training = begin(server.url, "run1", "1000", "wait")
        here = hold_of(remote_of(server.url)).root
        wait_for(lambda: b"foldline quota set" in b"".join(segments(here).values()), "the reason")
        assert segments(tmp_path / "there") == {}
        assert foldline_command("quota", "rm", "--default", *store).status == 0
        wait_for(lambda: count(server) == 1000, "the points", deadline_s=90)
        assert training.end().code == 0
        wait_for(lambda: head(server)["status"] == "finished", "the end")
        wait_for(lambda: len(list(here.glob("shipped/[!.]*"))) == 2, "all to be durable")
        server.wait_until_live()
    assert_same(here, tmp_path / "there")


def test_a_server_that_comes_and_goes_has_all_in_the_end(tmp_path: Path) -> None:
    """It is killed in the middle of a run, and started again: nothing is lost, nothing is twice."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    training = begin(url, "run1", "200000", "wait")
    for _ in range(2):
        before = sum(map(len, segments(tmp_path / "there").values()))
        with up(tmp_path / "there", port=port) as server:
            wait_for(partial(has_more, tmp_path / "there", before), "more of it", deadline_s=60)
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait(20)
    with up(tmp_path / "there", port=port) as server:
        assert training.end().code == 0
        wait_for(lambda: head(server).get("status") == "finished", "the end", deadline_s=60)
        here = hold_of(remote_of(server.url)).root
        wait_for(
            lambda: len(list(here.glob("shipped/[!.]*"))) == 2, "all to be durable", deadline_s=60
        )
        server.wait_until_live()
        assert count(server) == 200_000
    assert_same(here, tmp_path / "there")
