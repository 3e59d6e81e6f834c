"""What a backup of a store costs, against a plain copy."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import anyio
import numpy as np

import foldline
from foldline.blobs import put
from foldline.layout import Layout
from foldline_ingest.backup import back_up
from foldline_views.folding import catch_up

from .report import Report, scratch

__all__ = ["measure"]

POINTS = 2_000_000  # of one run, 64 MB
RUNS = 500  # small ones, each a file of its own
BLOBS = 2_000  # of 20 KB


def measure() -> Report:
    """Time the first backup, one of nothing new, and one of a single run more."""
    report = Report("backup", f"Backup: {POINTS:,} points, {RUNS:,} runs, {BLOBS:,} blobs")
    with scratch("backup") as folder:
        store, copy = folder / "store", folder / "copy"
        _fill(store)
        start = time.perf_counter()
        shutil.copytree(store / "runs", folder / "plain")
        shutil.copytree(store / "blobs", folder / "plain blobs")
        plain_s = time.perf_counter() - start
        start = time.perf_counter()
        done = back_up(Layout(store), copy)
        first_s = time.perf_counter() - start
        assert done.is_well
        report.add("copied", done.bytes / 1e6, "MB")
        report.add("a plain copy, neither checked nor synced", plain_s, "s")
        report.add("first backup", first_s, "s")
        report.add("nothing new", _again(store, copy), "s", at_most=2.0)
        with foldline.Run(id="more", store=store, capture=False) as run:
            run.track(1.0, name="loss", step=0)
        report.add("one run more", _again(store, copy), "s", at_most=2.0)
    return report


def _again(store: Path, copy: Path) -> float:
    start = time.perf_counter()
    assert back_up(Layout(store), copy).is_well
    return time.perf_counter() - start


def _fill(store: Path) -> None:
    values = np.random.default_rng(1).normal(size=POINTS).tolist()
    with foldline.Run(id="long", store=store, capture=False) as run:
        for step, value in enumerate(values):
            run.track(value, name="loss", step=step)
    for number in range(RUNS):
        with foldline.Run(id=f"small{number}", store=store, capture=False) as run:
            for step in range(50):
                run.track(values[step], name="loss", step=step)
    noise = np.random.default_rng(2)
    for _ in range(BLOBS):
        put(Layout(store), noise.bytes(20_000))
    anyio.run(catch_up, Layout(store))
