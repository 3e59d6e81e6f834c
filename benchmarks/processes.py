"""Many processes, and many names, in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import foldline

from .report import Report, resident_mib, scratch

__all__ = ["measure"]

PROCESSES = 8
POINTS = 1_000_000  # of each process
NAMES = 100_000
# Each waits until all are there, so that they write at the same time.
WRITER = """
import sys, time
import foldline
run = foldline.Run(capture=False)
print("ready", flush=True)
sys.stdin.readline()
track = run.track
start = time.perf_counter()
for step in range(int(sys.argv[1])):
    track(0.5, "loss", step)
spent = time.perf_counter() - start
run.finish()
print(spent, run.dropped, flush=True)
"""


def measure() -> Report:
    """Write one run from eight processes and count it; then one run with 100,000 names."""
    report = Report("processes", "Many processes, and many names, in one run")
    with scratch("processes") as folder:
        _processes(report, folder / "many")
        _names(report, folder / "names")
    return report


def _processes(report: Report, store: Path) -> None:
    environment = {**os.environ, "FOLDLINE_STORE": str(store), "FOLDLINE_RUN": "together"}
    command = [sys.executable, "-c", WRITER, str(POINTS)]
    writers = [
        subprocess.Popen(
            command,
            env={**environment, "RANK": str(rank), "WORLD_SIZE": str(PROCESSES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(PROCESSES)
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    start = time.perf_counter()
    ends = [writer.communicate("go\n")[0].split() for writer in writers]
    spent = time.perf_counter() - start
    total = PROCESSES * POINTS
    report.add("points by all processes, of a second", total / spent / 1e6, "M/s")
    slowest = max(float(seconds) for seconds, _ in ends)
    report.add("one track() in the slowest process, bulk", slowest / POINTS * 1e9, "ns")
    start = time.perf_counter()
    with foldline.open(store) as opened:
        (series,) = opened.series('metric.name == "loss"')
        report.add("foldline.open() to the count", time.perf_counter() - start, "s")
        lost = total - series.count
        dropped = sum(int(count) for _, count in ends)
        report.add("points that are missing from the count", lost, "", at_most=0)
        report.add("points that were dropped", dropped, "", at_most=0)


def _names(report: Report, store: Path) -> None:
    names = [f"layer.{number}.weight.norm" for number in range(NAMES)]
    before = resident_mib()
    with foldline.Run(store=store, capture=False) as run:
        for what in ("the first point", "a later point"):
            start = time.perf_counter()
            for name in names:
                run.track(0.5, name, 0)
            spent = (time.perf_counter() - start) / NAMES * 1e6
            report.add(f"{what} of each of 100,000 names", spent, "µs")
        report.add("memory of 100,000 names", resident_mib() - before, "MiB")
        dropped = run.dropped
    start = time.perf_counter()
    with foldline.open(store) as opened:
        found = len(opened.series())
    report.add("foldline.open() to 100,000 series", time.perf_counter() - start, "s")
    report.add("names that are missing", NAMES - found + dropped, "", at_most=0)
