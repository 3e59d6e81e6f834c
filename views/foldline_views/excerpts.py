"""Runs as a table shows them.

A row of a table needs a few cells and small curves of a run that may have ten thousand params, one
of them a megabyte. Cells are worked out by the words that also sort and group by them, so that what
is shown is what was sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from . import heads
from .answers import RunRow, plain
from .asked import MetricOf
from .catalog import Catalog, RunTable
from .column import Rows
from .query import SearchRuns, sort_key

__all__ = ["CELL_CHARS_MAX", "cells_of", "excerpts"]

CELL_CHARS_MAX = 500  # characters of a cell: the widest one shows a third of them


def excerpts(
    catalog: Catalog,
    table: RunTable,
    rows: Rows,
    columns: Sequence[str],
    metrics: Sequence[MetricOf] = (),
    searched: SearchRuns | None = None,
) -> list[RunRow]:
    """Return runs with a cell for each of the columns, and the figures of these metrics alone.

    Params, results, git and other words are left out. A text, list or dict of more than
    CELL_CHARS_MAX characters is cut, and ends with "…". Raises QueryError.
    """
    cells = cells_of(table, rows, columns, searched)
    wanted = {(one.name, _key(one.context)) for one in metrics}
    return [
        _excerpt(catalog, row, own, wanted) for row, own in zip(rows.tolist(), cells, strict=True)
    ]


def cells_of(
    table: RunTable,
    rows: Rows,
    columns: Sequence[str],
    searched: SearchRuns | None = None,
) -> list[list[Any]]:
    """Return of each row a cell for each of the columns, cut as `excerpts` says."""
    cells = [sort_key(word).column(table, search=searched).take(rows) for word in columns]
    return [[_cell(column.cell(place)) for column in cells] for place in range(len(rows))]


def _excerpt(catalog: Catalog, row: int, cells: list[Any], wanted: set[tuple[str, str]]) -> RunRow:
    head, state = catalog.heads[row], catalog.states[row]
    figures = []
    for series in catalog.series_of(row) if wanted else ():
        name, context = catalog.series.key(series)
        if (name, _key(context)) in wanted:
            figures.append(catalog.summary(series))
    short = msgspec.structs.replace(head, params={}, description=_short(head.description))
    whole = heads.row(short, state, [one for one in figures if one.count])
    return msgspec.structs.replace(whole, summary={}, fields={}, git=None, cells=cells)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, list | dict):
        told = plain(value)
        text = msgspec.json.encode(told).decode()
        return told if len(text) <= CELL_CHARS_MAX else _short(text)
    return plain(value)


def _short(text: str) -> str:
    return text if len(text) <= CELL_CHARS_MAX else f"{text[:CELL_CHARS_MAX]}…"


def _key(context: dict[str, Any]) -> str:
    return msgspec.json.encode(context, order="deterministic").decode()
