"""Groups of runs, with figures over all their members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldline.errors import QueryError

from .answers import BestRun, ColumnFigures, GroupRow, GroupsPage, plain
from .asked import Best, GroupSort
from .catalog import Catalog
from .column import Column, Numbers, Rows, column_of
from .cursor import Cursor, after, belonging, places, read_cursor, write_cursor
from .factors import Factor, combined, digest, factor
from .query import sort_key
from .searches import Searched
from .selection import Selection

__all__ = ["groups_page", "members"]

Floats = NDArray[np.float64]


class _Grouped(NamedTuple):
    """Rows in groups."""

    rows: Rows
    whole: Factor  # of the rows, by all keys
    keys: list[Column]  # each over the rows

    def key(self, group: int) -> list[Any]:
        """Return the cells that the members of a group share."""
        row = int(self.whole.first[group])
        return [column.cell(row) for column in self.keys]


class _Figures(NamedTuple):
    """The figures of one column, an array over all groups each; NaN where there is none."""

    finite: NDArray[np.int64]  # how many finite numbers
    missing: NDArray[np.int64]
    mean: Floats
    std: Floats
    min: Floats
    max: Floats
    median: Floats
    distinct: NDArray[np.int64]
    only: Rows  # the row of a group's only value, or -1


def groups_page(
    catalog: Catalog,
    query: str,
    by: Sequence[str],
    *,
    columns: Sequence[str] = (),
    best: Best | None = None,
    sort: Sequence[GroupSort] = (),
    limit: int | None = 100,
    cursor: str | None = None,
    searched: Searched | None = None,
) -> GroupsPage:
    """Return the runs that match as groups, each with figures over all its members.

    Runs are of one group if they have the same values by each of `by`; having none is a value.
    Raises QueryError.
    """
    selection = Selection.of(catalog, query, searched)
    grouped = _grouped(selection, by)
    keys = {text: sort_key(text) for text in (*columns, *(s.by for s in sort if s.is_column))}
    if best is not None:
        keys[best.by] = sort_key(best.by)
    taken = {
        text: key.column(selection.table, search=searched).take(grouped.rows)
        for text, key in keys.items()
    }
    figured = {text: _figures(taken[text], grouped.whole) for text in taken}
    winners = None if best is None else _best(taken[best.by], grouped.whole, best.goal)
    ordering = [_sorted_by(key, grouped, figured) for key in sort]
    down = [key.desc for key in sort]
    order = _order(ordering, down, grouped.whole.size)
    question = belonging(query, tuple(by), [(s.by, s.figure, s.desc) for s in sort])
    start = 0
    if cursor is not None:
        last = read_cursor(cursor, question)
        ids = {digest(grouped.key(group)): group for group in order.tolist()}
        start = after(last, order, ordering, down, ids.get(last.id))
    end = len(order) if limit is None else min(start + limit, len(order))
    page = order[start:end].tolist()
    counts = np.bincount(grouped.whole.codes, minlength=grouped.whole.size)
    rows = []
    for group in page:
        cells = grouped.key(group)
        figures = [_answer(figured[text], taken[text], group) for text in columns]
        row = GroupRow([plain(cell) for cell in cells], digest(cells), int(counts[group]), figures)
        if winners is not None and winners[group] >= 0:
            place = int(winners[group])
            value = float(_numbers(taken[best.by if best else ""])[0][place])
            row.best = BestRun(catalog.ids[int(grouped.rows[place])], value)
        rows.append(row)
    more = page and end < len(order)
    return GroupsPage(
        groups=rows,
        by=list(by),
        columns=list(columns),
        total=len(order),
        runs=len(grouped.rows),
        cursor=write_cursor(Cursor(question, rows[-1].id, places(ordering, page[-1])))
        if more
        else None,
        watermark=catalog.watermark,
        warnings=selection.warnings,
    )


def members(selection: Selection, by: Sequence[str], group: str) -> Rows:
    """Return the rows of one group, by the id that `groups_page` gave it. Raises QueryError."""
    grouped = _grouped(selection, by)
    found = (at for at in range(grouped.whole.size) if digest(grouped.key(at)) == group)
    chosen: Rows = grouped.rows[grouped.whole.codes == next(found, -1)]
    return chosen


def _grouped(selection: Selection, by: Sequence[str]) -> _Grouped:
    if not by:
        raise QueryError(
            "there is nothing to group by", at=(0, 0), hint="like run.experiment or run.hparams.lr"
        )
    table, rows = selection.table, selection.rows
    keys = map(sort_key, by)
    columns = [key.column(table, search=selection.searched).take(rows) for key in keys]
    return _Grouped(rows, combined([factor(column) for column in columns], len(rows)), columns)


def _figures(column: Column, whole: Factor) -> _Figures:
    values, present = _numbers(column)
    groups = whole.size
    counted = np.isfinite(values)
    codes, numbers = whole.codes[counted], values[counted]
    count = np.bincount(codes, minlength=groups)
    missing = np.bincount(whole.codes[~present], minlength=groups)
    with np.errstate(all="ignore"):
        mean = np.bincount(codes, numbers, groups) / count
        off = numbers - mean[codes]
        std = np.sqrt(np.bincount(codes, off * off, groups) / (count - 1))
    std[count < 2] = np.nan
    low, high, middle = np.full((3, groups), np.nan)
    order = np.lexsort((numbers, codes))
    numbers = numbers[order]
    some = np.flatnonzero(count)
    start = np.cumsum(count)[some] - count[some]
    low[some] = numbers[start]
    high[some] = numbers[start + count[some] - 1]
    lower, upper = numbers[start + (count[some] - 1) // 2], numbers[start + count[some] // 2]
    middle[some] = lower + (upper - lower) / 2
    distinct, only = _distinct(column, present, whole)
    return _Figures(count, missing, mean, std, low, high, middle, distinct, only)


def _distinct(
    column: Column, present: NDArray[np.bool_], whole: Factor
) -> tuple[NDArray[np.int64], Rows]:
    """Return how many values each group has, and where one is that all of its members have."""
    kinds = factor(column)
    pairs, first = np.unique(
        whole.codes[present] * max(kinds.size, 1) + kinds.codes[present], return_index=True
    )
    of_group = pairs // max(kinds.size, 1)
    distinct = np.bincount(of_group, minlength=whole.size)
    only = np.full(whole.size, -1, np.intp)
    only[of_group] = np.flatnonzero(present)[first]
    only[distinct != 1] = -1
    only[np.bincount(whole.codes[~present], minlength=whole.size) > 0] = -1
    return distinct, only


def _numbers(column: Column) -> tuple[Floats, NDArray[np.bool_]]:
    """Return a column as numbers, NaN for what is none, and where it has a cell at all."""
    if isinstance(column, Numbers):
        return column.values, column.present
    cells = column.cells()
    values = [float(c) if isinstance(c, int | float) else np.nan for c in cells]
    return np.array(values, np.float64), column.present


def _best(column: Column, whole: Factor, goal: str) -> Rows:
    """Return the row of the best value of each group, or -1; of equals the first counts."""
    values, _ = _numbers(column)
    there = np.flatnonzero(np.isfinite(values))
    ranked = values[there] if goal == "minimize" else -values[there]
    order = there[np.lexsort((there, ranked, whole.codes[there]))]
    groups, first = np.unique(whole.codes[order], return_index=True)
    winners = np.full(whole.size, -1, np.intp)
    winners[groups] = order[first]
    return winners


def _sorted_by(sort: GroupSort, grouped: _Grouped, figured: dict[str, _Figures]) -> Column:
    if sort.by == "key":
        return column_of(range(grouped.whole.size))
    if sort.by == "runs":
        return column_of(np.bincount(grouped.whole.codes, minlength=grouped.whole.size).tolist())
    name = "finite" if sort.figure == "count" else sort.figure
    found = getattr(figured[sort.by], name).tolist()
    return column_of([None if cell != cell else cell for cell in found])  # noqa: PLR0124  # NaN


def _order(columns: Sequence[Column], down: Sequence[bool], groups: int) -> Rows:
    ranks: list[NDArray[Any]] = []
    for column, descending in zip(columns, down, strict=True):
        values = _numbers(column)[0]
        ranks.append(-values if descending else values)
    return np.lexsort(ranks[::-1]) if ranks else np.arange(groups, dtype=np.intp)


def _answer(figures: _Figures, column: Column, group: int) -> ColumnFigures:
    def told(values: Floats) -> float | None:
        value = float(values[group])
        return None if value != value else value  # noqa: PLR0124  # NaN is not itself

    only = int(figures.only[group])
    return ColumnFigures(
        count=int(figures.finite[group]),
        missing=int(figures.missing[group]),
        distinct=int(figures.distinct[group]),
        mean=told(figures.mean),
        std=told(figures.std),
        min=told(figures.min),
        max=told(figures.max),
        median=told(figures.median),
        value=plain(column.cell(only)) if only >= 0 else None,
    )
