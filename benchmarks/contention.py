"""What pages wait while the fold runs flat out."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from foldline.ids import run_id

from .opened import folded
from .report import Report, scratch
from .servers import Client, foldline_server, settle
from .shapes import SHAPES, Shape, fill

__all__ = ["measure"]

STORE = SHAPES["small"]
BACKLOG = Shape(STORE.runs + 400, metrics=10, steps=2_500)  # ten million points more
ASKED_S = 6.0  # idle; busy, for as long as there is something to fold
RATIO = 3.0  # of the 99th percentiles
RUN = run_id("run 77")

PAGES: dict[str, list[tuple[str, object]]] = {
    "first page of runs": [("runs/search", {"limit": 100})],
    "filter and sort": [
        (
            "runs/search",
            {
                "query": 'run.hparams.lr > 0.01 and run.metrics["loss"].last < 0.5',
                "sort": [{"by": 'run.metrics["loss"].last'}],
                "limit": 100,
            },
        )
    ],
    "200 curves": [
        (
            "series/frames",
            {"query": 'metric.name == "loss" and run.experiment < "experiment 11"', "points": 256},
        )
    ],
    "page of a run": [
        (f"runs/{RUN}", None),
        ("series/frames", {"query": f'run.id == "{RUN}"', "points": 256}),
    ],
}


def measure() -> Report:
    """Ask the same pages idle and beside a fold."""
    report = Report("contention", "Pages while the fold runs flat out")
    with scratch("contention") as folder:
        fill(folder, STORE)
        folded(folder, STORE.runs)
        with foldline_server(folder) as (_, client):
            settle(client)
            idle = _asked(client, time.monotonic() + ASKED_S)
            fill(folder, BACKLOG, first=STORE.runs, marked=True)
            busy = _asked(client, None)
        for page in PAGES:
            for percent in (50, 99):
                still, beside = (float(np.percentile(one[page], percent)) for one in (idle, busy))
                report.add(f"{page}, idle, p{percent}", still, "ms")
                note = f"{len(busy[page])} answers"
                report.add(f"{page}, beside the fold, p{percent}", beside, "ms", note=note)
                bound = RATIO if percent == 99 else None
                report.add(f"{page}, p{percent} beside ÷ idle", beside / still, "x", at_most=bound)
    return report


def _is_done(health: dict[str, Any]) -> bool:
    lags = [one["lag_bytes"] for one in health["shelves"]]
    return health["runs"]["total"] == BACKLOG.runs and not any(lags)


def _asked(client: Client, until: float | None) -> dict[str, list[float]]:
    """Ask all pages in turn until a time, or until nothing is left to fold."""
    took: dict[str, list[float]] = {page: [] for page in PAGES}
    while until is None or time.monotonic() < until:
        for page, requests in PAGES.items():
            start = time.perf_counter()
            for path, body in requests:
                client.fetch(f"/api/v1/{path}", body)
            took[page].append((time.perf_counter() - start) * 1e3)
        if until is None and _is_done(client.ask("health")):
            break
    return took
