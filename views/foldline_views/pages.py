"""Pages of runs and series that a query finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .answers import ColumnsFound, RunsPage, SeriesPage
from .asked import GroupOf, MetricOf, Sort
from .catalog import Catalog, RunTable, SeriesTable
from .column import Rows
from .cursor import Cursor, after, belonging, places, read_cursor, write_cursor
from .excerpts import cells_of, excerpts
from .grouping import members
from .query import order, parse, sort_key
from .searches import Searched
from .selection import Selection

__all__ = ["matching_series", "ordered", "runs_page", "series_page"]

NEWEST_FIRST = Sort("run.created_at", desc=True)


def runs_page(
    catalog: Catalog,
    query: str = "",
    *,
    sort: Sequence[Sort] = (),
    limit: int | None = None,
    cursor: str | None = None,
    group: GroupOf | None = None,
    searched: Searched | None = None,
    columns: Sequence[str] | None = None,
    metrics: Sequence[MetricOf] = (),
    offset: int = 0,
) -> RunsPage:
    """Return the runs that match, in order, from the cursor on; of one group, if it is given.

    With `columns` the rows are excerpts, with figures of `metrics` alone, and no word of what other
    columns there are. `offset` leaves out so many runs where there is no cursor. Raises QueryError.
    """
    selection = Selection.of(catalog, query, searched)
    chosen = selection.rows if group is None else members(selection, group.by, group.id)
    keys = [(sort_key(key.by), key.desc) for key in sort or (NEWEST_FIRST,)]
    # Behind a cursor any row may come next; of the first page only its own are sorted.
    first = None if limit is None else offset + limit
    bound = first if cursor is None else None
    rows = order(selection.table, keys, chosen, limit=bound, search=searched)
    sorted_by = [key.column(selection.table, search=searched) for key, _ in keys]
    text = "" if searched is None else searched.text
    question = belonging(query, text, [(key.text, down) for key, down in keys], group)
    start = offset
    if cursor is not None:
        last = read_cursor(cursor, question)
        start = after(
            last, rows, sorted_by, [down for _, down in keys], catalog.row_of.get(last.id)
        )
    total = len(chosen)
    end = total if limit is None else min(start + limit, total)
    page = rows[start:end].tolist()
    following = None
    if page and end < total:
        last = Cursor(question, catalog.ids[page[-1]], places(sorted_by, page[-1]))
        following = write_cursor(last)
    return RunsPage(
        rows=[catalog.row(row) for row in page]
        if columns is None
        else excerpts(catalog, selection.table, rows[start:end], columns, metrics, searched),
        total=total,
        cursor=following,
        watermark=catalog.watermark,
        warnings=selection.warnings,
        columns=catalog.columns_found() if columns is None else ColumnsFound([], []),
    )


def ordered(selection: Selection, sort: Sequence[Sort] = ()) -> Rows:
    """Return the rows of a selection in order: newest first, if nothing else is asked for."""
    keys = [(sort_key(key.by), key.desc) for key in sort or (NEWEST_FIRST,)]
    return order(selection.table, keys, selection.rows, search=selection.searched)


def series_page(
    catalog: Catalog,
    query: str = "",
    *,
    limit: int | None = None,
    offset: int = 0,
    searched: Searched | None = None,
    columns: Sequence[str] = (),
) -> SeriesPage:
    """Return the series that match, those of the newest runs first. Raises QueryError.

    `offset` leaves out so many before the first. Each run has a cell for each of the columns.
    """
    catalog.let_time_pass()
    found, warnings = matching_series(catalog, query, searched)
    page = found[offset : None if limit is None else offset + limit].tolist()
    runs = list(dict.fromkeys(catalog.series.run[page].tolist()))
    heads = {catalog.ids[run]: catalog.heads[run] for run in runs}
    rows = np.array(runs, dtype=np.intp)
    cells = cells_of(RunTable(catalog), rows, columns, searched) if columns else []
    return SeriesPage(
        series=[catalog.series_row(series) for series in page],
        runs=heads,
        total=len(found),
        watermark=catalog.watermark,
        warnings=warnings,
        cells=dict(zip(heads, cells, strict=False)),
    )


def matching_series(
    catalog: Catalog, query: str, searched: Searched | None = None
) -> tuple[Rows, list[str]]:
    """Return the rows of the series that match, and what was odd. Raises QueryError."""
    parsed = parse(query, "metric")
    mask = parsed.mask(SeriesTable(catalog), search=searched)
    mask &= catalog.series.with_points()
    found = np.flatnonzero(mask)
    created = catalog.created_at()[catalog.series.run[found]]
    found = found[np.argsort(-created, kind="stable")]
    return found, [*parsed.warnings, *(searched.warnings if searched else ())]
