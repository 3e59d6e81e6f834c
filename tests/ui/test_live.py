"""The whole server: real log, fold, HTTP and signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline_ui.cli.exits import Exit
from tests.patience import DEADLINE_S, wait_for
from tests.ui.processes import Server, foldline_command, log_run, up

STOP_S = 2.0  # what a server may take to end, with streams open


@contextmanager
def listening(server: Server, last: str = "") -> Iterator[HTTPResponse]:
    """Open a stream of events."""
    headers = {"Last-Event-ID": last} if last else {}
    request = urllib.request.Request(f"{server.url}api/v1/events", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as stream:
        yield stream


def next_change(stream: HTTPResponse) -> dict[str, Any]:
    """Return the data of the next change."""
    kind = ""
    end = time.monotonic() + DEADLINE_S
    while (line := stream.readline().decode()) and time.monotonic() < end:
        if line.startswith("event: "):
            kind = line[7:].strip()
        if line.startswith("data: ") and kind == "change":
            change: dict[str, Any] = json.loads(line[6:])
            return change
    raise AssertionError(f"no change came; the last line was {line!r}")


def test_a_run_is_seen_while_it_goes_on(tmp_path: Path) -> None:
    """What a script tracks is announced and then answered, and its end too."""
    store = tmp_path / "store"
    with up(store) as server:
        assert server.ask("runs/search", {})["rows"] == []
        with listening(server) as stream:
            run = foldline.Run(id="live", store=store, experiment="now", params={"lr": 0.5})
            run.track(1.5, name="loss", step=3)
            while not (change := next_change(stream))["series"]:
                pass
            assert change["series"][0]["name"] == "loss"
            assert (change["series"][0]["step"], change["series"][0]["value"]) == (3.0, 1.5)
            row = server.ask("runs/search", {"query": "run.lr == 0.5"})["rows"][0]
            assert (row["id"], row["status"]) == ("live", "running")
            assert row["metrics"][0]["last"]["value"] == 1.5
            run.finish()
            wait_for(
                lambda: server.ask("runs/live")["status"] == "finished", "the run to be finished"
            )
        server.wait_until_live()
        health = server.ask("health")
        assert health["runs"] == {"total": 1, "running": 0}
        assert health["watermark"] > 0
        assert health["disk"]["log_bytes"] >= health["watermark"]
        assert server.stop() == 0


def test_runs_that_were_there_before_are_served(tmp_path: Path) -> None:
    """A server started on a full store folds it and serves its curves."""
    store = tmp_path / "store"
    log_run(store, "first")
    with up(store) as server:
        found = wait_for(lambda: server.ask("series/search", {})["series"], "the first series")
        assert found[0]["nonfinite"] == 1
        assert found[0]["last"]["value"] == "NaN"
        body = json.dumps({"ids": [found[0]["series"]]}).encode()
        request = urllib.request.Request(
            f"{server.url}api/v1/series/frames",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read(8) == b"FOLDFRM1"
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.ask("runs/search", {"query": "run.lr >"})
        with caught.value as error:
            assert json.loads(error.read())["error"]["at"] is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_at_once_with_streams_open(tmp_path: Path, number: signal.Signals) -> None:
    """Open tabs keep no server alive: it ends in two seconds, and its fold with it."""
    with up(tmp_path / "store") as server:
        server.wait_until_live()
        streams = [listening(server) for _ in range(5)]
        opened = [stream.__enter__() for stream in streams]
        ended = [threading.Event() for _ in opened]

        def read(stream: HTTPResponse, event: threading.Event) -> None:
            stream.read()
            event.set()

        readers = [
            threading.Thread(target=read, args=pair) for pair in zip(opened, ended, strict=True)
        ]
        for reader in readers:
            reader.start()
        with foldline.Run(store=tmp_path / "store") as run:
            for _ in range(5000):
                run.track(1.0, name="busy")
        start = time.monotonic()
        status = server.stop(number)
        assert time.monotonic() - start < STOP_S
        assert status == Exit.DONE
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""
        for reader, event in zip(readers, ended, strict=True):
            reader.join(10)
            assert event.is_set()
        for stream in streams:
            stream.__exit__(None, None, None)
        # The store is free again: nothing of the server is left.
        assert foldline_command("rebuild", "--store", str(tmp_path / "store")).status == Exit.DONE


def test_a_taken_port_is_told_with_a_free_one(tmp_path: Path) -> None:
    """The second server on a port says which port to type, and that one works."""
    with up(tmp_path / "one") as first:
        words = ("up", "--store", str(tmp_path / "two"), "--port", str(first.port))
        done = foldline_command(*words)
        assert done.status == Exit.PORT
        assert f"port {first.port} is in use" in done.errors
        free = int(done.errors.split("--port ")[1].split()[0])
        with up(tmp_path / "two", port=free) as second:
            assert second.port == free


def test_a_killed_server_leaves_the_store_usable(tmp_path: Path) -> None:
    """After SIGKILL the next server starts at once, and the fold of the first one is gone."""
    store = tmp_path / "store"
    log_run(store)
    with up(store) as first:
        wait_for(lambda: first.ask("runs/search", {})["rows"], "the run")
        first.stop(signal.SIGKILL)
    with up(store) as second:
        wait_for(lambda: second.ask("runs/search", {})["rows"], "the run")
        second.wait_until_live()


def test_a_fold_that_dies_is_started_again(tmp_path: Path) -> None:
    """Without its fold process the server answers on, says so, and loses and doubles nothing."""
    store = tmp_path / "store"
    with up(store) as server:
        server.wait_until_live()
        log_run(store, "before", values=range(100))
        wait_for(lambda: server.ask("runs/search", {})["rows"], "the run")
        server.wait_until_live()
        pid = server.process.pid
        (fold,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        with listening(server) as stream:
            os.kill(int(fold), signal.SIGKILL)
            while b"event: health" not in stream.readline():
                pass
        assert server.ask("runs/search", {})["total"] == 1
        log_run(store, "after", values=range(50))
        wait_for(lambda: server.ask("runs/search", {})["total"] == 2, "the run after")
        server.wait_until_live()
        found = server.ask("series/search", {})["series"]
        assert {series["run"]: series["count"] for series in found} == {"before": 100, "after": 50}


def test_a_stream_resumes_over_http(tmp_path: Path) -> None:
    """Whoever comes back with the id of the last event gets what was missed in between."""
    store = tmp_path / "store"
    with up(store) as server:
        # The first fold makes the views, which is a reset of its own.
        server.wait_until_live()
        with listening(server) as stream:
            lines = [stream.readline().decode() for _ in range(3)]
        place = next(line[4:].strip() for line in lines if line.startswith("id: "))
        log_run(store, "missed")
        wait_for(lambda: server.ask("runs/search", {})["rows"], "the run")
        with listening(server, place) as stream:
            assert "missed" in next_change(stream)["runs"]


def test_a_client_that_sends_nothing_blocks_nobody(tmp_path: Path) -> None:
    """Connections that stay silent are held without keeping others waiting."""
    with up(tmp_path / "store") as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
        try:
            for connection in silent[:25]:
                connection.sendall(b"POST /api/v1/runs/search HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            assert server.ask("health")["version"]
        finally:
            for connection in silent:
                connection.close()
        assert server.stop() == 0
