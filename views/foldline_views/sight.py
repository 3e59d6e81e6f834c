"""Which runs are in sight, and since when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .catalog import Catalog
from .column import Numbers, Rows, Texts

__all__ = ["Mask", "created_at", "flags", "in_sight", "newest", "with_status"]

Mask = NDArray[np.bool_]


def flags(catalog: Catalog, field: str) -> Mask:
    """Return which runs have a field of truth values set."""
    column = catalog.runs.column((field,))
    if not isinstance(column, Numbers):
        return np.zeros(catalog.runs.rows, np.bool_)
    found: Mask = column.values == 1
    return found


def in_sight(catalog: Catalog) -> Mask:
    """Return which runs nobody has archived or deleted."""
    return catalog.within_reach(~(flags(catalog, "archived") | flags(catalog, "deleted")))


def created_at(catalog: Catalog) -> NDArray[np.float64]:
    """Return when each run was created, in unix seconds; 0 where nothing says so yet."""
    column = catalog.runs.column(("created_at",))
    if not isinstance(column, Numbers):
        return np.zeros(catalog.runs.rows)
    return np.where(column.present, column.values, 0.0)


def with_status(catalog: Catalog, status: str) -> Mask:
    """Return which runs stand so."""
    column = catalog.runs.column(("status",))
    if not isinstance(column, Texts):
        return np.zeros(catalog.runs.rows, np.bool_)
    codes = [code for code, word in enumerate(column.words) if word == status]
    return np.isin(column.codes, codes)


def newest(catalog: Catalog, mask: Mask, limit: int) -> Rows:
    """Return the rows of a mask that were created last, the newest first."""
    rows = np.flatnonzero(mask)
    created = created_at(catalog)[rows]
    if len(rows) > limit:
        chosen = np.argpartition(-created, limit - 1)[:limit]
        rows, created = rows[chosen], created[chosen]
    return rows[np.lexsort((rows, -created))]
