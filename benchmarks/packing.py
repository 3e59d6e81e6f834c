"""What packing saves, costs, and what reading costs then."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import foldline
from foldline.layout import Layout
from foldline.packs import indices, packed_names
from foldline_ingest.log import Log
from foldline_ingest.packing import pack
from foldline_ingest.verify import verify

from .report import Report, scratch

__all__ = ["measure"]

RUNS = 200  # small runs, as a sweep leaves them
STEPS = 1000
LONG_STEPS = 250_000  # of one run, for the rates


def measure() -> Report:
    """Pack a sweep of small runs and one long run, and read all of it before and after."""
    report = Report("packing", "Packs of finished segments")
    with scratch("packing") as folder:
        _rates(report, folder / "long")
        _sweep(report, folder / "sweep")
    return report


def _log(layout: Layout, run: str, steps: int, *, single: bool, seed: int) -> None:
    """Log four noisy curves: a loss, an accuracy, a norm and a schedule."""
    chance = np.random.default_rng(seed)
    noise = chance.normal(0, 0.02, (steps, 3))
    with foldline.Run(id=run, store=layout.root, capture=False) as logged:
        for step in range(steps):
            loss = 2 * np.exp(-5 * step / steps) + noise[step, 0]
            values = [loss, 1 - loss / 3 + noise[step, 1], 1 + abs(loss * noise[step, 2])]
            if single:  # as a framework of float32 gives them
                values = [float(np.float32(value)) for value in values]
            logged.track(
                {
                    "loss": float(values[0]),
                    "accuracy": float(values[1]),
                    "norm": float(values[2]),
                    "lr": 1e-3 * (1 - step / steps),
                },
                step=step,
            )
            if step % 200 == 0:
                time.sleep(0.001)  # a training has pauses, and its clock jitters


def _settled(layout: Layout) -> None:
    for marker in layout.active.iterdir():
        marker.unlink()


def _rates(report: Report, folder: Path) -> None:
    for name, single in (("float64", False), ("float32", True)):
        layout = Layout(folder / name)
        _log(layout, "long", LONG_STEPS, single=single, seed=1)
        _settled(layout)
        points = 4 * LONG_STEPS
        before = time.perf_counter()
        verify(layout)
        read = time.perf_counter()
        done = pack(layout, idle_s=0)
        packed = time.perf_counter()
        found = verify(layout)
        again = time.perf_counter()
        assert found.points == points and not found.damage
        report.add(f"log bytes a point, {name}", done.log_bytes / points, "bytes", at_most=32.5)
        report.add(f"packed bytes a point, {name}", done.pack_bytes / points, "bytes", at_most=8)
        report.add(f"pack and verify, {name}", points / (packed - read) / 1e6, "M points/s")
        ratio = (again - packed) / (read - before)
        report.add(f"read all, packed against files, {name}", ratio, "times")


def _sweep(report: Report, folder: Path) -> None:
    layout = Layout(folder)
    for number in range(RUNS):
        _log(layout, f"run{number:04d}", STEPS, single=False, seed=number)
    _settled(layout)
    before = time.perf_counter()
    done = pack(layout, idle_s=0)
    took = time.perf_counter() - before
    points = 4 * RUNS * STEPS
    report.add("files of 200 small runs, packed", len(indices(layout)), "files", at_most=1)
    report.add("packed bytes a point, 200 small runs", done.pack_bytes / points, "bytes", at_most=8)
    report.add("pack 200 small runs", took, "s")
    start = time.perf_counter()
    assert len(packed_names(layout)) == RUNS
    log = Log(layout, {})
    log.discover()
    report.add("find them again", (time.perf_counter() - start) * 1000, "ms")
    start = time.perf_counter()
    found = 0
    while batches := log.poll().batches:
        found += sum(len(batch.points) for batch in batches)
    report.add("read them again", points / (time.perf_counter() - start) / 1e6, "M points/s")
    log.close()
    assert found == points
