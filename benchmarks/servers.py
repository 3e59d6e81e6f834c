"""Servers to measure, and a client that adds little."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Client", "bytes_server", "foldline_server"]

START_S = 120.0  # to fold a store from its beginning, on a slow machine
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
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, path: str, body: object = None) -> Any:
        """Return the JSON answer of a route of the API."""
        return json.loads(self.fetch(f"/api/v1/{path}", body))

    def fetch(self, path: str, body: object = None) -> bytes:
        """Return the bytes of an answer. Raises RuntimeError unless it is a success."""
        if body is None:
            self._connection.request("GET", path)
        else:
            self._connection.request(
                "POST", path, json.dumps(body), {"Content-Type": "application/json"}
            )
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {content[:300]!r}")
        return content

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
