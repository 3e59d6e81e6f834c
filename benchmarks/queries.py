"""How long a question about all runs takes.

Catalogs of up to 100,000 runs, each with fifty params and two metrics in two contexts, are made as
the server makes its own, and asked as it asks. Each question is parsed anew. What is told
is time of the processor: other work on the machine does not count.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from foldline.events import WriterClosed
from foldline_views import summaries
from foldline_views.asked import Sort
from foldline_views.catalog import Catalog, RunTable
from foldline_views.changes import Changes, NewSeries
from foldline_views.pages import runs_page
from foldline_views.patches import Patch
from foldline_views.query import order, parse, sort_key
from foldline_views.runs import RunState, encode_state
from foldline_views.writers import WriterState

from .report import Report, resident_mib

__all__ = ["catalog_of", "measure", "series_keys", "states"]

SIZES = (1_000, 5_000, 20_000, 100_000)  # runs
PARAMS = 50  # of each run
METRICS = ("loss", "accuracy")
CONTEXTS = ('{"subset":"train"}', '{"subset":"val"}')
RUNNING = 100  # one run in so many still runs
ANSWER_MS = 5.0  # filter and sort of the largest size
TIMES = 7  # that each is asked; the fastest is told

PAGE = 'run.hparams.lr > 0.01 and run.hparams.opt == "adam"'
PAGE_BY_METRIC = 'run.metrics["loss", {"subset": "val"}].last < 0.5 and run.status == "finished"'
SORTED_BY_METRIC = 'run.metrics["loss", {"subset": "val"}].last'

# All of the language that costs anything.
QUERIES = (
    "run.hparams.lr > 0.01",
    'run.hparams.opt in ("adam", "lion") and 0.001 < run.hparams.lr < 0.1',
    'run.name == "bert-a-000017"',
    'run.name.startswith("resnet")',
    'run.name.endswith("17")',
    '"a-0001" in run.name',
    'run.name.lower().startswith("vit")',
    'run.name > "gpt"',
    "len(run.name) > 12",
    '"sweep" in run.tags',
    "any(width > 64 for width in run.hparams.layers)",
    '"lr" in run.hparams',
    "run.hparams.p1 + run.hparams.p3 > 2 * run.hparams.p5",
    "round(run.hparams.lr, 2) == 0.01",
    "math.log10(run.hparams.lr) < -3",
    "min(run.hparams.p1, run.hparams.p3) > 0.5",
    "run.created_at.month == 3",
    'run.created_at.strftime("%d/%m/%Y") == "01/03/2026"',
    'run.created_at > "2026-02-01"',
    'run.metrics["loss", {"subset": "val"}].min < 0.1',
    'run.metrics["loss"].last < 0.1',
    'run.metrics["loss"].has_nan',
    'run.hparams.odd == "auto"',
    "run.hparams.odd > 0.5",
)


def measure() -> Report:
    """Make the catalogs, and ask them."""
    report = Report("queries", f"Questions about {SIZES[-1]:,} runs of {PARAMS} params")
    for size in SIZES:
        before = resident_mib()
        start = time.perf_counter()
        catalog = catalog_of(size)
        took = time.perf_counter() - start
        if size == SIZES[-1]:
            report.add(f"catalog of {size:,} runs made", took, "s")
            report.add("its memory", resident_mib() - before, "MiB")
        _ask(report, catalog, size)
    return report


def _ask(report: Report, catalog: Catalog, size: int) -> None:
    largest = size == SIZES[-1]
    bound = ANSWER_MS if largest else None
    pages = [
        ("filter, sort by date", PAGE, "run.created_at"),
        ("filter by metric, sort by metric", PAGE_BY_METRIC, SORTED_BY_METRIC),
        ("no filter, sort by name", "", "run.name"),
    ]
    for what, query, by in pages:
        sort = [Sort(by, desc=True)]
        page = runs_page(catalog, query, sort=sort, limit=100)
        took = _cpu_ms(partial(runs_page, catalog, query, sort=sort, limit=100))
        found = f"{page.total:,} match"
        report.add(f"{size:,} runs: {what}, as a page of 100", took, "ms", note=found)
        took = _cpu_ms(partial(_first, query, by, RunTable(catalog)))
        report.add(f"{size:,} runs: {what}", took, "ms", at_most=bound)
    table = RunTable(catalog)
    worst = 0.0
    for query in QUERIES:
        matches = int(np.count_nonzero(parse(query).mask(table)))
        took = _cpu_ms(partial(_answer, query, table))
        worst = max(worst, took)
        if largest:
            note = f"{matches:,} match"
            report.add(query.replace("|", "\\|"), took, "ms", at_most=bound, note=note)
    report.add(f"{size:,} runs: the slowest of {len(QUERIES)} filters", worst, "ms", at_most=bound)


def _cpu_ms(call: Callable[[], object]) -> float:
    """Return the fewest milliseconds of the processor that a call took.

    It waits for nothing, so on a core of its own that is how long it takes.
    """
    took = []
    for _ in range(TIMES):
        start = time.thread_time_ns()
        call()
        took.append(time.thread_time_ns() - start)
    return min(took) / 1e6


def _first(query: str, by: str, table: RunTable) -> None:
    """Filter, and find the first hundred in order."""
    rows = np.flatnonzero(parse(query).mask(table))
    order(table, [(sort_key(by), True)], rows, limit=100)


def _answer(query: str, table: RunTable) -> None:
    parse(query).mask(table)


def catalog_of(size: int) -> Catalog:
    """Return a catalog that has taken one commit of so many runs."""
    chance = np.random.default_rng(size)
    keys = [(run, name, context) for run in range(1, size + 1) for name, context in series_keys()]
    figures = summaries.fresh(len(keys))
    figures[summaries.COUNT] = 100
    figures[summaries.NONFINITE] = chance.random(len(keys)) < 0.01
    for row in (summaries.FIRST, summaries.LAST, summaries.MIN, summaries.MAX):
        figures[row] = chance.random(len(keys))
    catalog = Catalog()
    catalog.take(
        Changes(
            revision=1,
            watermark=1,
            new_runs=[f"{run:016x}" for run in range(1, size + 1)],
            run_states=list(enumerate(map(encode_state, states(size)), start=1)),
            new_series=NewSeries.of(keys),
            slots=np.empty((2, 0), np.int64),
            slots_known=0,
            series=np.arange(1, len(keys) + 1),
            summaries=figures,
        )
    )
    return catalog


def series_keys() -> Iterator[tuple[str, str]]:
    """Yield the name and the context, as JSON, of each series of a run."""
    return ((name, context) for name in METRICS for context in CONTEXTS)


def states(size: int) -> Iterator[RunState]:
    """Yield the states of so many runs, the same each time."""
    chance = random.Random(size)
    layers = [[64, 64], [32], [128, 64, 32]]
    for number in range(size):
        began = 1_767_225_600.0 + number * 120
        stamp = (began, "w", 1)
        kind = f"{chance.choice(('resnet', 'bert', 'gpt', 'vit'))}-{chance.choice('abc')}"
        params: dict[str, Any] = {
            f"p{place}": chance.random() if place % 2 else chance.randrange(10)
            for place in range(PARAMS - 4)
        }
        params["lr"] = 10 ** chance.uniform(-5, 0)
        params["opt"] = chance.choice(("adam", "sgd", "lion"))
        params["layers"] = chance.choice(layers)
        params["odd"] = chance.choice((chance.random(), "auto"))
        writer = WriterState(opened_at=began, host=f"node{number % 8}")
        if number % RUNNING:
            writer.closed = (WriterClosed("finished"), began + chance.uniform(60, 7200))
        yield RunState(
            seen_at=began,
            fields={
                "name": (f"{kind}-{number:06d}", stamp),
                "experiment": (f"experiment {number % 40}", stamp),
            },
            tags={"sweep": (True, stamp)} if number % 3 else {},
            params=[Patch(stamp, ["hparams"], params)],
            writers={"w": writer},
        )
