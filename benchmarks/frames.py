"""How long pages wait for curves and rows.

A store of 6,000 series of 1,024 points each is folded by the engine, then asked over HTTP. The
floor is a server that does nothing but send as many bytes, in the same run.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

from .report import Report, resident_mib, scratch
from .servers import Client, bytes_server, foldline_server, settle
from .shapes import Shape, fill

__all__ = ["measure"]

RUNS, METRICS, POINTS = 2_000, 3, 1_024
BUCKETS = 256
FRAMES_MS = 50.0  # for all curves; the best peer takes 4.4 s
FILTER_MS = 10.0  # over HTTP; the best peer takes 2.0 s
START_TO_ANSWER_S = 1.0
ASKED = 25  # answers that are timed of each kind
QUERY = 'run.hparams.lr > 0.01 and run.metrics["loss"].last < 0.5'


def measure() -> Report:
    """Log, fold, and ask."""
    report = Report("frames", f"{RUNS * METRICS:,} series of {POINTS:,} points, over HTTP")
    with scratch("frames") as folder:
        store = folder / "store"
        fill(store, Shape(RUNS, METRICS, POINTS))
        start = time.perf_counter()
        with foldline_server(store) as (_, client):
            settle(client, runs=RUNS)
            report.add("logged to served, first start", time.perf_counter() - start, "s")
        start = time.perf_counter()
        with foldline_server(store) as (process, client):
            total = client.ask("runs/search", {"limit": 1})["total"]
            report.add(
                "second start to first answer",
                time.perf_counter() - start,
                "s",
                at_most=START_TO_ANSWER_S,
                note=f"{total:,} runs",
            )
            settle(client)
            _ask_frames(report, client)
            _ask_rows(report, client)
            report.add(
                "resident memory of the server",
                resident_mib(process.pid),
                "MiB",
                note=f"{_mapped_mib(process.pid):.0f} MiB of it are mapped files",
            )
    return report


def _mapped_mib(pid: int) -> float:
    """Return how much of a process's memory the kernel can take back: pages of files."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssFile:")[2].split()[0]) / 1024


def _ask_frames(report: Report, client: Client) -> None:
    asked = {"query": "", "points": BUCKETS, "columns": ["last"]}
    all_columns = {**asked, "columns": ["last", "min", "max"]}
    path = "/api/v1/series/frames"
    samples, size = client.timed(path, asked, ASKED)
    wide, wide_size = client.timed(path, all_columns, ASKED)
    with bytes_server(one=size, three=wide_size) as floor:
        floor_samples, _ = floor.timed("/one", asked, ASKED)
        wide_floor, _ = floor.timed("/three", asked, ASKED)
    floor_ms, wide_floor_ms = statistics.median(floor_samples), statistics.median(wide_floor)
    report.add("floor: as many bytes, one column", floor_ms, "ms", note=f"{size:,} B")
    report.add(
        f"all curves, {BUCKETS} buckets, one column, median",
        statistics.median(samples),
        "ms",
        at_most=FRAMES_MS,
        note=f"{statistics.median(samples) / floor_ms:.1f} times the floor",
    )
    report.add("the same, fastest", min(samples), "ms")
    report.add("floor: as many bytes, three columns", wide_floor_ms, "ms", note=f"{wide_size:,} B")
    report.add(
        f"all curves, {BUCKETS} buckets, last min max, median",
        statistics.median(wide),
        "ms",
        note=f"{statistics.median(wide) / wide_floor_ms:.1f} times the floor",
    )
    report.add("the same, fastest", min(wide), "ms")


def _ask_rows(report: Report, client: Client) -> None:
    path = "/api/v1/runs/search"
    page, size = client.timed(path, {"limit": 100}, ASKED)
    report.add("first page of 100 runs, median", statistics.median(page), "ms", note=f"{size:,} B")
    asked = {"query": QUERY, "limit": 10, "sort": [{"by": 'run.metrics["loss"].last'}]}
    matching = json.loads(client.fetch(path, asked))["total"]
    filtered, _ = client.timed(path, asked, ASKED)
    report.add(
        f"filter and sort {RUNS:,} runs, median",
        statistics.median(filtered),
        "ms",
        at_most=FILTER_MS,
        note=f"{matching} match",
    )
