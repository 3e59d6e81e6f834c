"""Pages of runs and series that a query finds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec
import numpy as np

from foldline.errors import QueryError

from .answers import RunsPage, SeriesPage, Sort
from .catalog import Catalog, RunTable, SeriesTable
from .column import Rows
from .query import order, parse, sort_key

__all__ = ["matching_series", "runs_page", "series_page"]

NEWEST_FIRST = Sort("run.created_at", desc=True)


def runs_page(
    catalog: Catalog,
    query: str = "",
    *,
    sort: Sequence[Sort] = (),
    limit: int | None = None,
    cursor: str | None = None,
) -> RunsPage:
    """Return the runs that match, in order, from the cursor on. Raises QueryError."""
    catalog.let_time_pass()
    table = RunTable(catalog)
    parsed = parse(query, "run")
    matching = np.flatnonzero(parsed.mask(table))
    keys = [(sort_key(key.by), key.desc) for key in sort or (NEWEST_FIRST,)]
    rows = order(table, keys, matching)
    start = _after(rows, cursor, catalog)
    end = len(rows) if limit is None else min(start + limit, len(rows))
    page = rows[start:end].tolist()
    return RunsPage(
        rows=[catalog.row(row) for row in page],
        total=len(rows),
        cursor=_cursor(end, catalog.heads[page[-1]].id) if page and end < len(rows) else None,
        watermark=catalog.watermark,
        warnings=list(parsed.warnings),
        columns=catalog.columns_found(),
    )


def series_page(catalog: Catalog, query: str = "", *, limit: int | None = None) -> SeriesPage:
    """Return the series that match, those of the newest runs first. Raises QueryError."""
    catalog.let_time_pass()
    found, warnings = matching_series(catalog, query)
    page = found[:limit].tolist()
    heads = {catalog.heads[run].id: catalog.heads[run] for run in catalog.series.run[page].tolist()}
    return SeriesPage(
        series=[catalog.series_row(series) for series in page],
        runs=heads,
        total=len(found),
        watermark=catalog.watermark,
        warnings=warnings,
    )


def matching_series(catalog: Catalog, query: str) -> tuple[Rows, list[str]]:
    """Return the rows of the series that match, and what was odd. Raises QueryError."""
    parsed = parse(query, "metric")
    mask = parsed.mask(SeriesTable(catalog))
    mask &= catalog.series.summary[0] > 0  # a series may be defined and have no point yet
    found = np.flatnonzero(mask)
    created = np.array([head.created_at for head in catalog.heads])
    if len(found):
        found = found[np.lexsort((found, -created[catalog.series.run[found]]))]
    return found, list(parsed.warnings)


def _cursor(place: int, run: str) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((place, run))).decode()


def _after(rows: Rows, cursor: str | None, catalog: Catalog) -> int:
    """Return where the page after a cursor starts: behind the run it names, wherever that is now.

    So runs that arrive meanwhile neither repeat nor hide a row.
    """
    if cursor is None:
        return 0
    try:
        raw = base64.urlsafe_b64decode(cursor)
        place, run = msgspec.msgpack.decode(raw, type=tuple[int, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise QueryError(
            "the cursor is not one of ours", at=(0, 0), hint="ask for the first page again"
        ) from error
    row = catalog.row_of.get(run)
    found = np.flatnonzero(rows == row) if row is not None else np.empty(0)
    return int(found[0]) + 1 if len(found) else min(place, len(rows))
