"""What the design asks for, beside what was measured.

python -m benchmarks.targets

Writes the tables of `README.md` from `results/`; whoever measures has them written by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import msgspec

from .report import RESULTS, Figure, Report, amount

__all__ = ["README", "TARGETS", "Target", "page", "write"]

README = Path(__file__).resolve().parent / "README.md"
PEERS = ("Foldline", "Aim", "MLflow", "TensorBoard")


class Target(NamedTuple):
    """A number to reach, and where it is measured."""

    what: str
    reach: float
    benchmark: str
    figure: str  # or a pattern: then the largest that it matches
    peer: str = ""  # what the peers' own figure is called, if they have one
    least: bool = False  # whether more is better


TARGETS = (
    Target("`track()` in the caller, p50", 0.5, "append", "mapped, a float and a step, p50",
           "track(), p50"),
    Target("the same, p99", 2.0, "append", "mapped, a float and a step, p99", "track(), p99"),
    Target("the same beside a CPU-bound thread, p99", 5.0, "append",
           "mapped, beside a busy thread, p99"),
    Target("points missing of eight processes' eight million", 0.0, "processes",
           "points that are missing from the count"),
    Target("log, a point", 32.5, "packing", "log bytes a point, float64"),
    Target("log packed, a point", 8.0, "packing", "packed bytes a point, float64"),
    Target("fold, long series", 3.0, "fold", "40 long series, folded", least=True),
    Target("fold, 5,000 series by 2 points a tick", 0.3, "fold",
           "5,000 series by 2 points a tick, a commit each tick", least=True),
    Target("2,000 runs: filter and sort over HTTP", 10.0, "frames",
           "filter and sort 2,000 runs, median", "filter"),
    Target("the same: all 6,000 series over HTTP", 50.0, "frames",
           "all curves, 256 buckets, one column, median", "all 6,000 series"),
    Target("5,000 runs, 50 M points: start to the first page", 1.0, "team",
           "start to the first page"),
    Target("the same: first page", 30.0, "team", "first page of 100 runs, median"),
    Target("the same: memory of the server", 300.0, "team", "memory of the server"),
    Target("the same: disk", 1_200.0, "team", "disk"),
    Target("100,000 runs: the slowest filter", 5.0, "queries",
           "100,000 runs: the slowest of 24 filters"),
    Target("a series of a million points: log", 1.0, "peers",
           "write a series of 1,000,000: Foldline", "write a series of 1,000,000"),
    Target("the same: drawn whole", 2.0, "aggregates", "a million steps, whole, median",
           "that series drawn"),
    Target("the same: a zoom to single points", 10.0, "aggregates",
           "zoomed to 1,000 steps, median"),
    Target("`track()` to the event in ten listeners, p50", 60.0, "live",
           "track() to the event, p50", "track() to an answer, p50"),
    Target("the same, p99", 150.0, "live", "track() to the event, p99"),
    Target("`track()` to a pixel, p50", 100.0, "browser", "track() to a pixel, p50"),
    Target("browser: table of 5,000 runs ready, cold", 1_000.0, "browser",
           "5,000 runs: table ready, median"),
    Target("browser: scroll at 200 columns, p95 of a frame", 20.0, "browser",
           "scroll at 200 columns, p95 of a frame"),
    Target("browser: 500 series ready, cold", 1_500.0, "browser",
           "500 series in four charts: ready, median"),
    Target("browser: 500 series, hover, p95 of a frame", 20.0, "browser",
           "500 series: hover, p95 of a frame"),
    Target("browser: 2,000 series ready, cold", 3_000.0, "browser",
           "2,000 series in one chart: ready, median"),
    Target("browser: 30 panels of 50 lines ready, cold", 2_000.0, "browser",
           "30 panels of 50 lines: ready, median"),
    Target("browser: palette, answer to a key", 100.0, "browser",
           "palette, answer to a key, median"),
    Target("browser: heap at 500 series", 120.0, "browser", "500 series: heap"),
    Target("browser: heap grown in an hour of 100 points/s", 5.0, "hour",
           "heap grown in 60 min of 100 points/s"),
    Target("browser: entry bundle, gzip", 150.0, "browser", "entry bundle, gzip"),
    Target("search 50,000 runs: the slowest question, p50", 10.0, "search", "runs: *, p50"),
    Target("search 10 M lines: the slowest question, p50", 50.0, "search", "lines: *, p50"),
    Target("points shipped to a server, and durable there", 1.0, "shipping",
           "points shipped and durable", least=True),
    Target("1,000 connections that ship: answer, p99", 1.0, "shipping",
           "1,000 connections: answer, p99"),
    Target("end of a run whose server is gone", 1.0, "shipping",
           "run.finish(), a server that is gone, slowest of 5"),
    Target("a training of 1 kHz, whatever fails: pause, p99.99", 5_000.0, "pauses", "*, p99.99"),
    Target("5,000 runs, server killed: start to the first page", 2.0, "recovery",
           "killed: start to the first page, median"),
    Target("100 times the points: start", 1.5, "slopes", "start with 100 times the points"),
    Target("100 times the points: memory", 1.5, "slopes", "memory with 100 times the points"),
    Target("pages beside a fold, p99 ÷ idle: runs", 3.0, "contention",
           "first page of runs, p99 beside ÷ idle"),
    Target("the same: 200 curves", 3.0, "contention", "200 curves, p99 beside ÷ idle"),
    Target("the same: page of a run", 3.0, "contention", "page of a run, p99 beside ÷ idle"),
)  # fmt: skip


def write() -> None:
    """Write the tables into the README, between their marks."""
    README.write_text(page(README.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """Return the README with its tables as the results are now."""
    reports = dict(_reports())
    parts = {
        "targets": _targets(reports),
        "slopes": _slopes(reports.get("slopes")),
        "peers": _beside(reports.get("peers")),
    }
    for name, lines in parts.items():
        begin, end = f"<!-- {name}, written by benchmarks.targets -->", f"<!-- end of {name} -->"
        head, _, rest = text.partition(begin)
        tail = rest.partition(end)[2]
        text = "\n".join([head + begin, "", *lines, "", end]) + tail
    return text


def _reports() -> Iterator[tuple[str, Report]]:
    for file in sorted(RESULTS.glob("*.json")):
        if not file.name.endswith(".local.json"):
            yield file.stem, msgspec.json.decode(file.read_bytes(), type=Report)


def _targets(reports: dict[str, Report]) -> Iterator[str]:
    yield "| what | to reach | measured | | of the best peer's | `benchmark`, date, load |"
    yield "|---|---|---|---|---|---|"
    peers = reports.get("peers")
    for target in TARGETS:
        report = reports.get(target.benchmark)
        found = _found(report, target.figure)
        if report is None or found is None:
            where = f"`{target.benchmark}`"
            yield f"| {target.what} | {_reach(target, '')} | | not measured | | {where} |"
            continue
        met = found.value >= target.reach if target.least else found.value <= target.reach
        cells = (
            target.what,
            _reach(target, found.unit),
            amount(found.value, found.unit),
            "met" if met else "**not met**",
            _of_best(peers, target.peer),
            f"`{report.name}`, {report.measured_at[:10]}, {report.machine.get('load_1m', '?')}",
        )
        yield f"| {' | '.join(cells)} |"


def _reach(target: Target, unit: str) -> str:
    return f"{'≥' if target.least else '≤'} {amount(target.reach, unit)}"


def _found(report: Report | None, what: str) -> Figure | None:
    figures = report.figures if report is not None else []
    found = [figure for figure in figures if fnmatchcase(figure.what, what)]
    return max(found, key=lambda figure: figure.value, default=None)


def _of_best(peers: Report | None, what: str) -> str:
    """Return ours divided by the best peer's, both of one run of `peers`."""
    values = {name: _found(peers, f"{what}: {name}") for name in PEERS}
    theirs = {name: one.value for name, one in values.items() if one and name != "Foldline"}
    ours = values["Foldline"]
    if ours is None or not theirs:
        return ""
    best = min(theirs, key=lambda name: theirs[name])
    return f"{_ratio(ours.value / theirs[best])} ({best})"


def _beside(peers: Report | None) -> Iterator[str]:
    if peers is None:
        yield "Not measured yet: `python -m benchmarks peers`."
        return
    machine = peers.machine
    yield (
        f"Measured on {peers.measured_at[:10]} at {peers.commit}: {machine.get('cpu')}, "
        f"{machine.get('cores')} cores, load {machine.get('load_1m')} as it began. "
        "In brackets: ours divided by theirs."
    )
    yield ""
    yield f"| what | {' | '.join(PEERS)} |"
    yield "|---|---|---|---|---|"
    asked = dict.fromkeys(figure.what.rpartition(": ")[0] for figure in peers.figures)
    for what in asked:
        found = [_found(peers, f"{what}: {name}") for name in PEERS]
        ours = found[0]
        if ours is None:
            continue
        cells = [amount(ours.value, ours.unit)]
        for one in found[1:]:
            ratio = _ratio(ours.value / one.value) if one and one.value else ""
            cells.append(f"{amount(one.value, one.unit)} ({ratio})" if one else "none")
        yield f"| {what} | {' | '.join(cells)} |"


def _slopes(slopes: Report | None) -> Iterator[str]:
    if slopes is None:
        yield "Not measured yet: `python -m benchmarks slopes`."
        return
    yield "![Start, first page, memory and disk along runs, and along points](results/slopes.svg)"
    yield ""
    yield (
        f"Measured on {slopes.measured_at[:10]} at {slopes.commit}, load "
        f"{slopes.machine.get('load_1m')} as it began."
    )


def _ratio(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    write()
