"""What more runs cost, and more points don't.

One store grows to 100,000 runs of fifty params and is opened at each size; others have the same
runs with ever more points. `slopes.svg` shows both.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from .opened import Opened, folded, opened
from .report import RESULTS, Report, scratch
from .shapes import SHAPES, Shape, fill

__all__ = ["measure"]

RUNS = (1_000, 5_000, 20_000, 100_000)
STEPS = (100, 1_000, 10_000)  # of each series
STEPPED = Shape(500, metrics=3)
PICTURE = RESULTS / "slopes.svg"
GROWTH_AT_MOST = 1.5  # of start and memory, for a hundred times the points

PANELS = (
    ("start_s", "start to the first page, s"),
    ("page_ms", "first page of 100 runs, ms"),
    ("both_mib", "memory, server and fold, MiB"),
    ("views_mb", "views on disk, MB"),
)


def measure() -> Report:
    """Fill, fold and open, size by size."""
    report = Report("slopes", "What runs cost, and points don't")
    by_runs: dict[int, Opened] = {}
    by_points: dict[int, Opened] = {}
    with scratch("slopes") as folder:
        grown = 0
        for runs in RUNS:
            shape = msgspec.structs.replace(SHAPES["crowd"], runs=runs)
            fill(folder, shape, first=grown)
            took = folded(folder, runs)
            by_runs[runs] = found = opened(folder, runs)
            _add(report, f"{runs:,} runs", found)
            words = f"{runs:,} runs: the last {runs - grown:,} folded"
            report.add(words, took, "s", note="the server's start among it")
            grown = runs
    for steps in STEPS:
        with scratch("slopes") as folder:
            fill(folder, msgspec.structs.replace(STEPPED, steps=steps))
            folded(folder, STEPPED.runs)
            points = STEPPED.runs * STEPPED.metrics * steps
            by_points[points] = found = opened(folder, STEPPED.runs)
            _add(report, f"{STEPPED.runs} runs of {points / 1e6:g} M points", found)
    least, most = by_points[min(by_points)], by_points[max(by_points)]
    for words, few, many in (
        ("start", least.start_s, most.start_s),
        ("memory", least.both_mib, most.both_mib),
    ):
        what = f"{words} with {STEPS[-1] // STEPS[0]} times the points"
        report.add(what, many / few, "times", at_most=GROWTH_AT_MOST)
    _draw(PICTURE, by_runs, by_points)
    return report


def _add(report: Report, what: str, found: Opened) -> None:
    report.add(f"{what}: start to the first page", found.start_s, "s")
    report.add(f"{what}: first page of 100", found.page_ms, "ms")
    report.add(f"{what}: memory of the server", found.server_mib, "MiB")
    report.add(f"{what}: memory, with the fold process", found.both_mib, "MiB")
    report.add(f"{what}: log on disk", found.log_mb, "MB")
    report.add(f"{what}: views on disk", found.views_mb, "MB")


def _draw(path: Path, by_runs: dict[int, Opened], by_points: dict[int, Opened]) -> None:
    """Draw a panel for each figure: along runs above, along points below."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "slopes", "font.size": 9})
    from matplotlib import pyplot as plt

    picture, axes = plt.subplots(2, len(PANELS), figsize=(12, 5.5), layout="constrained")
    rows = (
        (by_runs, "runs, two points each", "#2563eb"),
        (by_points, "points, 500 runs", "#b45309"),
    )
    for row, (found, along, colour) in enumerate(rows):
        for column, (field, title) in enumerate(PANELS):
            axis = axes[row][column]
            axis.plot(
                list(found), [getattr(one, field) for one in found.values()], "o-", color=colour
            )
            axis.set_xscale("log")
            axis.set_ylim(bottom=0)
            axis.set_xlabel(along)
            axis.set_title(title, fontsize=9)
            axis.grid(alpha=0.3)
    picture.savefig(path, metadata={"Date": None})
    plt.close(picture)
