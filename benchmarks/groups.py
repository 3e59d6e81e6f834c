"""What groups, columns, files and edits of runs cost.

The catalogs are those of the benchmark `queries`: fifty params and two metrics in two contexts. All
members of all groups are counted, and all columns of all runs. Edits are synced to the disk.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import anyio
import numpy as np

import foldline
from foldline.layout import Layout
from foldline_views.asked import Best, Edit, ExportRequest, GroupSort, Sort
from foldline_views.catalog import Catalog
from foldline_views.discovery import columns_page
from foldline_views.edits import edit_runs
from foldline_views.export import encoded, table_of
from foldline_views.grouping import groups_page
from foldline_views.pages import runs_page
from foldline_views.store import open_store

from .queries import catalog_of
from .report import Report, best_of, scratch

__all__ = ["measure"]

SIZES = (5_000, 100_000)  # runs
WIDE = 10_000  # columns that two runs each have, on top of the others
TIMES = 5  # that each is asked; the fastest is told
EDITS = 200  # runs that are tagged

LOSS = 'run.metrics["loss", {"subset": "val"}].min'


def measure() -> Report:
    """Make the catalogs, and ask them."""
    report = Report("groups", "Groups, columns, files and edits of many runs")
    for size in SIZES:
        catalog = catalog_of(size)
        _group(report, catalog, size)
        _columns(report, catalog, f"{size:,} runs: 50 params, 4 metrics, fields")
        if size == SIZES[0]:
            _widen(catalog, size)
            _columns(report, catalog, f"{size:,} runs: {WIDE:,} columns more")
            continue
        _page(report, catalog, size)
        _export(report, catalog, size)
    _edit(report)
    return report


def _group(report: Report, catalog: Catalog, size: int) -> None:
    best = Best(LOSS)
    for by in (["run.experiment"], ["run.hparams.opt", "run.hparams.p0"], ["run.name"]):
        ask = partial(
            groups_page,
            catalog, "", by, columns=[LOSS], best=best, sort=[GroupSort(LOSS, "median")],
        )  # fmt: skip
        words = " and ".join(word.removeprefix("run.") for word in by)
        took = best_of(ask, TIMES) * 1000
        note = f"{ask().total:,} groups"
        report.add(f"{size:,} runs by {words}, figures, best", took, "ms", note=note)


def _columns(report: Report, catalog: Catalog, what: str) -> None:
    def ask() -> int:
        work = columns_page(catalog, "", differing=True, limit=100)
        while True:
            try:
                next(work)
            except StopIteration as end:
                return int(end.value.total)

    report.add(f"columns of {what}", best_of(ask, TIMES) * 1000, "ms", note=f"{ask():,} differ")


def _widen(catalog: Catalog, size: int) -> None:
    chance = np.random.default_rng(1)
    for number, (one, other) in enumerate(chance.integers(0, size, (WIDE, 2)).tolist()):
        for row, value in ((one, 0.5), (other, 1.5)):
            catalog.runs.set(("params", f"wide{number}"), row, value)


def _page(report: Report, catalog: Catalog, size: int) -> None:
    sort = [Sort("run.hparams.opt"), Sort(LOSS, desc=True)]
    first = runs_page(catalog, sort=sort, limit=100)
    ask = partial(runs_page, catalog, sort=sort, limit=100, cursor=first.cursor)
    report.add(f"{size:,} runs by two keys, the second page", best_of(ask, TIMES) * 1000, "ms")


def _export(report: Report, catalog: Catalog, size: int) -> None:
    for kind in ("csv", "jsonl", "parquet"):
        start = time.perf_counter()
        made = table_of(catalog, ExportRequest())
        written = sum(map(len, encoded(made, kind)))
        took = time.perf_counter() - start
        note = f"{len(made.columns)} columns, {written / 1e6:.0f} MB"
        report.add(f"{size:,} runs as {kind}", took, "s", note=note)


def _edit(report: Report) -> None:
    with scratch("groups") as folder:
        layout = Layout(Path(folder) / "store")
        runs = [f"run{number}" for number in range(EDITS)]
        for run in runs:
            foldline.Run(id=run, store=layout.root, capture=False).finish()
        with open_store(layout.root) as store:
            catalog = store.catalog()
            start = time.perf_counter()
            anyio.run(edit_runs, layout, catalog, runs, Edit({}, ["tag"]))
            took = time.perf_counter() - start
        report.add("one run tagged, durably", took / EDITS * 1000, "ms", note=f"of {EDITS}")
