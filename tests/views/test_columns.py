"""Tests of the growable table of typed columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline_views.column import Numbers, Objects, Texts, column_of
from foldline_views.columns import Columns

PATHS = [("lr",), ("opt",), ("net", "depth"), ("net", "name"), ("net", "block", "width")]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
)


def same(left: Any, right: Any) -> bool:
    """Whether two cells are the same value of the same type; NaN is the same as NaN."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return type(left) is type(right) and bool(left == right)


@given(st.lists(st.tuples(st.sampled_from(PATHS), st.integers(0, 90), scalars), max_size=120))
def test_every_cell_comes_back_as_it_was_set(
    writes: list[tuple[tuple[str, ...], int, Any]],
) -> None:
    """Whatever is set, patched and cleared in whatever order, the last value of a cell counts."""
    table, model = Columns(), dict[tuple[tuple[str, ...], int], Any]()
    for path, row, value in writes:
        table.set(path, row, value)
        model[path, row] = value
    assert table.rows == max((row for _, row, value in writes), default=-1) + 1
    for path in PATHS:
        want = [model.get((path, row)) for row in range(table.rows)]
        column = table.column(path)
        got = [None] * table.rows if column is None else column.cells()
        assert all(map(same, got, want))
        if column is not None:
            assert [value is not None for value in want] == column.present.tolist()
            assert all(same(column.cell(row), want[row]) for row in range(table.rows))
            flipped = np.arange(table.rows)[::-1]
            assert all(map(same, column.take(flipped).cells(), want[::-1]))
    for summary in table.paths():
        held = [model.get((summary.path, row)) for row in range(table.rows)]
        assert summary.rows == sum(value is not None for value in held)


kinds = st.sampled_from(
    [st.floats(), st.integers(-5, 5), st.booleans(), st.text(max_size=2), scalars,
     st.floats() | st.integers(-5, 5) | st.booleans(), st.floats() | st.text(max_size=1),
     st.lists(st.integers(0, 1), max_size=2)]
)  # fmt: skip


@given(st.lists(kinds.flatmap(lambda kind: st.lists(kind, max_size=40)), max_size=3))
def test_cells_that_are_put_together_are_those_that_are_set(commits: list[list[Any]]) -> None:
    """Many new rows at a time make the columns that one row after another makes."""
    together, single = Columns(), Columns()
    row = 0
    for commit in commits:
        together.add_rows(len(commit))
        single.add_rows(len(commit))
        there = [place for place, cell in enumerate(commit) if cell is not None]
        if there:
            rows = np.array(there, np.intp) + row
            together.put(("x",), rows, [commit[place] for place in there])
        for place, cell in enumerate(commit):
            single.set(("x",), row + place, cell)
        row += len(commit)
    one, other = together.column(("x",)), single.column(("x",))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert all(map(same, one.cells(), other.cells()))
        assert one.kind == other.kind
        assert one.present.tolist() == other.present.tolist()


@given(st.lists(scalars, max_size=40))
def test_a_column_of_cells_holds_them_exactly(cells: list[Any]) -> None:
    """The narrowest column still gives back each cell with its type."""
    assert all(map(same, column_of(cells).cells(), cells))
    table = Columns()
    table.load(("x",), cells)
    column = table.column(("x",))
    assert table.rows == len(cells)
    assert column is None or all(map(same, column.cells(), cells))


def test_many_numbers_live_in_an_array() -> None:
    """A path of numbers that many rows have is float64, with NaN apart from missing."""
    table = Columns()
    for row in range(100):
        table.set(("lr",), row, math.nan if row == 7 else row / 10)
    table.set(("lr",), 8, None)
    column = table.column(("lr",))
    assert isinstance(column, Numbers) and column.kind == "number"
    assert np.isnan(column.values[[7, 8]]).all()
    assert column.present[7] and not column.present[8]
    assert table.cell(("lr",), 8) is None


def test_kinds_are_told_apart() -> None:
    """The discovery list says number, bool, text or mixed, and how many rows have the path."""
    table = Columns()
    for row in range(40):
        table.set(("lr",), row, 0.1)
        table.set(("amp",), row, row % 2 == 0)
        table.set(("opt",), row, "adam")
        table.set(("layers",), row, [1, 2] if row < 5 else None)
        table.set(("odd",), row, "none" if row == 39 else 3)
    kinds = {summary.path: (summary.kind, summary.rows) for summary in table.paths()}
    assert kinds == {
        ("lr",): ("number", 40),
        ("amp",): ("bool", 40),
        ("opt",): ("text", 40),
        ("layers",): ("mixed", 5),
        ("odd",): ("mixed", 40),
    }
    table.set(("odd",), 39, 4)
    assert isinstance(table.column(("odd",)), Numbers)


def test_seeds_that_a_float_would_round_stay_different() -> None:
    """Two ints that look equal as float64 are kept as ints."""
    table = Columns()
    table.set(("seed",), 0, 2**53)
    table.set(("seed",), 1, 2**53 + 1)
    column = table.column(("seed",))
    assert isinstance(column, Objects)
    assert column.cells() == [2**53, 2**53 + 1]
    table.fill(("big",), np.array([0, 1]), np.array([2**60 + 1, 5]))
    assert table.cell(("big",), 0) == 2**60 + 1


def test_replacing_a_rows_params_forgets_the_paths_it_no_longer_has() -> None:
    """After a replacement the row has the new paths only; other rows and prefixes keep theirs."""
    table = Columns()
    for row in range(2):
        table.replace(row, {("params", "lr"): 0.1, ("params", "net", "depth"): 3, ("name",): "a"})
    table.replace(0, {("params", "lr"): 0.2}, under=("params",))
    assert table.cell(("params", "net", "depth"), 0) is None
    assert table.cell(("params", "net", "depth"), 1) == 3
    assert table.cell(("name",), 0) == "a"
    table.clear_row(1)
    assert table.column(("params", "net", "depth")) is None
    assert [summary.path for summary in table.paths()] == [("params", "lr"), ("name",)]


def test_a_path_above_others_reads_as_a_dict() -> None:
    """`hparams` is a tree of what each row has under it, and missing where it has nothing."""
    table = Columns()
    table.set(("hparams", "lr"), 0, 0.1)
    table.set(("hparams", "net", "depth"), 0, 3)
    table.set(("hparams", "lr"), 2, 0.3)
    tree = table.column(("hparams",))
    assert tree is not None
    assert tree.cells() == [{"lr": 0.1, "net": {"depth": 3}}, None, {"lr": 0.3}]
    table.set(("hparams", "lr"), 2, None)
    tree = table.column(("hparams",))
    assert tree is not None and tree.cells()[2] is None


def test_a_tree_never_changes_what_is_stored() -> None:
    """Reading a tree where a dict was stored as a value leaves that dict alone."""
    table, stored = Columns(), {"a": 1}
    table.set(("net",), 0, stored)
    table.set(("net", "b"), 0, 2)
    tree = table.column(("net",))
    assert tree is not None and tree.cells() == [{"a": 1, "b": 2}]
    assert stored == {"a": 1}


def test_bulk_numbers_equal_single_ones() -> None:
    """`fill` keeps ints, bools and floats apart, and reaches rows past the end."""
    table = Columns()
    table.set(("x",), 0, 1.5)
    table.fill(("x",), np.array([3, 1]), np.array([3.0, math.nan]))
    table.fill(("n",), np.array([1]), np.array([7]))
    table.fill(("on",), np.array([0]), np.array([True]))
    assert table.rows == 4
    column = table.column(("x",))
    assert column is not None
    assert all(map(same, column.cells(), [1.5, math.nan, None, 3.0]))
    assert same(table.cell(("n",), 1), 7)
    assert same(table.cell(("on",), 0), True)
    with pytest.raises(TypeError, match="numbers"):
        table.fill(("x",), np.array([0]), np.array(["a"]))


def test_words_that_no_cell_uses_are_forgotten() -> None:
    """A cell patched over and over does not make the dictionary grow for ever."""
    table = Columns()
    for row in range(20):
        table.set(("note",), row, f"first {row}")
    before = table.column(("note",))
    for turn in range(1000):
        table.set(("note",), 3, f"turn {turn}")
    column = table.column(("note",))
    assert isinstance(column, Texts) and isinstance(before, Texts)
    assert len(column.words) < 400
    assert column.cells() == [f"first {row}" if row != 3 else "turn 999" for row in range(20)]


def test_rare_paths_cost_no_array() -> None:
    """A path that one row of many has is answered right, and takes no array of its own."""
    table = Columns()
    table.add_rows(10_000)
    for row in range(2000):
        table.set((f"only-{row}",), row, row)
    column = table.column(("only-1999",))
    assert isinstance(column, Numbers)
    assert np.flatnonzero(column.present).tolist() == [1999]
