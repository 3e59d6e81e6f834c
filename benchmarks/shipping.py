"""What it costs to ship logs over HTTP.

Everything is on loopback, and on the same cores: shipper, server and fold. The floor is a server
that only takes the same bodies and keeps nothing.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import zlib
from http.client import HTTPConnection
from pathlib import Path

import aiohttp
import numpy as np

import foldline
from foldline.cell import decode_header, encode_header
from foldline.layout import Layout
from foldline.shipper.dispatch import dispatch
from foldline.shipper.hold import remote_of
from foldline.shipper.live import EASE, POLL_S

from .report import Report, scratch
from .servers import bytes_server, foldline_server, free_port

__all__ = ["measure"]

POINTS = 3_000_000  # in four segments: 96 MB
SEGMENTS = 4
FLOOR_PIECE_BYTES = 512 << 10  # what a server takes in one body if it is not told otherwise
CONNECTIONS = 1_000
ROUNDS = 10  # pieces that each of them sends
PIECE_POINTS = 20  # what a training of 80 series logs in a quarter of a second
EXITS = 5

SCRIPT = """
import sys, time, foldline
run = foldline.Run(store=sys.argv[1], capture="none")
for step in range(1000):
    run.track(0.5, name="loss", step=step)
began = time.perf_counter()
run.finish()
print(time.perf_counter() - began)
"""


def measure() -> Report:
    """Ship a large log, then a little from many, then end with nobody there."""
    report = Report("shipping", "Logs over HTTP, on loopback")
    with scratch("shipping") as folder:
        _log(folder / "here")
        _ship(report, folder)
        asyncio.run(_crowd(report, folder))
        _exits(report, folder)
    return report


def _log(store: Path) -> None:
    for number in range(SEGMENTS):
        with foldline.Run(id=f"run{number}", store=store, capture=False) as run:
            for step in range(POINTS // SEGMENTS):
                run.track(0.5, name="loss", step=step)


def _ship(report: Report, folder: Path) -> None:
    here = Layout(folder / "here")
    with foldline_server(folder / "there") as (_, client):
        began = time.perf_counter()
        told = dispatch(here, remote_of(f"http://127.0.0.1:{client.port}"))
        took_s = time.perf_counter() - began
        assert told.runs == SEGMENTS and not told.trouble, told
    with bytes_server(ship=100) as floor:
        floor_s = _floor(floor.port, told.bytes)
    rate = POINTS / took_s / 1e6
    report.add("points shipped and durable", rate, "M/s", at_least=1.0, note="folded meanwhile")
    report.add("the same bodies to a server that keeps nothing", POINTS / floor_s / 1e6, "M/s")
    report.add("shipping, in floors", took_s / floor_s, "x")


def _floor(port: int, size: int) -> float:
    """Return the seconds that a server takes for as many bytes in the same pieces."""
    connection, body = HTTPConnection("127.0.0.1", port), bytes(FLOOR_PIECE_BYTES)
    began = time.perf_counter()
    for _ in range(0, size, len(body)):
        connection.request("POST", "/ship", body)
        connection.getresponse().read()
    connection.close()
    return time.perf_counter() - began


async def _crowd(report: Report, folder: Path) -> None:
    """Have many trainings ship as often as they may, each over its own connection."""
    layout = Layout(folder / "small")
    with foldline.Run(id="run1", store=layout.root, capture=False) as run:
        for step in range(ROUNDS * PIECE_POINTS):
            run.track(0.5, name="loss", step=step)
    (file,) = (layout.root / "runs/run1/log").iterdir()
    data = file.read_bytes()
    header = decode_header(data[:64], str(file))
    waits: list[float] = []
    with foldline_server(folder / "crowd") as (_, client):
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def ship(number: int) -> None:
                run = f"run{number}"
                mine = encode_header(header._replace(run=run)) + data[64:]
                address = f"http://127.0.0.1:{client.port}/api/v1/log/{run}/{header.writer}"
                await asyncio.sleep(number / CONNECTIONS)  # nobody starts a thousand at once
                step = len(mine) // ROUNDS
                for at in range(0, step * ROUNDS, step):
                    piece = mine[at : at + step]
                    asked = {"offset": at, "size": len(piece), "crc": zlib.crc32(piece)}
                    began = time.perf_counter()
                    async with session.post(
                        address,
                        params=asked,
                        data=piece,
                        headers={"Content-Type": "application/octet-stream"},
                    ) as answer:
                        told = await answer.json()
                        assert answer.status == 200 and told["logged"] == at + len(piece), told
                    took_s = time.perf_counter() - began
                    waits.append(took_s)
                    await asyncio.sleep(max(POLL_S, took_s * EASE))  # as the companion does

            began = time.perf_counter()
            await asyncio.gather(*(ship(number) for number in range(CONNECTIONS)))
            took_s = time.perf_counter() - began
    rate = CONNECTIONS * ROUNDS / took_s
    note = f"{rate:,.0f} pieces/s, the client on the same cores"
    report.add(f"{CONNECTIONS:,} connections: answer, p50", np.percentile(waits, 50), "s")
    report.add(
        f"{CONNECTIONS:,} connections: answer, p99",
        np.percentile(waits, 99),
        "s",
        at_most=1.0,
        note=note,
    )
    report.add(f"{CONNECTIONS:,} connections: slowest answer", max(waits), "s")


def _exits(report: Report, folder: Path) -> None:
    """Time the end of runs whose server is not there."""
    there = {**os.environ, "FOLDLINE_HOLD": str(folder / "hold")}
    for what, store in (
        ("a store here", str(folder / "ends")),
        ("a server that is gone", f"http://127.0.0.1:{free_port()}"),
    ):
        took = []
        for _ in range(EXITS):
            line = [sys.executable, "-c", SCRIPT, store]
            done = subprocess.run(line, env=there, check=True, capture_output=True, text=True)
            took.append(float(done.stdout))
        bound = 1.0 if "server" in what else None
        report.add(f"run.finish(), {what}, slowest of {EXITS}", max(took), "s", at_most=bound)
