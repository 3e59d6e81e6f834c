"""What a benchmark found: figures, a table, a file.

    def measure() -> Report:
        report = Report("append", "Cost of track() to the caller")
        report.add("one point, p50", 0.41, "µs", at_most=0.5)
        report.add_samples("one point", samples_ns, p50_at_most=0.5, p99_at_most=2.0)
        return report

A figure is only worth something beside its machine, its date and its commit, so the file in
`benchmarks/results` has all three. Compare ratios of one run, never seconds from two machines.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

__all__ = [
    "RESULTS",
    "Figure",
    "Report",
    "Sample",
    "amount",
    "best_of",
    "resident_mib",
    "scratch",
    "timed",
]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FLOOR_RUNS = 2_000  # calls of nothing, to know what the clock itself costs


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured number, and the bound that was set for it, if any."""

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bound is kept; None if there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None


class Sample(msgspec.Struct, frozen=True):
    """The spread of many timings, in microseconds."""

    p50: float
    p99: float
    p9999: float
    largest: float


class Report(msgspec.Struct):
    """The figures of one benchmark; `name` is its module and its file's name."""

    name: str
    title: str
    figures: list[Figure] = []
    machine: dict[str, Any] = {}
    measured_at: str = ""
    commit: str = ""
    took_s: float = 0.0  # all of the measuring

    def __post_init__(self) -> None:
        """Note where and when this is measured, unless it was read from a file."""
        if not self.measured_at:
            self.machine = _machine()
            self.measured_at = datetime.now(UTC).isoformat(timespec="seconds")
            self.commit = _commit()

    def add(
        self,
        what: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        note: str = "",
    ) -> None:
        """Add a figure; `at_most` or `at_least` is what the design asks for."""
        self.figures.append(Figure(what, float(value), unit, at_most, at_least, note))

    def add_samples(
        self,
        what: str,
        samples_ns: Iterable[int],
        *,
        p50_at_most: float | None = None,
        p99_at_most: float | None = None,
        note: str = "",
    ) -> Sample:
        """Add the percentiles of timings in nanoseconds, as microseconds; return them."""
        values = np.fromiter(samples_ns, np.float64) / 1000
        p50, p99, p9999 = (float(v) for v in np.percentile(values, [50, 99, 99.99]))
        sample = Sample(p50, p99, p9999, float(values.max()))
        self.add(f"{what}, p50", sample.p50, "µs", at_most=p50_at_most, note=note)
        self.add(f"{what}, p99", sample.p99, "µs", at_most=p99_at_most, note=note)
        self.add(f"{what}, p99.99", sample.p9999, "µs", note=note)
        return sample

    def table(self) -> str:
        """Return the figures as a Markdown table with a title, a date and a machine."""
        rows = [("what", "measured", "to reach", "")]
        for figure in self.figures:
            met = {None: "", True: "met", False: "not met"}[figure.met]
            words = "; ".join(filter(None, (met, figure.note)))
            rows.append((figure.what, amount(figure.value, figure.unit), _bound(figure), words))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [_line(row, widths) for row in rows]
        lines.insert(1, "|".join(["", *("-" * (width + 2) for width in widths), ""]))
        where = f"{self.machine.get('cpu')}, {self.machine.get('cores')} cores"
        return "\n".join(
            [f"{self.title} ({self.measured_at[:10]}, {where}, {self.commit})", "", *lines]
        )

    def save(self) -> Path:
        """Write the report to `benchmarks/results` and return the file's path."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
        return path


def timed(call: Callable[[], object], runs: int) -> list[int]:
    """Return the nanoseconds that each of `runs` calls took, less what the clock costs."""
    clock = time.perf_counter_ns
    floor = min(_empty(clock) for _ in range(FLOOR_RUNS))
    samples = []
    for _ in range(runs):
        start = clock()
        call()
        samples.append(max(0, clock() - start - floor))
    return samples


def best_of(call: Callable[[], object], runs: int) -> float:
    """Return the seconds of the fastest of `runs` calls: the one least disturbed by others."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def resident_mib(pid: int | None = None) -> float:
    """Return the memory a process really holds, in MiB; ours without a pid. Linux alone."""
    pages = int(Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Give a fresh folder on a real disk where there is one, and remove it afterwards."""
    path = Path(tempfile.mkdtemp(prefix=f"foldline-{name}-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _empty(clock: Callable[[], int]) -> int:
    start = clock()
    return clock() - start


def amount(value: float, unit: str) -> str:
    """Return a number as a table shows it."""
    whole = float(value).is_integer() or abs(value) >= 100
    digits = 0 if whole else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def _bound(figure: Figure) -> str:
    if figure.at_most is not None:
        return f"≤ {amount(figure.at_most, figure.unit)}"
    if figure.at_least is not None:
        return f"≥ {amount(figure.at_least, figure.unit)}"
    return ""


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    what, measured, reach, words = (
        cell.rjust(width) if column in {1, 2} else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return f"| {what} | {measured} | {reach} | {words} |"


def _machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = [line for line in information.read_text().splitlines() if "model name" in line]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_1m": round(os.getloadavg()[0], 2),  # how disturbed the figures are
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "no commit"
