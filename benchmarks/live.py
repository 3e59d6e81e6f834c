"""How soon a tracked point reaches those who watch.

One process tracks at a steady pace, the server folds and announces, a third process listens to ten
streams. A point that was merged into a later notice counts as late as that notice was.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import time
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import numpy as np

import foldline

from .report import Report, scratch
from .servers import foldline_server

__all__ = ["measure"]

LISTENERS = 10
POINTS = 1_000
RATE_HZ = 50.0  # a fast training loop that logs each step
WARM_UP = 50  # points that are not counted: the first ones open files and connections
P99_MS = 100.0
DEADLINE_S = 120.0


def measure() -> Report:
    """Track, listen, and compare the clocks: one machine, one clock."""
    report = Report("live", f"track() to the event, {LISTENERS} listeners, {RATE_HZ:g} points/s")
    processes = multiprocessing.get_context("spawn")
    with scratch("live") as folder, foldline_server(folder / "store") as (_, client):
        client.ask("health")
        ours, theirs = processes.Pipe()
        listener = processes.Process(target=_listen, args=(client.port, theirs))
        listener.start()
        ours.recv()  # all streams are open
        tracker = processes.Process(target=_track, args=(folder / "store", theirs))
        tracker.start()
        try:
            tracked, heard = sorted(
                (ours.recv(), ours.recv()), key=lambda answer: answer[0] != "tracked"
            )
        finally:
            for process in (tracker, listener):
                process.join(DEADLINE_S)
    latencies = _latencies(np.array(tracked[1]), heard[1])
    for name, percent, bound in (
        ("p50", 50, None),
        ("p90", 90, None),
        ("p99", 99, P99_MS),
        ("largest", 100, None),
    ):
        value = float(np.percentile(latencies, percent))
        report.add(f"track() to the event, {name}", value, "ms", at_most=bound)
    notices = sum(len(stream) for stream in heard[1]) / LISTENERS
    report.add("notices a listener got", notices, "", note=f"of {POINTS:,} points")
    return report


def _latencies(
    tracked: np.ndarray[tuple[int], np.dtype[np.float64]], heard: list[list[tuple[int, float]]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the milliseconds from each point to the first notice that covers it."""
    found = []
    for stream in heard:
        steps = np.array([step for step, _ in stream])
        times = np.array([at for _, at in stream])
        covering = np.searchsorted(steps, np.arange(WARM_UP, POINTS))
        found.append((times[covering] - tracked[WARM_UP:]) * 1000)
    return np.concatenate(found)


def _track(store: Path, report: Connection) -> None:
    numbers = random.Random(7)
    times = []
    with foldline.Run(store=store, name="live") as run:
        for step in range(POINTS):
            time.sleep(numbers.expovariate(RATE_HZ))
            times.append(time.time())
            run.track(float(step), name="loss", step=step)
    report.send(("tracked", times))


def _listen(port: int, report: Connection) -> None:
    report.send(("heard", asyncio.run(_hear(port, report))))


async def _hear(port: int, report: Connection) -> list[list[tuple[int, float]]]:
    timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        url = f"http://127.0.0.1:{port}/api/v1/events"
        streams = [await session.get(url) for _ in range(LISTENERS)]
        report.send("listening")
        return list(await asyncio.gather(*(_hear_one(stream) for stream in streams)))


async def _hear_one(stream: aiohttp.ClientResponse) -> list[tuple[int, float]]:
    heard: list[tuple[int, float]] = []
    async for line in stream.content:
        at = time.time()
        if line.startswith(b"data: ") and b'"loss"' in line:
            # What the companion samples is told beside it.
            told = [one for one in json.loads(line[6:])["series"] if one["name"] == "loss"]
            heard += [(int(one["step"]), at) for one in told]
            if heard and heard[-1][0] == POINTS - 1:
                break
    stream.close()
    return heard
