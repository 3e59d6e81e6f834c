"""How a server ends, with what it was doing."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import threading
import time
import urllib.request
import zlib
from http.client import HTTPResponse
from pathlib import Path

import numpy as np

import foldline
from foldline.layout import Layout
from foldline_ingest.verify import verify
from tests.patience import wait_for
from tests.ui.processes import Server, log_run, up

END_S = 2.5  # two seconds, and what a busy machine takes to notice


def stream_of(server: Server) -> HTTPResponse:
    found = urllib.request.urlopen(f"{server.url}api/v1/events", timeout=20)
    assert isinstance(found, HTTPResponse)
    return found


def ended(server: Server) -> tuple[int, float]:
    """Ask a server to end; return its status, and how long it took."""
    start = time.monotonic()
    return server.stop(), time.monotonic() - start


def in_flight(server: Server) -> int:
    """Return how many requests have no answer yet, this one among them."""
    with urllib.request.urlopen(f"{server.url}api/v1/metrics", timeout=10) as answer:
        found = re.search(rb"^foldline_requests_in_flight (\d+)$", answer.read(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def fold_process(server: Server) -> int:
    """Return the id of the fold process of a server."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    (found,) = children
    return int(found)


def half_a_piece(server: Server, segment: Path) -> tuple[http.client.HTTPConnection, bytes]:
    """Begin to ship a segment; return the connection and what is left to be sent."""
    data = segment.read_bytes()
    run, writer = segment.parent.parent.name, segment.stem
    address = f"offset=0&size={len(data)}&crc={zlib.crc32(data)}&host=lab1"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("POST", f"/api/v1/log/{run}/{writer}?{address}")
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders()
    half = len(data) // 2
    connection.send(data[:half])
    return connection, data[half:]


def test_all_ends_at_once_and_well(tmp_path: Path) -> None:
    """With pages open, a piece on its way and a fold at work: two seconds, status 0, the piece."""
    there, store = tmp_path / "there", tmp_path / "store"
    log_run(there, "shipped", values=[step / 7 for step in range(5000)])
    (segment,) = (there / "runs/shipped/log").iterdir()
    with foldline.Run(id="busy", store=store) as run:
        for step, value in enumerate(np.random.default_rng(1).normal(size=200_000).tolist()):
            run.track(value, name="loss", step=step)
    with up(store) as server:
        streams = [stream_of(server) for _ in range(20)]
        fold = fold_process(server)
        connection, rest = half_a_piece(server, segment)
        ends: list[bytes] = []
        readers = [
            threading.Thread(target=lambda one=one: ends.append(one.read())) for one in streams
        ]
        for reader in readers:
            reader.start()
        sender = threading.Timer(0.2, connection.send, (rest,))  # while the server ends
        sender.start()
        status, seconds = ended(server)
        assert status == 0
        assert seconds < END_S
        answer = connection.getresponse()
        receipt = json.loads(answer.read())
        connection.close()
        assert receipt["logged"] == segment.stat().st_size
        for reader in readers:
            reader.join(10)
        for stream in streams:
            stream.close()
        assert len(ends) == 20
        assert all(b"event: closing\nretry: 1000\n" in end for end in ends)
        wait_for(lambda: not Path(f"/proc/{fold}").exists(), "the fold process to end")
    copied = store / segment.relative_to(there)
    assert copied.read_bytes() == segment.read_bytes()
    assert verify(Layout(store)).damage == []


def test_who_does_not_go_on_keeps_no_server_alive(tmp_path: Path) -> None:
    """A sender that stops in the middle of a piece is cut off in time, and may send it again."""
    there, store = tmp_path / "there", tmp_path / "store"
    log_run(there, "shipped")
    (segment,) = (there / "runs/shipped/log").iterdir()
    with up(store) as server:
        server.wait_until_live()
        connection, _ = half_a_piece(server, segment)
        wait_for(lambda: in_flight(server) == 2, "the server to take it up")
        status, seconds = ended(server)
        connection.close()
    assert status == 0
    assert seconds < END_S
    assert not (store / "runs/shipped").exists()


def test_a_fold_that_hangs_is_cut_off(tmp_path: Path) -> None:
    """A stopped fold process is killed, and the server ends in time."""
    with up(tmp_path / "store") as server:
        server.wait_until_live()
        fold = fold_process(server)
        os.kill(fold, signal.SIGSTOP)
        status, seconds = ended(server)
        assert status == 0
        assert seconds < END_S
        wait_for(lambda: not Path(f"/proc/{fold}").exists(), "the fold process to end")


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Who asks twice does not wait for the fold, nor for senders; a stopped fold ends, too."""
    with up(tmp_path / "store") as server:
        server.wait_until_live()
        os.kill(fold_process(server), signal.SIGSTOP)
        fold = fold_process(server)
        server.process.send_signal(signal.SIGTERM)
        refused = f"http://127.0.0.1:{server.port}/api/v1/health"

        def is_ending() -> bool:
            try:
                urllib.request.urlopen(refused, timeout=1).close()
            except OSError:
                return True
            return False

        wait_for(is_ending, "the server to take the first signal")
        start = time.monotonic()
        assert server.stop() == -signal.SIGTERM
        assert time.monotonic() - start < 0.5
        wait_for(lambda: not Path(f"/proc/{fold}").exists(), "the fold process to end with it")
