"""Whether a catalog within reach is one without the other runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.errors import QueryError, RunNotFound
from foldline_views.asked import ExportRequest, Sort
from foldline_views.catalog import Catalog
from foldline_views.discovery import columns_page
from foldline_views.explain import explained
from foldline_views.export import table_of
from foldline_views.grouping import groups_page
from foldline_views.home import home_page
from foldline_views.lineage import lineage_page
from foldline_views.pages import runs_page
from foldline_views.portions import run_portion
from foldline_views.reach import EVERYTHING, Reach
from foldline_views.reachedviews import reached
from foldline_views.reader import Views
from foldline_views.runs import RunState
from foldline_views.tags import tagged, tags_page
from foldline_views.tagwords import TagWords
from foldline_views.within import within
from tests.views.catalogs import START, put, state_of

EXPERIMENTS = ["a", "b", "c"]
PATHS = ["x", "y", "deep"]
CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-1, 1), st.sampled_from(["s", "t"]),
    st.lists(st.integers(0, 2), max_size=2), st.fixed_dictionaries({"z": st.integers(0, 2)}),
)  # fmt: skip
RUNS = st.lists(
    st.tuples(
        st.sampled_from(EXPERIMENTS),
        st.dictionaries(st.sampled_from(PATHS), CELLS, max_size=3),
        st.booleans(),
    ),
    max_size=12,
)
QUERIES = [
    "", "run.x", "not run.x", "run.x > 0", "run.x == 's'", "run.deep.z == 1", "run.y in [1, 's']",
    "run.experiment == 'b'", "run.archived", "run.nowhere", "run.x + run.y > 1", "run.deep", "x(",
    "run.y.startswith('s')", "run.metrics['loss'].last > 1",
]  # fmt: skip


def state(experiment: str, params: dict[str, Any], at: int, *, archived: bool) -> RunState:
    words: dict[str, str | bool] = {"experiment": experiment, "name": f"run {at}"}
    if archived:
        words["archived"] = True
    return state_of(params, START + at, **words)


def said(question: Callable[[Catalog], Any], catalog: Catalog) -> Any:
    """Return what a catalog answers as plain values, or which mistake it tells."""
    try:
        found = question(catalog)
    except (QueryError, RunNotFound) as error:
        return str(error)
    return _plain(msgspec.to_builtins(found, enc_hook=repr))


def _plain(told: Any) -> Any:
    """Return an answer without what is told of the whole log, and of the clock."""
    if isinstance(told, dict):
        left_out = {"watermark", "ms", "cells", "duration"}
        kept = {name: _plain(value) for name, value in told.items() if name not in left_out}
        if "metrics" in kept and "params" in kept and isinstance(kept["params"], list):
            kept["params"].sort(key=repr)  # in the order of first use, be it by others
        return kept
    return [_plain(one) for one in told] if isinstance(told, list | tuple) else told


def _columns(catalog: Catalog) -> Any:
    work = columns_page(catalog, "", values=20)
    while True:
        try:
            next(work)
        except StopIteration as end:
            page = end.value
            return sorted(page.columns, key=repr), page.total, page.runs


def _exported(catalog: Catalog) -> Any:
    table = table_of(catalog, ExportRequest("", [], []), None)
    return sorted(
        (head, repr(column.cells()))
        for head, column in zip(table.heads, table.columns, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(RUNS, st.sets(st.sampled_from([*EXPERIMENTS, "none"])), st.sampled_from(QUERIES))
def test_a_catalog_within_reach_is_one_without_the_others(
    runs: list[tuple[str, dict[str, Any], bool]], experiments: set[str], query: str
) -> None:
    """Whatever is asked, rows, counts, columns, values, mistakes: others' runs leave no trace."""
    states = {
        f"r{at}": state(experiment, params, at, archived=archived)
        for at, (experiment, params, archived) in enumerate(runs)
    }
    whole, alone = Catalog(), Catalog()
    put(whole, states)
    put(
        alone,
        {run: one for (run, one), (name, *_) in zip(states.items(), runs, strict=True)
         if name in experiments},
    )  # fmt: skip
    seen = within(whole, Reach.of(experiments))
    if not alone.ids:
        # Of an empty store no query says that no run has what it asks for. Whether a store is empty
        # is all that a reach of nothing tells.
        assert said(lambda catalog: catalog.totals, seen) == {"total": 0, "running": 0}
        return
    questions: list[Callable[[Catalog], Any]] = [
        lambda catalog: catalog.totals,
        lambda catalog: runs_page(catalog, query, sort=[Sort("run.x", True)]),
        lambda catalog: runs_page(catalog, query, columns=["run.x", "run.deep"], limit=2),
        lambda catalog: groups_page(catalog, query, ["run.x"], columns=["run.y"]),
        lambda catalog: explained(catalog, query),
        lambda catalog: catalog.columns_found(),
        lambda catalog: home_page(catalog, 5),
        lambda catalog: tags_page(catalog, TagWords()),
        lambda catalog: tagged(catalog, ["x"]),
        lambda catalog: run_portion(catalog, "r0"),
        lambda catalog: lineage_page(catalog, "r1"),
        _columns,
        _exported,
    ]
    for question in questions:
        assert said(question, seen) == said(question, alone)


def test_who_sees_a_run_follows_its_experiment() -> None:
    """A run that is moved is gone for the one and there for the other, at the next commit."""
    catalog = Catalog()
    put(catalog, {"r": state("a", {}, 0, archived=False)})
    mine, theirs = Reach.of(["a"]), Reach.of(["b"])
    assert [len(within(catalog, reach).row_of) for reach in (mine, theirs)] == [1, 0]
    put(catalog, {"r": state("b", {}, 0, archived=False)})
    assert [len(within(catalog, reach).row_of) for reach in (mine, theirs)] == [0, 1]


def test_who_sees_all_has_the_catalog_itself() -> None:
    """Nothing is masked, copied or looked up for a reach that has no end."""
    catalog = Catalog()
    assert within(catalog, EVERYTHING) is catalog
    assert not catalog.reached
    assert within(catalog, Reach.of(["a"])) is within(catalog, Reach.of(["a"]))
    views = Views(Path("nowhere"))
    assert reached(views, EVERYTHING) is views


def test_no_experiments_are_no_runs() -> None:
    """A reach of nothing is no reach of everything."""
    catalog = Catalog()
    put(catalog, {"r": state("a", {}, 0, archived=False)})
    assert within(catalog, Reach.of([])).totals.total == 0
