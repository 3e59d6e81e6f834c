"""What waits on this machine, shipped by `foldline sync`."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import foldline
from foldline.errors import FoldlineWarning
from foldline.layout import Layout
from foldline.shipper.hold import hold_of, remote_of
from foldline_ingest.packing import pack
from tests.patience import wait_for
from tests.remote.oracle import assert_same, has_more, segments
from tests.remote.servers import free_port
from tests.ui.processes import command, foldline_command, log_run, up

SCRIPT = """
import sys, foldline
from foldline.capture import launch
launch._can_launch = lambda: False  # nothing is shipped but by the command
run = foldline.Run(id=sys.argv[1], capture=False)
for step in range(int(sys.argv[2])):
    run.track(step / 3, name=sys.argv[3], step=step)
if len(sys.argv) > 4:
    import os, signal
    print("ready", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
run.finish()
"""


@pytest.fixture(autouse=True)
def hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of this test wait in a folder of its own."""
    monkeypatch.setenv("FOLDLINE_HOLD", str(tmp_path / "hold"))
    monkeypatch.delenv("FOLDLINE_TOKEN", raising=False)
    monkeypatch.setattr("foldline.capture.launch._can_launch", lambda: False)
    return tmp_path / "hold"


def train(url: str, run: str, points: int, name: str = "loss", *words: str) -> None:
    line = [sys.executable, "-c", SCRIPT, run, str(points), name, *words]
    subprocess.run(line, env={**os.environ, "FOLDLINE_STORE": url}, check=not words, timeout=60)


def test_a_run_for_a_server_that_is_away_waits_and_is_shipped(tmp_path: Path) -> None:
    """With nobody there the training notices nothing; later all of it is at the server, once."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with pytest.warns(FoldlineWarning, match="nothing ships this run by itself"):
        run = foldline.Run(id="run1", store=url, params={"lr": 0.1}, capture=False)
    with run:
        for step in range(5000):
            run.track(step / 7, name="loss", step=step)
        run.track(foldline.Image(np.zeros((64, 64, 3), "uint8")), name="sample", step=1)
        run.track(foldline.Table({"image": [foldline.Image(np.eye(64))]}), name="table", step=1)
    here = hold_of(remote_of(url)).root
    away = foldline_command("sync", url, "--patience", "0")
    assert away.status == 1 and "can't be reached" in away.errors
    with up(tmp_path / "there", port=port) as server:
        for _ in range(2):
            done = foldline_command("sync", "--json")
            assert (done.status, done.errors) == (0, "")
        (shipped,) = json.loads(done.output)["servers"]
        assert (shipped["url"], shipped["bytes"]) == (server.url, 0)

        def told() -> bool:
            rows = server.ask("runs/search", {})["rows"]
            return [(row["id"], row["status"]) for row in rows] == [("run1", "finished")]

        wait_for(told, "the run")
    assert_same(here, tmp_path / "there")
    kept = {path.name for path in (here / "blobs").glob("??/*")}
    assert kept and kept == {path.name for path in (tmp_path / "there/blobs").glob("??/*")}
    assert foldline_command("sync", "--free").status == 0
    assert not segments(here) and segments(tmp_path / "there")


def test_pieces_of_four_machines_make_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four machines log to one run, one of them is killed, and the server has one run of all."""
    with up(tmp_path / "there") as server:
        for rank in range(4):
            monkeypatch.setenv("FOLDLINE_HOLD", str(tmp_path / f"machine{rank}"))
            train(server.url, "run1", 1000, f"loss{rank}", *(["killed"] if rank == 3 else []))
            assert foldline_command("sync").status == 0
        expected = {f"loss{rank}": 1000 for rank in range(4)}

        def told() -> bool:
            rows = server.ask("runs/search", {})["rows"]
            names = {one["name"]: one["count"] for row in rows for one in row["metrics"]}
            return names == expected and [row["status"] for row in rows] == ["killed"]

        wait_for(told, "all that was logged, and the death")
    sent: dict[str, bytes] = {}
    for rank in range(4):
        (folder,) = (tmp_path / f"machine{rank}").iterdir()
        sent |= segments(folder)
    found_there = segments(tmp_path / "there")
    assert len(sent) == 4 and {name: found_there[name] for name in sent} == sent


def test_values_of_a_killed_training_are_kept_and_shipped(tmp_path: Path) -> None:
    """An image that was tracked and not encoded when the training was killed gets there too."""
    script = """
        import foldline, os, signal
        from foldline.capture import launch
        launch._can_launch = lambda: False
        run = foldline.Run(id="run1", capture=False)
        for step in range(40):
            run.track(foldline.Image([[[step, 0, 0]] * 300] * 300), name="seen", step=step)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with up(tmp_path / "there") as server:
        line = [sys.executable, "-c", textwrap.dedent(script)]
        subprocess.run(line, env={**os.environ, "FOLDLINE_STORE": server.url}, check=False)
        here = hold_of(remote_of(server.url))
        assert list(here.spool.iterdir())
        assert foldline_command("sync").status == 0
        assert not list(here.spool.iterdir())

        def kept() -> int:
            if not server.ask("runs/search", {})["rows"]:
                return 0
            found = server.ask("runs/run1/values?kind=image&name=seen")
            return len(found["entries"])

        wait_for(lambda: kept() == 40, "all images")
    lacking = {file.name for file in here.blobs.glob("??/*")}
    assert lacking == {file.name for file in (tmp_path / "there/blobs").glob("??/*")}


def test_a_whole_store_is_shipped_packs_and_all(tmp_path: Path) -> None:
    """An ordinary store goes to a server as it is, what is packed in it too."""
    here = tmp_path / "here"
    log_run(here, "first")
    before = segments(here)
    foldline_command("runs", "ls", "--store", str(here))
    pack(Layout(here), idle_s=0.0)
    log_run(here, "second")
    before |= segments(here)
    with up(tmp_path / "there") as server:
        done = foldline_command("sync", server.url, "--store", str(here), "--json")
        assert (done.status, done.errors) == (0, "")
        assert json.loads(done.output)["servers"][0]["runs"] == 2
    assert segments(tmp_path / "there") == before
    assert not (here / "shipped/first").exists()


def test_a_killed_shipper_and_a_killed_server_lose_nothing(tmp_path: Path) -> None:
    """Both are killed again and again while they ship; in the end all is there, once."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for number in range(3):
        train(url, f"run{number}", 60_000)
    here = hold_of(remote_of(url)).root
    shipper = command("sync", url, "--patience", "30")
    slow = {**os.environ, "FOLDLINE_SHIP_BYTES_S": "4000000"}
    there = tmp_path / "there"

    for turn in range(3):
        before = sum(map(len, segments(there).values())) if there.exists() else 0
        with up(there, port=port) as server, subprocess.Popen(shipper, env=slow) as process:
            wait_for(partial(has_more, there, before), "some bytes to arrive")
            (server.process if turn % 2 else process).send_signal(signal.SIGKILL)
            process.kill()
            if turn % 2:
                server.process.wait(20)
    with up(there, port=port):
        assert foldline_command("sync", url).status == 0
    assert_same(here, there)


def test_a_server_that_is_full_takes_the_rest_later(tmp_path: Path) -> None:
    """It says so and keeps serving; with room again it gets what it lacks, and nothing twice."""
    with up(tmp_path / "there") as server:
        train(server.url, "run1", 100_000)
        here = hold_of(remote_of(server.url)).root
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1 << 20, hard))
        done = foldline_command("sync", "--patience", "0")
        assert done.status == 1 and "can't be written" in done.errors
        assert has_more(tmp_path / "there", (1 << 20) - 1)
        assert server.ask("health")["version"]
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert foldline_command("sync").status == 0
        server.wait_until_live()
    assert_same(here, tmp_path / "there")


def test_two_logs_of_one_name_are_told_and_both_are_kept(tmp_path: Path) -> None:
    """A segment that differs at the server is refused; the others are shipped, and none is lost."""
    with up(tmp_path / "there") as server:
        for run in ("run1", "run2"):
            train(server.url, run, 100)
        here = hold_of(remote_of(server.url)).root
        first = min(here.glob("runs/run1/log/*.fold"))
        copy = tmp_path / "there/runs/run1/log" / first.name
        copy.parent.mkdir(parents=True)
        shutil.copy(first, copy)
        data = bytearray(first.read_bytes())
        data[200] ^= 1
        copy.write_bytes(data)
        done = foldline_command("sync")
        assert done.status == 1 and "other bytes at 200" in done.errors
        assert len(segments(tmp_path / "there")) == 2
    assert len(segments(here)) == 2 and copy.read_bytes() == data


def test_an_address_is_checked_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token does not travel in the clear, nor stand in an address; a wrong one is a notice."""
    monkeypatch.setenv("FOLDLINE_TOKEN", "secret")
    train("http://lab.example:1", "run1", 10)
    done = foldline_command("sync")
    assert done.status == 1 and "is not sent to http://lab.example:1/" in done.errors
    monkeypatch.chdir(tmp_path)
    for wrong in ("https://me:secret@lab.example", "ftp://lab.example", "https://", "http://a/?b"):
        with pytest.warns(FoldlineWarning, match="is no folder") as said:
            foldline.Run(store=wrong, capture=False).close()
        assert "secret" not in str(said[0].message).replace(repr(wrong), "")
        if "ftp" not in wrong:
            assert foldline_command("sync", wrong).status == 1
    assert len(segments(tmp_path / "store")) == 4
    told = foldline_command("runs", "ls", "--store", "https://lab.example")
    assert told.status == 5 and "address of a server" in told.errors
