"""Groups of runs and their columns, against plain Python."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.errors import QueryError
from foldline_views.answers import ColumnFigures, ColumnFound, GroupRow, plain
from foldline_views.asked import Best, GroupOf, GroupSort
from foldline_views.catalog import Catalog
from foldline_views.discovery import candidates, examined
from foldline_views.factors import digest, same
from foldline_views.grouping import groups_page
from foldline_views.pages import runs_page
from foldline_views.query import parse
from foldline_views.selection import Selection
from tests.views.catalogs import catalog_of

cells = st.one_of(
    st.none(),
    st.sampled_from([0, 1, 1.0, 2.5, -1, True, False, math.nan, math.inf, -math.inf]),
    st.sampled_from(["", "a", "B", "b"]),
    st.sampled_from([[1, "a"], ["a"], []]),
)
numbers = st.none() | st.floats(-1e6, 1e6) | st.integers(-5, 5) | st.sampled_from(["x", math.nan])
tables = st.lists(st.tuples(cells, cells, numbers), max_size=14)
A, B, C = "run.a", "run.b", "run.c"


def rows_of(pairs: list[tuple[Any, Any, Any]]) -> Catalog:
    return catalog_of([{"a": a, "b": b, "c": c} for a, b, c in pairs])


def everything(catalog: Catalog, **asked: Any) -> list[GroupRow]:
    """Return all groups, a page at a time."""
    found: list[GroupRow] = []
    cursor = None
    while True:
        page = groups_page(catalog, "", [A, B], limit=3, cursor=cursor, **asked)
        found += page.groups
        cursor = page.cursor
        if cursor is None:
            assert page.total == len(found)
            return found


def figures_of(cells: list[Any]) -> ColumnFigures:
    held = [cell for cell in cells if cell is not None]
    real = [float(c) for c in held if isinstance(c, int | float) and math.isfinite(c)]
    alone = len({same(cell) for cell in cells}) == 1 and held
    return ColumnFigures(
        count=len(real),
        missing=len(cells) - len(held),
        distinct=len({same(cell) for cell in held}),
        mean=statistics.fmean(real) if real else None,
        std=statistics.stdev(real) if len(real) > 1 else None,
        min=min(real, default=None),
        max=max(real, default=None),
        median=statistics.median(real) if real else None,
        value=plain(held[0]) if alone else None,
    )


def close(one: ColumnFigures, other: ColumnFigures) -> bool:
    for name in ColumnFigures.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if isinstance(left, float) and isinstance(right, float):
            if not math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-6):
                return False
        elif left != right:
            return False
    return True


@given(tables)
@settings(deadline=None)
def test_groups_are_what_plain_python_makes_of_all_members(table: list[Any]) -> None:
    """Each run is in one group, whatever its values are; missing and NaN are two of them."""
    catalog = rows_of(table)
    want: dict[Any, list[int]] = defaultdict(list)
    for number, (a, b, _) in enumerate(table):
        want[same(a), same(b)].append(number)
    got = everything(catalog, columns=[C], best=Best(C, "maximize"))
    assert [group.id for group in got] == [digest(table[want[key][0]][:2]) for key in sorted(want)]
    for group, key in zip(got, sorted(want), strict=True):
        rows = want[key]
        assert group.runs == len(rows)
        assert group.key == [plain(cell) for cell in table[rows[0]][:2]]
        column = [table[row][2] for row in rows]
        assert close(group.figures[0], figures_of(column))
        real = [
            (-cell, row)
            for cell, row in zip(column, rows, strict=True)
            if isinstance(cell, int | float) and math.isfinite(cell)
        ]
        best = min(real, default=None)
        assert (group.best and (-group.best.value, group.best.run)) == (
            best and (best[0], f"r{best[1]}")
        )
        page = runs_page(catalog, group=GroupOf([A, B], group.id))
        assert {row.id for row in page.rows} == {f"r{row}" for row in rows}


@given(tables, st.sampled_from(["runs", "key", C]), st.booleans())
@settings(deadline=None)
def test_groups_are_sorted_by_a_figure(table: list[Any], by: str, desc: bool) -> None:
    """Groups come by their figure, those that have none last, over all pages."""
    sort = [GroupSort(by, desc=desc)]
    got = everything(rows_of(table), columns=[C], sort=sort)
    if by == "key":
        forward = everything(rows_of(table))
        assert [g.id for g in got] == [g.id for g in (forward[::-1] if desc else forward)]
        return
    seen = [g.runs if by == "runs" else g.figures[0].mean for g in got]
    there = [value for value in seen if value is not None]
    assert there == sorted(there, reverse=desc)
    assert seen[: len(there)] == there


def test_a_group_has_its_rows_a_page_at_a_time() -> None:
    """A group's members are sorted and paged like any answer, within the query."""
    catalog = catalog_of([{"a": number % 2, "b": number} for number in range(10)])
    odd = groups_page(catalog, "run.b > 2", ["run.a"]).groups[1]
    assert odd.runs == 4
    group = GroupOf(["run.a"], odd.id)
    first = runs_page(catalog, "run.b > 2", group=group, limit=3)
    rest = runs_page(catalog, "run.b > 2", group=group, limit=3, cursor=first.cursor)
    assert [row.params["b"] for row in (*first.rows, *rest.rows)] == [9, 7, 5, 3]
    assert (first.total, rest.cursor) == (4, None)
    gone = runs_page(catalog, group=GroupOf(["run.a"], "nothing"))
    assert (gone.rows, gone.total) == ([], 0)


def test_groups_of_nothing_are_none() -> None:
    """A query that nothing matches has no groups, and that is no error."""
    page = groups_page(catalog_of([{"a": 1}]), "run.a > 5", ["run.a"], columns=["run.a"])
    assert (page.groups, page.total, page.runs, page.cursor) == ([], 0, 0, None)
    assert groups_page(Catalog(), "", ["run.a"], best=Best("run.a")).groups == []


def test_nothing_to_group_by_is_told() -> None:
    """A question without a key, or with one that is none, is an error that says so."""
    with pytest.raises(QueryError, match="group by"):
        groups_page(Catalog(), "", [])
    with pytest.raises(QueryError):
        groups_page(Catalog(), "", ["run.a >"])


# --- columns --------------------------------------------------------------------------------------


def columns_of(catalog: Catalog, query: str = "", **asked: Any) -> dict[str, ColumnFound]:
    selection = Selection.of(catalog, query)
    found = examined(selection, candidates(selection, sources=["param"]), **asked)
    return {one.column: one for one in found if one is not None}


@given(tables)
@settings(deadline=None)
def test_columns_are_what_the_runs_have(table: list[Any]) -> None:
    """Ranges and counts are over all matching runs; a column that none has is not there."""
    got = columns_of(rows_of(table))
    for place, word in enumerate((A, B, C)):
        held = [row[place] for row in table if row[place] is not None]
        assert (word in got) == bool(held)
        if not held:
            continue
        found = got[word]
        assert (found.runs, found.missing) == (len(held), len(table) - len(held))
        assert found.distinct == len({same(cell) for cell in held})
        real = [c for c in held if isinstance(c, int | float) and c == c]  # noqa: PLR0124  # NaN
        assert found.min == plain(float(min(real))) if real else found.min is None
        assert found.max == plain(float(max(real))) if real else found.max is None
        if found.kind != "list":
            counts: dict[Any, int] = defaultdict(int)
            for cell in held:
                counts[digest([cell])] += 1
            assert sum(value.runs for value in found.values) == len(held)
            assert sorted(v.runs for v in found.values) == sorted(counts.values())
    differing = columns_of(rows_of(table), differing=True)
    assert set(differing) == {
        word
        for place, word in enumerate((A, B, C))
        if word in got and len({same(row[place]) for row in table}) > 1
    }


def test_values_come_the_most_frequent_first() -> None:
    """Of many values the first are told, of lists their items."""
    rows = [{"n": n % 3 % 2, "t": "ab"[n % 2], "l": ["x", f"y{n}"]} for n in range(9)]
    got = columns_of(catalog_of(rows), top=2)
    assert [(v.value, v.runs) for v in got["run.n"].values] == [(0, 6), (1, 3)]
    assert [(v.value, v.runs) for v in got["run.t"].values] == [("a", 5), ("b", 4)]
    assert [(v.value, v.runs) for v in got["run.l"].values] == [("x", 9), ("y0", 1)]
    assert [got[word].kind for word in ("run.n", "run.t", "run.l")] == ["number", "text", "list"]


@pytest.mark.parametrize(
    ("tree", "word"),
    [
        ({"lr": 1}, "run.lr"),
        ({"name": 1}, "run.params.name"),
        ({"a-b": 1}, 'run.params["a-b"]'),
        ({"for": {"x y": 1}}, 'run.params["for"]["x y"]'),
        ({"user": 1}, "run.params.user"),
        ({"h": {"0": 1}}, 'run.h["0"]'),
        ({'q"': 1}, 'run.params["q\\""]'),
        ({"é": 1}, 'run.params["é"]'),
    ],
)
def test_a_column_is_written_as_a_query_reads_it(tree: dict[str, Any], word: str) -> None:
    """What discovery calls a column can be typed into a query, and means that column."""
    catalog = catalog_of([tree])
    assert list(columns_of(catalog)) == [word]
    assert runs_page(catalog, f"{word} == 1").total == 1
    assert not parse(f"{word} == 1").warnings
