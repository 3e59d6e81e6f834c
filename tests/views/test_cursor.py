"""Pages of runs, while runs arrive, go and move."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.errors import QueryError
from foldline_views.asked import Sort
from foldline_views.catalog import Catalog
from foldline_views.pages import runs_page
from tests.views.catalogs import START, catalog_of, put, state_of

cells = st.one_of(
    st.none(),
    st.sampled_from([0, 1, 2.5, -1, True, math.nan, math.inf, -math.inf, 2**60 + 1]),
    st.sampled_from(["", "a", "B", "b", "x" * 300, "x" * 300 + "y"]),
    st.sampled_from([[1], ["a"]]),
)
tables = st.lists(st.tuples(cells, cells), min_size=1, max_size=12)
changes = st.lists(
    st.tuples(st.sampled_from(["add", "move", "hide"]), st.integers(0, 11), cells, cells),
    max_size=5,
)
keys = st.lists(st.tuples(st.sampled_from(["run.a", "run.b"]), st.booleans()), max_size=2)


def page_by_page(
    catalog: Catalog, sort: list[Sort], limit: int, steps: list[list[Any]]
) -> list[str]:
    """Return the ids that a reader sees who asks for pages while the catalog changes."""
    seen: list[str] = []
    cursor = None
    while True:
        page = runs_page(catalog, sort=sort, limit=limit, cursor=cursor)
        seen += [row.id for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            return seen
        for what, number, a, b in steps.pop() if steps else []:
            run = f"n{number}" if what == "add" else f"r{number % len(catalog.row_of)}"
            if run in catalog.row_of or what == "add":
                hidden = {"deleted": True} if what == "hide" else {}
                put(catalog, {run: state_of({"a": a, "b": b}, START + number, **hidden)})


@given(tables, keys, st.integers(1, 5))
@settings(deadline=None)
def test_pages_are_the_whole_answer(
    table: list[Any], by: list[tuple[str, bool]], limit: int
) -> None:
    """Pages together are what one answer would be, in its order, whatever the keys hold."""
    catalog = catalog_of([{"a": a, "b": b} for a, b in table])
    sort = [Sort(text, desc) for text, desc in by]
    whole = [row.id for row in runs_page(catalog, sort=sort).rows]
    assert page_by_page(catalog, sort, limit, []) == whole


@given(tables, keys, st.integers(1, 4), st.lists(changes, max_size=6))
@settings(deadline=None)
def test_what_stays_where_it_was_is_seen_once(
    table: list[Any], by: list[tuple[str, bool]], limit: int, steps: list[list[Any]]
) -> None:
    """Runs arrive, go, and are sorted anew between two pages; all others are on one page each."""
    # Texts longer than a cursor keeps may repeat, as it says.
    table = [(a if a is None or not isinstance(a, str) else a[:9], b) for a, b in table]
    table = [(a, b[:9] if isinstance(b, str) else b) for a, b in table]
    steps = [[s for s in one if "x" not in str(s[2:])] for one in steps]
    catalog = catalog_of([{"a": a, "b": b} for a, b in table])
    sort = [Sort(text, desc) for text, desc in by]
    whole = [row.id for row in runs_page(catalog, sort=sort).rows]
    touched = {
        f"r{step[1] % rows}"
        for one in steps
        for step in one
        for rows in range(1, 40)
        if step[0] != "add"
    }
    seen = page_by_page(catalog, sort, limit, [*steps])
    stayed = [run for run in whole if run not in touched]
    assert [run for run in seen if run in stayed] == stayed


def test_a_run_that_moves_does_not_take_the_page_with_it() -> None:
    """The last run of a page becomes the best: the next page still follows the old place."""
    catalog = catalog_of([{"loss": number} for number in range(6)])
    sort = [Sort("run.loss")]
    first = runs_page(catalog, sort=sort, limit=3)
    put(catalog, {"r2": state_of({"loss": -1}, START)})
    second = runs_page(catalog, sort=sort, limit=3, cursor=first.cursor)
    assert [row.id for row in second.rows] == ["r3", "r4", "r5"]


def test_a_page_goes_on_after_a_run_that_is_deleted() -> None:
    """The last run of a page goes, and as many arrive before it: nothing repeats or is hidden."""
    catalog = catalog_of([{"loss": number} for number in range(6)])
    sort = [Sort("run.loss")]
    first = runs_page(catalog, sort=sort, limit=3)
    put(catalog, {"r2": state_of({"loss": 2}, START, deleted=True)})
    put(catalog, {f"n{n}": state_of({"loss": -n}, START) for n in range(4)})
    second = runs_page(catalog, sort=sort, limit=3, cursor=first.cursor)
    assert [row.id for row in second.rows] == ["r3", "r4", "r5"]


def test_a_cursor_of_another_question_is_refused() -> None:
    """A cursor goes with its query, its order and its group; with others it means nothing."""
    catalog = catalog_of([{"loss": number} for number in range(6)])
    cursor = runs_page(catalog, limit=2).cursor
    for query, sort in (("run.loss > 0", []), ("", [Sort("run.loss")])):
        with pytest.raises(QueryError, match="another question"):
            runs_page(catalog, query, sort=sort, limit=2, cursor=cursor)


def test_deleted_runs_are_hidden_unless_asked_for() -> None:
    """A deleted run is in no answer, archived or not, but that of a query about deleted ones."""
    catalog = catalog_of([{"n": 0}, {"n": 1}, {"n": 2}])
    put(catalog, {"r1": state_of({"n": 1}, START, deleted=True)})
    put(catalog, {"r2": state_of({"n": 2}, START, deleted=True, archived=True)})

    def ids(query: str = "") -> set[str]:
        return {row.id for row in runs_page(catalog, query).rows}

    assert ids() == ids("run.n >= 0") == ids("run.archived or run.n == 0") == {"r0"}
    assert ids("run.deleted") == {"r1", "r2"}
    assert ids("run.deleted or run.n == 0") == {"r0", "r1", "r2"}
    assert catalog.detail(1).deleted_at == START
