"""The order of rows, by one or more keys."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.errors import QueryError

from .column import Column, Numbers, Rows, Texts, column_of
from .evaluation import Evaluation, SearchRuns
from .grammar import Grammar
from .source import Source
from .syntax import Comparison, Field, Node, Not, Search, Series, walk
from .table import Table
from .values import Scalar, flags

__all__ = ["SortKey", "order", "sort_key"]


@dataclass(frozen=True, slots=True, eq=False)
class SortKey:
    """What rows are sorted by: anything that a query can compare.

    `zone` is what dates without a zone are in.
    """

    source: Source
    node: Node
    zone: tzinfo = UTC

    @property
    def text(self) -> str:
        """The key as it was written."""
        return self.source.text

    @property
    def ranked(self) -> str | None:
        """The text of a search that rows are sorted by, the best first; None if it is none."""
        return self.node.text if isinstance(self.node, Search) else None

    @property
    def searches(self) -> tuple[str, ...]:
        """The texts that the full-text search is to be asked."""
        return tuple(part.text for part in walk(self.node) if isinstance(part, Search))

    def column(self, table: Table, *, search: SearchRuns | None = None) -> Column:
        """Return the key's value in every row. Raises QueryError if that would cost too much.

        A metric named without a context counts with the first of its series that the row has; a
        condition counts as True and False, and holds if it does for any of them. Only a search
        counts as the place of the row's run among what it finds: 1 is the best.
        """
        evaluation = Evaluation(self.source, table, time.time(), self.zone, search)
        with np.errstate(all="ignore"):
            if isinstance(self.node, Search):
                return evaluation.places(self.node)
            if isinstance(self.node, Comparison | Not):
                return flags(evaluation.holds(self.node))
            value = evaluation.with_first_series(self.node).value(self.node)
        return column_of([value.cell] * table.rows) if isinstance(value, Scalar) else value


def sort_key(text: str, subject: str = "run", *, zone: tzinfo = UTC) -> SortKey:
    """Return a sort key such as `run.created_at`, `run.hparams.lr`, `run.metrics["loss"].last`.

    Raises QueryError if the text can't be understood, or is the same for all rows.
    """
    source = Source(text)
    hint = 'like run.created_at, run.hparams.lr or run.metrics["loss"].last'
    if source.tree is None:
        raise QueryError("there is nothing to sort by", at=(0, len(text)), hint=hint)
    node = Grammar(source, subject, zone).node(source.tree)
    if not any(isinstance(part, Field | Series | Search) for part in walk(node)):
        message = "rows are not sorted by what is the same for all of them"
        raise QueryError(message, at=source.at(source.tree), hint=hint)
    return SortKey(source, node, zone)


def order(
    table: Table,
    keys: Sequence[tuple[SortKey, bool]],
    rows: Rows | None = None,
    *,
    limit: int | None = None,
    search: SearchRuns | None = None,
) -> Rows:
    """Return row numbers in order of the keys, each with True for descending.

    Only `rows` are sorted, if they are given, and only the first `limit` returned. Rows that tie in
    all keys keep their order. Whichever the direction, NaN comes after all values, and missing
    last. Ascending, numbers come before texts, and texts before lists and dicts. `search` answers
    what `search("…")` in a key asks.
    """
    chosen = np.arange(table.rows, dtype=np.intp) if rows is None else rows
    ranks: list[NDArray[Any]] = []
    for key, descending in keys:
        ranks += _ranks(key.column(table, search=search).take(chosen), descending)
    if not ranks:
        return chosen[:limit]
    if limit is not None and 0 < limit < len(chosen):
        # Only rows that the first key puts within the limit need to be sorted, ties included.
        first = ranks[0]
        bound = np.partition(first, limit - 1)[limit - 1]
        if bound == bound:  # noqa: PLR0124  # NaN, which sorts last, is not itself
            kept = np.flatnonzero(first <= bound)
            chosen, ranks = chosen[kept], [rank[kept] for rank in ranks]
    return chosen[np.lexsort(ranks[::-1])][:limit]


def _ranks(column: Column, descending: bool) -> list[NDArray[Any]]:
    """Return arrays to sort by, the first one first: NaN and missing rank last as NaN."""
    values = _numbered(column)
    ranks: list[NDArray[Any]] = [-values if descending else values]
    odd = np.isnan(values)
    if odd.any():
        ranks.append(~column.present)
    return ranks


def _numbered(column: Column) -> NDArray[np.float64]:
    """Return a number for each cell, in the order of the cells, and NaN where there is none."""
    if isinstance(column, Numbers):
        return column.values
    if isinstance(column, Texts):
        return column.ranks()
    if column.parts is not None:
        numbers, texts = column.parts
        some = ~np.isnan(numbers.values)
        distinct, ranks = np.unique(numbers.values[some], return_inverse=True)
        found = len(distinct) + texts.ranks()
        found[some] = ranks
        return found
    keys = [_key(cell) for cell in column.cells()]
    place_of = {key: place for place, key in enumerate(sorted({key for key in keys if key}))}
    return np.array([place_of[key] if key else np.nan for key in keys], np.float64)


def _key(cell: Any) -> tuple[int, int | float, str, str] | None:
    """Return what a cell is sorted by among cells of other types; None for NaN and missing."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, int | float):
        return 0, cell, "", ""
    if isinstance(cell, str):
        return 1, 0, cell.casefold(), cell
    return 2, len(cell), str(cell), ""
