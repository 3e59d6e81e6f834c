"""How fast the log is folded into committed views.

Two shapes. Long: few series with many points each, read in large batches, as after a pause of the
server. Wide: thousands of series that each bring two points a tick, which is what live training
looks like and the worst case, since every touched series costs a row. The floor is reading and
decoding the same bytes without folding them.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import anyio
import numpy as np

import foldline
from foldline.layout import Layout
from foldline_ingest.log import Log
from foldline_ingest.replay import replay
from foldline_views import buckets
from foldline_views.generation import database_path
from foldline_views.shelves import CATALOG
from foldline_views.viewstore import SqliteViewStore

from .report import Report, scratch

LONG_RUNS, LONG_SERIES, LONG_STEPS = 4, 10, 50_000
WIDE_RUNS, WIDE_SERIES, WIDE_TICKS, WIDE_STEPS = 50, 100, 100, 2


def measure() -> Report:
    """Fold both shapes into SQLite, commits included, on one core."""
    report = Report("fold", "Folding the log into committed views")
    with scratch("fold-long") as folder:
        points = LONG_RUNS * LONG_SERIES * LONG_STEPS
        _log_long(folder)
        floor_s = _read_all(folder)
        fold_s, commits = anyio.run(_fold_all, folder)
        report.add("40 long series, folded", points / fold_s / 1e6, "M points/s", at_least=2.0)
        report.add("the same, only read and decoded", points / floor_s / 1e6, "M points/s")
        report.add("fold ÷ floor, time", fold_s / floor_s, "x", note=f"{commits} commits")
        size = sum(file.stat().st_size for file in (folder / "runs").rglob("*.fold"))
        report.add("log", size / points, "bytes/point")
        views = database_path(folder / "views", 1).stat().st_size
        report.add("views", views / points, "bytes/point")
    with scratch("fold-wide") as folder:
        ticks_s = anyio.run(_fold_ticks, folder)
        points = WIDE_RUNS * WIDE_SERIES * WIDE_STEPS
        every = sum(ticks_s) / len(ticks_s)
        what = "5,000 series by 2 points a tick"
        report.add(f"{what}, a commit each tick", points / every / 1e6, "M points/s", at_least=0.3)
        report.add("such a tick, median", sorted(ticks_s)[len(ticks_s) // 2] * 1e3, "ms")
        report.add("such a tick, longest", max(ticks_s) * 1e3, "ms", note="levels are written")
    for batch in (buckets.CHUNK, 51_200):
        report.add(f"a level absorbing {batch:,} at a time", _absorb_ns(batch), "ns/point")
    return report


def _absorb_ns(batch: int) -> float:
    """Return what a point costs in a series of 200 such batches."""
    step = np.arange(200 * batch, dtype=np.float64)
    value = np.random.default_rng(7).normal(size=len(step))
    level = buckets.EMPTY
    started = time.perf_counter()
    for at in range(0, len(step), batch):
        part = slice(at, at + batch)
        level = buckets.absorb(level, step[part], value[part], step[part])
    return (time.perf_counter() - started) * 1e9 / len(step)


def _log_long(folder: Path) -> None:
    for _ in range(LONG_RUNS):
        with foldline.Run(store=folder, experiment="long", capture=False) as run:
            for step in range(LONG_STEPS):
                for series in range(LONG_SERIES):
                    run.track(1.0 / (step + 1), name=f"m{series}", step=step)


def _read_all(folder: Path) -> float:
    started = time.perf_counter()
    log = Log(Layout(folder), {})
    log.discover()
    while log.poll().batches:
        pass
    log.close()
    return time.perf_counter() - started


async def _fold_all(folder: Path) -> tuple[float, int]:
    """Read and commit in turn, without overlap: so it is one core's work."""
    again = partial(replay, Layout(folder))
    store = await SqliteViewStore.open(database_path(folder / "views", 1), CATALOG, 1, again)
    started = time.perf_counter()
    commits = 0
    log = Log(Layout(folder), {})
    log.discover()
    while batches := log.poll().batches:
        await store.apply(batches)
        commits += 1
    took = time.perf_counter() - started
    log.close()
    await store.close()
    return took, commits


async def _fold_ticks(folder: Path) -> list[float]:
    again = partial(replay, Layout(folder))
    store = await SqliteViewStore.open(database_path(folder / "views", 1), CATALOG, 1, again)
    runs = [foldline.Run(store=folder, experiment="wide", capture=False) for _ in range(WIDE_RUNS)]
    log = Log(Layout(folder), {})
    log.discover()
    names = [f"m{series}" for series in range(WIDE_SERIES)]
    ticks = []
    for tick in range(WIDE_TICKS):
        for run in runs:
            for step in range(tick * WIDE_STEPS, (tick + 1) * WIDE_STEPS):
                for name in names:
                    run.track(1.0 / (step + 1), name=name, step=step)
        started = time.perf_counter()
        await store.apply(log.poll().batches)
        ticks.append(time.perf_counter() - started)
    log.close()
    await store.close()
    for run in runs:
        run.finish()
    # The first tick defines the series and is no steady state.
    return ticks[1:]
