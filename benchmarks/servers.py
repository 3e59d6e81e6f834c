"""Servers to measure, and a client that adds little."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

__all__ = [
    "Client",
    "bytes_server",
    "foldline_server",
    "free_port",
    "held_mib",
    "server",
    "settle",
    "wait_until",
]

START_S = 120.0  # to fold a store from its beginning, on a slow machine
STOP_S = 20.0  # to end by itself when asked to
ANSWER_S = 300.0  # the slowest answer of a peer takes minutes
POLL_S = 0.05

# What any server has to do for an answer of so many bytes, and no more.
BYTES_SERVER = """
import asyncio, sys
from aiohttp import web
bodies = {name: bytes(int(size)) for name, size in (word.split("=") for word in sys.argv[1:])}
async def answer(request):
    await request.read()
    return web.Response(body=bodies[request.match_info["name"]])
async def main():
    app = web.Application()
    app.router.add_post("/{name}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
asyncio.run(main())
"""


class Client:
    """One connection that is kept; bodies are read into one buffer."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)

    def ask(self, path: str, body: object = None) -> Any:
        """Return the JSON answer of a route of the API."""
        return json.loads(self.fetch(f"/api/v1/{path}", body))

    def fetch(self, path: str, body: object = None) -> bytes:
        """Return the bytes of an answer; a body is sent as JSON, or, if it is bytes, as a form.

        Raises RuntimeError unless it is a success.
        """
        try:
            answer, content = self._exchange(path, body)
        except (OSError, http.client.HTTPException):
            self._connection.close()  # or the next request would find this one unfinished
            raise
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {content[:300]!r}")
        return content

    def _exchange(self, path: str, body: object) -> tuple[http.client.HTTPResponse, bytes]:
        if body is None:
            self._connection.request("GET", path)
        elif isinstance(body, bytes):
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            self._connection.request("POST", path, body, form)
        else:
            self._connection.request(
                "POST", path, json.dumps(body), {"Content-Type": "application/json"}
            )
        answer = self._connection.getresponse()
        return answer, answer.read()

    def timed(self, path: str, body: object, runs: int) -> tuple[list[float], int]:
        """Return the milliseconds that each of `runs` answers took, and their bytes."""
        samples, size = [], 0
        for _ in range(runs):
            start = time.perf_counter()
            size = len(self.fetch(path, body))
            samples.append((time.perf_counter() - start) * 1000)
        return samples, size


@contextmanager
def foldline_server(store: Path) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """Serve a store until the block ends."""
    command = [sys.executable, "-m", "foldline_ui", "up", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--store", str(store)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        try:
            yield process, Client(int(url.rstrip("/").rpartition(":")[2]))
        finally:
            process.terminate()


@contextmanager
def server(
    command: list[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, Client]]:
    """Run any server, and what it starts, until the block ends; it may not answer yet."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            start_new_session=True,  # so that its workers end with it
            env={**os.environ, **(environment or {})},
        )
        try:
            yield process.pid, Client(port)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            with suppress(ProcessLookupError):  # nothing of it is left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens to just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until(true: Callable[[], bool], what: str, within_s: float = START_S) -> None:
    """Ask again until it is true, and pass over a server that does not answer yet.

    Raises TimeoutError.
    """
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if true():
                return
        except (OSError, http.client.HTTPException, RuntimeError):
            pass  # it starts
        time.sleep(POLL_S)
    raise TimeoutError(f"{what} took more than {within_s:g} s")


def settle(client: Client, within_s: float = START_S, *, runs: int = 0) -> None:
    """Wait until all that was logged is served, on every shelf, and there are so many runs.

    A server that starts, or is told of new segments, does not know yet how far behind it is.
    """

    def settled() -> bool:
        health = client.ask("health")
        shelves = health["shelves"]
        return (
            health["runs"]["total"] >= runs
            and not any(one["lag_bytes"] for one in shelves)
            and len({one["watermark"] for one in shelves}) == 1
            and all(one["state"] == "live" for one in (health["fold"], *shelves))
        )

    wait_until(settled, "folding the store", within_s)


def held_mib(pid: int) -> float:
    """Return the memory that a process and its children hold, shared pages divided among them."""
    process = psutil.Process(pid)
    held = 0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            held += one.memory_full_info().pss
    return float(held) / 2**20


@contextmanager
def bytes_server(**sizes: int) -> Iterator[Client]:
    """Serve so many zeros under each name: the floor for any answer of that size."""
    words = [f"{name}={size}" for name, size in sizes.items()]
    with subprocess.Popen(
        [sys.executable, "-c", BYTES_SERVER, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        client = Client(int(process.stdout.readline()))
        try:
            yield client
        finally:
            process.stdin.close()
