"""What it costs to show somebody some experiments only.

The catalogs are those of the benchmark `queries`: fifty params and two metrics in two contexts. A
page of a hundred runs is asked for by who sees all, and by who sees some of the experiments: once
the columns are masked, and the first time after a commit, when they are not.
"""

from __future__ import annotations

from functools import partial

from foldline_views.asked import Sort
from foldline_views.catalog import Catalog
from foldline_views.column import Texts
from foldline_views.discovery import columns_page
from foldline_views.pages import runs_page
from foldline_views.reach import EVERYTHING, Reach
from foldline_views.within import within

from .queries import catalog_of
from .report import Report, best_of

__all__ = ["measure"]

SIZES = (5_000, 100_000)  # runs
TIMES = 5  # that each is asked; the fastest is told
QUERY = 'run.hparams.p1 > 0.5 and run.metrics["loss"].last < 0.5'


def measure() -> Report:
    """Make the catalogs, and ask them as far as two reaches go."""
    report = Report("reaches", "Answers to who sees all, and to who sees some experiments")
    for size in SIZES:
        _ask(report, catalog_of(size), f"{size:,} runs")
    return report


def _ask(report: Report, catalog: Catalog, what: str) -> None:
    experiments = catalog.runs.column(("experiment",))
    assert isinstance(experiments, Texts)
    reach = Reach.of(list(experiments.words)[: len(experiments.words) // 2])
    seen = within(catalog, reach)
    note = f"{seen.totals.total:,} within reach"

    def anew() -> None:
        catalog.reached.clear()
        _page(within(catalog, reach))

    took = best_of(lambda: within(catalog, EVERYTHING), 1000) * 1e9
    report.add(f"{what}: to find that nothing is out of reach", took, "ns")
    whole = best_of(lambda: _page(catalog), TIMES) * 1000
    report.add(f"{what}: a page for who sees all", whole, "ms")
    some = best_of(lambda: _page(seen), TIMES) * 1000
    report.add(f"{what}: a page for who sees some", some, "ms", note=note)
    report.add(f"{what}: the same, of who sees all", some / whole, "x")
    report.add(f"{what}: the first page after a commit", best_of(anew, TIMES) * 1000, "ms")
    for who, asked in (("all", catalog), ("some", seen)):
        took = best_of(partial(_columns, asked), TIMES) * 1000
        report.add(f"{what}: all columns for who sees {who}", took, "ms")


def _page(catalog: Catalog) -> None:
    columns = ["run.name", "run.hparams.p1", 'run.metrics["loss"].last']
    runs_page(catalog, QUERY, sort=[Sort("run.hparams.p1")], columns=columns, limit=100)


def _columns(catalog: Catalog) -> None:
    for _ in columns_page(catalog, "", values=20):
        pass
