"""How long large views take to be made again.

A log of 50 million points: many short runs, and a few long ones. A server makes the views of its
runs, series and exact points for the first time; then a reader reports them damaged, and the fold
process makes them again beside what the pages go on to read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from foldline.events import FieldsSet, SeriesDefined, WriterClosed, WriterOpened
from foldline.ids import run_id
from foldline.layout import Layout
from foldline_views.generation import current, report_damage
from foldline_views.shelf import Shelf
from foldline_views.shelves import CATALOG, POINTS

from .curves import METRICS, varied
from .report import Report, scratch
from .servers import Client, foldline_server
from .shapes import BEGAN, Shape, Writing, fill

__all__ = ["measure"]

SHORT = Shape(4_000, metrics=10, steps=1_000)
LONG_RUNS, LONG_STEPS = 4, 250_000
REBUILD_S = 60.0  # so long a person waits once for a new version
DEADLINE_S = 900.0  # on a machine that is busy
POLL_S = 0.05
ASKED = 40  # answers of each kind while nothing is folded
READ_EVERY_S = 0.05  # as a page does that somebody looks at

SHELVES = (CATALOG, POINTS)
READS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("a page of runs", "/api/v1/runs/search", {"limit": 100}),
    (
        "ten curves",
        "/api/v1/series/frames",
        {"query": 'run.name == "long 0"', "points": 256, "columns": ["last", "min", "max"]},
    ),
)


def measure() -> Report:
    """Log, fold, report damage, and read meanwhile."""
    points = (SHORT.runs * SHORT.steps + LONG_RUNS * LONG_STEPS) * len(METRICS)
    report = Report("rebuild", f"Views of {points / 1e6:g} million points, made again")
    with scratch("rebuild") as folder:
        store = folder / "store"
        fill(store, SHORT)
        fill_long(store)
        measure_store(report, store, points)
    return report


def fill_long(store: Path) -> None:
    """Write runs of many steps."""
    layout = Layout(store)
    for number in range(LONG_RUNS):
        opened = WriterOpened("node-00.cluster", 1 + number)
        writing = Writing(layout, run_id(f"long {number}"), run_id("long"), BEGAN, opened)
        writing.say(FieldsSet({"name": f"long {number}", "experiment": "long"}))
        writing.say(*(SeriesDefined(at, name) for at, name in enumerate(METRICS, 1)))
        writing.points(1, varied(number, LONG_STEPS).values)
        writing.close(WriterClosed("finished"))


def measure_store(report: Report, store: Path, points: int) -> None:
    """Time the views of a store that has none yet."""
    size = sum(file.stat().st_size for file in (store / "runs").rglob("*.fold"))
    report.add("log", size / 1e9, "GB")
    started = time.perf_counter()
    with foldline_server(store) as (process, client):
        (folding,) = psutil.Process(process.pid).children()
        folded_s = _until_made(client.port, store, 1, started)
        _add(report, "folded for the first time", folded_s, points)
        first_s = _busy_s(folding)
        report.add("processor time of the fold process, all shelves", first_s, "s")
        quiet: dict[str, list[float]] = {}
        for _ in range(ASKED):
            _read(client, quiet)
        _add_reads(report, "beside nothing", quiet)
        for shelf in SHELVES:
            generation = current(shelf.folder(Layout(store).views))
            assert generation is not None
            report_damage(generation)
        started = time.perf_counter()
        with _reading(client.port) as samples:
            folded_s = _until_made(client.port, store, 2, started)
        _add(report, "made again", folded_s, points)
        report.add("processor time, the two alone", _busy_s(folding) - first_s, "s")
        _add_reads(report, "meanwhile", samples)


def _busy_s(process: psutil.Process) -> float:
    """Return the processor time of a process, which others on the machine disturb less."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _add(report: Report, what: str, made_s: dict[str, float], points: int) -> None:
    for shelf, took_s in made_s.items():
        report.add(f"{shelf}, {what}", took_s, "s", note=f"{points / took_s / 1e6:.2f} M points/s")
    report.add(f"all of these, {what}", max(made_s.values()), "s", at_most=REBUILD_S)


def _add_reads(report: Report, when: str, samples: dict[str, list[float]]) -> None:
    for what, found in samples.items():
        p50, p99 = np.percentile(found, [50, 99])
        report.add(f"{what}, {when}, p50", p50, "ms", note=f"{len(found)} answers")
        report.add(f"{what}, {when}, p99", p99, "ms")


def _until_made(port: int, store: Path, number: int, started: float) -> dict[str, float]:
    """Return after how long each shelf had a whole generation of this number."""
    client = Client(port)
    made_s: dict[str, float] = {}
    end = time.monotonic() + DEADLINE_S
    while len(made_s) < len(SHELVES):
        if time.monotonic() > end:
            raise TimeoutError(f"only {sorted(made_s)} of the shelves were made")
        for shelf in SHELVES:
            if shelf.name not in made_s and _is_made(client, store, shelf, number):
                made_s[shelf.name] = time.perf_counter() - started
        time.sleep(POLL_S)
    return made_s


def _is_made(client: Client, store: Path, shelf: Shelf, number: int) -> bool:
    generation = current(shelf.folder(Layout(store).views))
    if generation is None or generation.number < number:
        return False
    states: list[dict[str, Any]] = client.ask("health")["shelves"]
    return any(
        state["name"] == shelf.name and state["state"] == "live" and not state["lag_bytes"]
        for state in states
    )


def _read(client: Client, samples: dict[str, list[float]]) -> None:
    for what, path, asked in READS:
        started = time.perf_counter()
        client.fetch(path, asked)
        samples.setdefault(what, []).append((time.perf_counter() - started) * 1000)


@contextmanager
def _reading(port: int) -> Iterator[dict[str, list[float]]]:
    """Ask again and again until the block ends; yield the milliseconds that answers took."""
    samples: dict[str, list[float]] = {}
    ended = threading.Event()

    def read() -> None:
        client = Client(port)
        while not ended.wait(READ_EVERY_S):
            _read(client, samples)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            yield samples
        finally:
            ended.set()
        reading.result()  # an answer that failed fails the benchmark
