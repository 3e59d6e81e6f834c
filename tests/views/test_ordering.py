"""Tests of the order of rows."""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.errors import QueryError
from foldline_views.query import order, sort_key
from tests.views.oracle import Row, RowTable

cells = st.one_of(
    st.none(),
    st.sampled_from([0, 1, 2.5, -1, True, math.nan, math.inf, -math.inf]),
    st.sampled_from(["", "a", "B", "b", "c"]),
)
rows = st.lists(st.tuples(cells, cells), max_size=12)


def place(cell: Any) -> tuple[int, Any]:
    """Return what one cell sorts by: values, then NaN, then missing."""
    if cell is None:
        return 2, 0
    if isinstance(cell, float) and math.isnan(cell):
        return 1, 0
    if isinstance(cell, str):
        return 0, (1, cell.casefold(), cell)
    return 0, (0, cell, "")


def before(left: tuple[int, Any], right: tuple[int, Any], descending: bool) -> int:
    if left[0] != right[0] or left[0]:
        return left[0] - right[0]
    sign = int(left[1] > right[1]) - int(left[1] < right[1])
    return -sign if descending else sign


@given(rows, st.booleans(), st.booleans(), st.integers(1, 13) | st.none())
def test_rows_are_sorted_by_several_keys(
    pairs: list[tuple[Any, Any]], first: bool, second: bool, limit: int | None
) -> None:
    """By the first key, ties by the second, then as they stood; NaN last, missing after it."""
    table = RowTable([Row({("params", "a"): a, ("params", "b"): b}) for a, b in pairs])
    keys = [(sort_key("run.a"), first), (sort_key("run.params.b"), second)]

    def compare(left: int, right: int) -> int:
        for column, descending in enumerate((first, second)):
            one, other = (place(pairs[row][column]) for row in (left, right))
            if sign := before(one, other, descending):
                return sign
        return 0

    want = sorted(range(len(pairs)), key=cmp_to_key(compare))
    assert order(table, keys, limit=limit).tolist() == want[:limit]
    chosen = np.arange(0, len(pairs), 2)
    assert order(table, keys, chosen).tolist() == [row for row in want if row % 2 == 0]


def test_a_metric_without_a_context_sorts_by_the_first_series_that_the_row_has() -> None:
    """Each row counts with one of its series: {} if it has that one."""
    table = RowTable(
        [
            Row({}, {("loss", '{"s": "a"}'): {"last": 3.0}}),
            Row({}, {("loss", '{"s": "b"}'): {"last": 1.0}}),
            Row({}, {("loss", '{"s": "a"}'): {"last": 2.0}, ("loss", '{"s": "b"}'): {"last": 0.0}}),
            Row({}),
        ]
    )
    assert order(table, [(sort_key('run.metrics["loss"].last'), False)]).tolist() == [1, 2, 0, 3]
    exact = sort_key('run.metrics["loss", {"s": "b"}].last')
    assert order(table, [(exact, True)]).tolist() == [1, 2, 0, 3]
    assert order(table, [(sort_key('run.metrics["acc"].last'), True)]).tolist() == [0, 1, 2, 3]


def test_names_sort_alike_after_new_ones_came() -> None:
    """What is remembered of the words' order does not outlive a change of the words."""
    table = RowTable([Row({("name",): f"n{number % 7}"}) for number in range(40)])
    key = [(sort_key("run.name"), False)]
    order(table, key)
    table.set(("name",), 5, "a")
    table.set(("name",), 6, "z")
    assert order(table, key)[0] == 5
    assert order(table, key)[-1] == 6


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("run.a * run.b", [1, 0, 2]),
        ("run.b > 4", [1, 0, 2]),
        ("not run.a", [0, 1, 2]),
        ('run.metrics["loss"].last - run.metrics["loss"].first', [1, 2, 0]),
        ("run.name.lower()", [2, 1, 0]),
        ("len(run.name) if run.a > 1 else -1", [0, 1, 2]),
    ],
)
def test_rows_are_sorted_by_whatever_can_be_asked(text: str, rows: list[int]) -> None:
    """An expression is as good a key as a field; a condition sorts false before true."""
    series = {("loss", '{"s": "a"}'): {"first": 2.0, "last": 1.0}}
    table = RowTable(
        [
            Row({("params", "a"): 1, ("params", "b"): 9, ("name",): "C"}),
            Row({("params", "a"): 2, ("params", "b"): 4, ("name",): "b"}, series),
            Row({("params", "a"): 3, ("params", "b"): 5, ("name",): "Aaa"},
                {("loss", "{}"): {"first": 1.0, "last": 1.5}}),
        ]
    )  # fmt: skip
    assert order(table, [(sort_key(text), False)]).tolist() == rows


@pytest.mark.parametrize("text", ["", "1", "len('abc')", "run", "metric.last", "datetime.now()"])
def test_what_is_no_key_is_refused(text: str) -> None:
    """Rows are sorted by what differs between them, and by nothing else."""
    with pytest.raises(QueryError):
        sort_key(text)
