"""Tables of runs, read back by other programs."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.errors import QueryError, ValueRejected
from foldline_views import export
from foldline_views.answers import plain
from foldline_views.asked import Best, ExportRequest, GroupSort, Sort
from foldline_views.catalog import Catalog
from foldline_views.export import Format, encoded, table_of
from tests.views.catalogs import catalog_of

cells = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.booleans(),
    st.text(max_size=6),
    st.sampled_from(["=1+1", 'a "b", c', "\r\n", " a ", "'"]),
    st.lists(st.text(max_size=2), max_size=2),
)
tables = st.lists(st.tuples(cells, cells), max_size=8)
ROWS = ExportRequest(columns=["run.a", "run.b"], sort=[Sort("run.created_at")])


def exported(catalog: Catalog, asked: ExportRequest, kind: Format, **how: bool) -> bytes:
    return b"".join(encoded(table_of(catalog, asked), kind, **how))


def catalog(table: list[tuple[Any, Any]]) -> Catalog:
    return catalog_of([{"a": a, "b": b} for a, b in table])


def texts(table: list[tuple[Any, Any]]) -> list[list[Any]]:
    """Return a table as the columns have it, halves of characters replaced."""
    return [[export._whole(cell) for cell in row] for row in table]


@given(tables)
@settings(deadline=None)
def test_csv_is_read_back_as_it_was(table: list[tuple[Any, Any]]) -> None:
    """Every cell comes back: numbers exactly, texts to the character, missing as nothing."""
    data = exported(catalog(table), ROWS, "csv").decode()
    assert data.endswith("\r\n")
    head, *rows = csv.reader(io.StringIO(data, newline=""), strict=True)
    assert head == ["run.a", "run.b"]
    assert len(rows) == len(table)
    for got, want in zip(rows, texts(table), strict=True):
        for text, cell in zip(got, want, strict=True):
            if cell is None:
                assert text == ""
            elif isinstance(cell, bool | list):
                assert json.loads(text) == cell
            elif isinstance(cell, float) and not math.isfinite(cell):
                assert text == plain(cell)
            else:
                assert text == (cell if isinstance(cell, str) else repr(cell))


@given(tables)
@settings(deadline=None)
def test_json_is_read_back_as_it_was(table: list[tuple[Any, Any]]) -> None:
    """Both kinds of JSON hold every cell, whatever is in it, and so many rows."""
    want = [{"run.a": plain(a), "run.b": plain(b)} for a, b in texts(table)]
    assert json.loads(exported(catalog(table), ROWS, "json")) == want
    lines = exported(catalog(table), ROWS, "jsonl").decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == want
    assert lines[-1] == ""


@given(tables)
@settings(deadline=None, max_examples=25)
def test_parquet_is_read_back_as_it_was(table: list[tuple[Any, Any]]) -> None:
    """Columns of one type keep it; a column that mixes types is of texts."""
    pyarrow = pytest.importorskip("pyarrow.parquet")
    made = pyarrow.read_table(io.BytesIO(exported(catalog(table), ROWS, "parquet")))
    assert made.column_names == ["run.a", "run.b"]
    for place, name in enumerate(made.column_names):
        held = [row[place] for row in texts(table)]
        got = made[name].to_pylist()
        assert [cell is None for cell in got] == [cell is None for cell in held]
        kinds = {type(cell) for cell in held if cell is not None}
        if kinds <= {str} or kinds in ({bool}, {list}):
            assert got == held
        elif kinds == {float}:
            assert list(map(repr, got)) == list(map(repr, held))


def test_a_spreadsheet_carries_nothing_out() -> None:
    """Asked for a spreadsheet, what it would take for a formula is a text; numbers stay numbers."""
    source = catalog([("=cmd()", -1), ("@x", -2.5), ("+1", None), ("fine", 3)])
    data = exported(source, ROWS, "csv", spreadsheet=True).decode().split("\r\n")
    assert data[1:5] == ["'=cmd(),-1", "'@x,-2.5", "'+1,", "fine,3"]
    assert exported(source, ROWS, "csv").decode().split("\r\n")[1] == "=cmd(),-1"


def test_latex_is_escaped() -> None:
    """No sign that means something to LaTeX is left in a text; numbers are for people."""
    source = catalog([("50% of a_b & {x} \\ ~^#$", 1.23456789e-7), (None, -math.inf)])
    text = exported(source, ROWS, "latex").decode()
    assert r"50\% of a\_b \& \{x\} \textbackslash{} \textasciitilde{}\textasciicircum{}\#\$" in text
    assert r"$1.23457\times10^{-7}$" in text
    assert r"-- & $-\infty$ \\" in text
    for word in (
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\end{tabular}",
    ):
        assert word in text


def test_all_columns_are_there_if_none_is_named() -> None:
    """Fields first, then every param that a matching run has, in order of first use."""
    source = catalog_of([{"x": 1}, {"y": {"z": 2}}, {"other": 3}])
    made = exported(source, ExportRequest("run.other is None"), "jsonl").decode().splitlines()
    first = json.loads(made[0])
    assert list(first)[-2:] == ["run.x", "run.y.z"]
    assert (first["run.id"], first["run.x"], first["run.y.z"]) == ("r1", None, 2)
    assert "run.other" not in first


def test_groups_are_exported_with_their_figures() -> None:
    """With groups, a row is a group: its key, its size, the figures of the columns, the best."""
    source = catalog_of([{"a": n % 2, "b": n} for n in range(6)])
    asked = ExportRequest(columns=["run.b"], group_by=["run.a"], best=Best("run.b", "maximize"))
    rows = [json.loads(line) for line in exported(source, asked, "jsonl").splitlines()]
    assert [(row["run.a"], row["runs"], row["mean(run.b)"]) for row in rows] == [
        (0, 3, 2.0),
        (1, 3, 3.0),
    ]
    assert [(row["best run"], row["best run.b"]) for row in rows] == [("r4", 4.0), ("r5", 5.0)]
    assert len(exported(source, asked, "csv").splitlines()) == 3
    asked.group_sort = [GroupSort("run.b", "max", desc=True)]
    sizes = [json.loads(line)["run.a"] for line in exported(source, asked, "jsonl").splitlines()]
    assert sizes == [1, 0]


def test_a_table_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gets a part of what was asked for without being told."""
    monkeypatch.setattr(export, "CELLS_MAX", 3)
    with pytest.raises(QueryError, match="2 columns of 2 runs"):
        table_of(catalog([(1, 2), (3, 4)]), ROWS)


def test_parquet_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The package is optional: without it an error comes before the first byte."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not there
    with pytest.raises(ValueRejected, match="pyarrow") as told:
        encoded(table_of(catalog([(1, 2)]), ROWS), "parquet")
    assert "foldline[parquet]" in told.value.hint
