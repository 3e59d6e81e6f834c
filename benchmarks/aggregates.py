"""How long charts that are worked out take.

2,000 runs of 1,024 steps, each a noisy curve of its own, are logged by the SDK, folded, and asked
over HTTP: as groups, as expressions, smoothed, along other axes; and one series of a million steps
is zoomed into.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

import foldline

from .report import Report, scratch
from .servers import START_S, Client, foldline_server

__all__ = ["measure"]

RUNS = 2_000
POINTS = 1_024
LONG = 1_000_000
GROUPED_MS = 100.0  # for all members, as the mean with a band
WHOLE_MS = 2.0  # of a million steps
ZOOM_MS = 10.0  # into a million steps, down to the points
ASKED = 9  # answers that are timed of each kind
PATH = "/api/v1/series/frames"
ALL: dict[str, Any] = {"query": 'metric.name == "loss"', "points": POINTS}


def measure() -> Report:
    """Log, fold, and ask."""
    report = Report("aggregates", f"{RUNS:,} series of {POINTS:,} points, worked out over HTTP")
    with scratch("aggregates") as folder:
        store = folder / "store"
        _log(store)
        with foldline_server(store) as (_, client):
            _wait(client)
            _ask(report, client)
    return report


def _log(store: Path) -> None:
    numbers = random.Random(7)
    for number in range(RUNS):
        lr, floor = 10 ** numbers.uniform(-4, -1), numbers.uniform(0.01, 0.2)
        params = {"lr": round(lr, 4), "net": numbers.choice("abcdefgh")}
        with foldline.Run(store=store, name=f"run {number}", params=params, capture=False) as run:
            track, noise = run.track, numbers.gauss
            for step in range(POINTS):
                base = floor + 1.0 / (1.0 + lr * step)
                track(base + noise(0.0, 0.02), name="loss", step=step)
                if number < RUNS // 10:
                    track(base * 1.1 + noise(0.0, 0.05), name="val_loss", step=step)
    with foldline.Run(store=store, name="long", capture=False) as run:
        for step in range(LONG):
            run.track(numbers.random(), name="long", step=step)


def _wait(client: Client) -> None:
    """Wait until everything that was logged is served."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        health = client.ask("health")
        if health["fold"]["state"] == "live" and health["lag_bytes"] == 0:
            return
        time.sleep(0.05)
    raise TimeoutError(f"the store was not folded in {START_S:g} s: {health}")


def _ask(report: Report, client: Client) -> None:
    def timed(name: str, asked: dict[str, Any], at_most: float | None = None) -> None:
        samples, size = client.timed(PATH, asked, ASKED)
        report.add(
            f"{name}, median",
            statistics.median(samples),
            "ms",
            at_most=at_most,
            note=f"fastest {min(samples):.0f} ms, {size:,} B",
        )

    timed("floor: all curves in their buckets", {**ALL, "columns": ["last"]})
    mean = {"line": "mean", "band": "min-max"}
    timed("one group, mean and min-max", {**ALL, "aggregate": mean}, GROUPED_MS)
    timed("the same, in 256 buckets", {**ALL, "points": 256, "aggregate": mean}, GROUPED_MS)
    timed("mean and 95 %", {**ALL, "aggregate": {"line": "mean", "band": "ci95"}}, GROUPED_MS)
    median = {"line": "median", "band": [0.25, 0.75]}
    timed("median and quartiles", {**ALL, "aggregate": median})
    timed("the same, in 256 buckets", {**ALL, "points": 256, "aggregate": median}, GROUPED_MS)
    timed("8 groups, mean and min-max", {**ALL, "aggregate": {**mean, "by": ["run.net"]}})
    timed("one group along relative time", {**ALL, "x": "relative", "aggregate": mean})
    few = {"query": 'metric.name == "val_loss"', "points": 256}
    timed(f"{RUNS // 10} curves, smoothed", {**few, "smooth": {"weight": 0.9}})
    timed(f"{RUNS // 10} expressions", {**few, "expressions": ["val_loss / loss"]})
    long = {"query": 'metric.name == "long"', "points": POINTS}
    timed("a million steps, whole", long, WHOLE_MS)
    timed("zoomed to 1,000 steps", {**long, "range": [500_000, 501_000]}, ZOOM_MS)
