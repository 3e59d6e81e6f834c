"""Thousands of clients at once."""

from __future__ import annotations

import asyncio
import random
import resource
import zlib
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest

from foldline.layout import Layout
from foldline_ingest.verify import verify
from tests.patience import wait_for
from tests.segment_build import SegmentBuild
from tests.ui.processes import Server, up

CLIENTS_MAX = 10_000  # as many as the system lets this process and the server have sockets for
MEMORY_MIB_MAX = 900  # of a server that ten thousand are connected to
POINTS = 5
PATIENCE_S = 240.0


def segment(run: str) -> bytes:
    build = SegmentBuild(run, "writer1", window=2048, block=1024)
    build.define(1, "loss")
    for step in range(POINTS):
        build.point(1, step, step / 7)
    return build.close()


@pytest.mark.parametrize(
    "clients", [300, pytest.param(CLIENTS_MAX, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_all_that_a_crowd_ships_is_there(tmp_path: Path, clients: int) -> None:
    """All connect and ship at the same moment; whoever is told to wait does, and none is lost."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    clients = min(clients, limit // 2)
    with up(tmp_path / "store") as server:
        server.wait_until_live()
        tries = asyncio.run(crowd(server, clients))
        assert len(tries) == clients
        assert resident_mib(server.process.pid) < MEMORY_MIB_MAX
        wait_for(
            lambda: server.ask("health")["runs"]["total"] == clients, "all runs", deadline_s=120
        )
        server.wait_until_live()
        found = server.ask("runs/search", {"query": f'run.metrics["loss"].count == {POINTS}'})
        assert found["total"] == clients
        assert server.process.poll() is None
    report = verify(Layout(tmp_path / "store"))
    assert report.damage == [] and report.points == clients * POINTS


async def crowd(server: Server, clients: int) -> list[int]:
    """Have each client connect, wait until all are there, and ship; return how often each tried."""
    ready = asyncio.Event()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        tasks = [
            asyncio.create_task(ship(session, server, f"run{number}", ready))
            for number in range(clients)
        ]
        ready.set()
        return await asyncio.gather(*tasks)


async def ship(
    session: aiohttp.ClientSession, server: Server, run: str, ready: asyncio.Event
) -> int:
    """Ship a run as the companion does: whatever goes wrong, wait for a random time and again."""
    data = segment(run)
    crc = zlib.crc32(data)
    words: dict[str, str | int] = {"offset": 0, "size": len(data), "crc": crc, "whole": crc}
    words["ended"] = "true"
    await ready.wait()
    for number in range(1, 100):
        wait_s = min(5.0, 0.1 * 2**number) * random.random()
        try:
            async with session.post(
                f"{server.url}api/v1/log/{run}/writer1",
                params=words,
                data=data,
                headers={"Content-Type": "application/octet-stream"},
            ) as answer:
                if answer.status == HTTPStatus.OK and (await answer.json())["ended"]:
                    return number
                assert answer.status in {200, 429, 503}, await answer.text()
                wait_s += float(answer.headers.get("Retry-After", 0))
        except (aiohttp.ClientConnectionError, ConnectionError):
            pass
        await pause(wait_s)
    raise AssertionError(f"{run} was never taken")


async def pause(seconds: float) -> None:
    """Wait as the protocol asks a client to."""
    with_nothing = asyncio.Event()
    try:
        await asyncio.wait_for(with_nothing.wait(), seconds)
    except TimeoutError:
        return


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
