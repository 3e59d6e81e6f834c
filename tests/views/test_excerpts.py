"""Rows as a table shows them."""

from __future__ import annotations

import math
from pathlib import Path

import anyio
import msgspec
import pytest

import foldline
from foldline.errors import QueryError
from foldline.layout import Layout
from foldline_views.answers import RunRow, SeriesPage
from foldline_views.excerpts import CELL_CHARS_MAX
from foldline_views.folding import catch_up
from foldline_views.pages import runs_page
from foldline_views.reader import Views
from tests.views.catalogs import catalog_of


def test_rows_have_the_cells_that_were_asked_for() -> None:
    """A cell is what the column's word amounts to, whatever word that is; nothing else is told."""
    catalog = catalog_of([{"lr": 0.5, "net": {"depth": 3}}, {"lr": math.nan}])
    words = ["run.name", "run.lr", "run.net.depth", "run.lr * 2", "run.lr > 0.1"]
    page = runs_page(catalog, columns=words)
    assert [row.cells for row in page.rows] == [
        ["run 1", "NaN", None, "NaN", False],
        ["run 0", 0.5, 3, 1.0, True],
    ]
    assert all(row.params == {} and row.metrics == [] for row in page.rows)
    assert page.columns.params == []


def test_runs_of_series_have_cells_too(tmp_path: Path) -> None:
    """A page of series tells, of each of its runs, what is no param and may group its curves."""
    for name, rate in (("one", 0.5), ("two", 0.1)):
        with foldline.Run(id=name, store=tmp_path, params={"lr": rate}, capture=False) as run:
            for metric in ("loss", "accuracy"):
                run.track(1.0, name=metric, step=0)
    words = ["run.lr * 2", "run.group"]

    async def asked() -> tuple[SeriesPage, SeriesPage]:
        layout = Layout(tmp_path)
        await catch_up(layout)
        views = await Views.open(layout.views)
        try:
            with pytest.raises(QueryError):
                await views.series(columns=["metric.name"])
            return await views.series("run.lr > 0.2", columns=words), await views.series()
        finally:
            await views.close()

    some, plain = anyio.run(asked)
    assert len(some.series) == 2
    assert some.cells == {"one": [1.0, None]}
    assert plain.cells == {}


def test_a_page_behind_a_cursor_has_the_same_cells() -> None:
    """Cells follow the order of the rows, on every page."""
    catalog = catalog_of([{"n": number} for number in range(7)])
    found, cursor = [], None
    while True:
        page = runs_page(catalog, limit=3, cursor=cursor, columns=["run.n"])
        found += [row.cells for row in page.rows]
        if (cursor := page.cursor) is None:
            break
    assert found == [[number] for number in range(6, -1, -1)]


def test_a_jump_leaves_out_what_lies_before() -> None:
    """A page far down is had at once, and its cursor goes on from there."""
    catalog = catalog_of([{"n": number} for number in range(9)])
    far = runs_page(catalog, limit=3, offset=4, columns=["run.n"])
    assert [row.cells for row in far.rows] == [[4], [3], [2]]
    rest = runs_page(catalog, limit=3, cursor=far.cursor, offset=4, columns=["run.n"])
    assert [row.cells for row in rest.rows] == [[1], [0]]
    assert runs_page(catalog, limit=3, offset=50).rows == []


def test_long_cells_are_cut_and_say_so() -> None:
    """A param of a megabyte does not travel for a cell of a few dozen letters."""
    text = "x" * 1_000_000
    catalog = catalog_of([{"text": text, "list": [text], "short": ["a", 1.5]}])
    (row,) = runs_page(catalog, columns=["run.text", "run.list", "run.short"]).rows
    assert isinstance(row.cells, list)
    cut, listed, short = row.cells
    assert cut == "x" * CELL_CHARS_MAX + "…"
    assert listed == '["' + "x" * (CELL_CHARS_MAX - 2) + "…"
    assert short == ["a", 1.5]
    assert len(msgspec.json.encode(row)) < 3000


def test_whole_rows_have_no_cells() -> None:
    """Who names no columns gets rows as they are, params and all."""
    (row,) = runs_page(catalog_of([{"lr": 1}])).rows
    assert "cells" not in msgspec.to_builtins(row)
    assert row.params == {"lr": 1}


def test_a_column_that_cannot_be_is_an_error() -> None:
    """What a query would refuse, a column is refused for."""
    with pytest.raises(QueryError):
        runs_page(catalog_of([{"lr": 1}]), columns=["1 +"])


def test_a_row_with_cells_travels() -> None:
    """A row is read back as it was sent, cells or none."""
    catalog = catalog_of([{"lr": 1}])
    for asked in (None, ["run.lr"]):
        (row,) = runs_page(catalog, columns=asked).rows
        assert msgspec.json.decode(msgspec.json.encode(row), type=RunRow) == row
