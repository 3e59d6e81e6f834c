"""A store of 5,000 runs and 50 million points.

Ten series of a thousand steps each, a hundred lines of console, messages and texts: what a team has
after a year. It is folded from its start, packed, opened and asked.
"""

from __future__ import annotations

import time
from functools import partial

from foldline.layout import Layout
from foldline_ingest.packing import pack

from .opened import folded, opened, percentiles_ms
from .report import Report, scratch
from .servers import foldline_server, settle
from .shapes import SHAPES, fill

__all__ = ["measure"]

SHAPE = SHAPES["team"]
START_S = 1.0
PAGE_MS = 30.0
MEMORY_MIB = 300.0
DISK_MB = 1_200.0
FOLD_S = 60.0  # of 50 M points into all views
ASKED = 30

QUESTIONS: tuple[tuple[str, str, object], ...] = (
    (
        "filter and sort",
        "runs/search",
        {
            "query": 'run.hparams.lr > 0.01 and run.metrics["loss"].last < 0.5',
            "sort": [{"by": 'run.metrics["val_loss"].min'}],
            "limit": 100,
        },
    ),
    (
        "500 curves",
        "series/frames",
        {"query": 'metric.name == "loss" and run.experiment < "experiment 12"', "points": 256},
    ),
    ("text", "search?q=needle777", None),
)


def measure() -> Report:
    """Fill, fold, pack, open."""
    points = SHAPE.runs * SHAPE.metrics * SHAPE.steps
    report = Report("team", f"{SHAPE.runs:,} runs, {points / 1e6:g} M points, console and text")
    with scratch("team") as folder:
        start = time.perf_counter()
        fill(folder, SHAPE)
        report.add("written by the codec", time.perf_counter() - start, "s")
        report.add(
            "folded into all views, from its start", folded(folder, SHAPE.runs), "s", at_most=FOLD_S
        )
        before = opened(folder, SHAPE.runs)
        report.add("log before packing, on disk", before.log_mb, "MB")
        start = time.perf_counter()
        pack(Layout(folder), idle_s=0)
        report.add("packed", time.perf_counter() - start, "s")
        found = opened(folder, SHAPE.runs)
        report.add("start to the first page", found.start_s, "s", at_most=START_S)
        report.add("first page of 100 runs, median", found.page_ms, "ms", at_most=PAGE_MS)
        report.add("first page of 100 runs, p99", found.page_p99_ms, "ms")
        report.add("memory of the server", found.server_mib, "MiB", at_most=MEMORY_MIB)
        report.add("memory, with the fold process", found.both_mib, "MiB")
        report.add("log, packed, on disk", found.log_mb, "MB")
        report.add("views on disk", found.views_mb, "MB")
        report.add("disk", found.log_mb + found.views_mb, "MB", at_most=DISK_MB)
        with foldline_server(folder) as (_, client):
            settle(client)
            for what, path, asked in QUESTIONS:
                ask = partial(client.fetch, f"/api/v1/{path}", asked)
                report.add(f"{what}, median", percentiles_ms(ask, ASKED)[0], "ms")
    return report
