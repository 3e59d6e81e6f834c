"""The runs that a query finds, in no order yet."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from .catalog import Catalog, RunTable
from .column import Rows
from .query import parse

__all__ = ["Selection"]


class Selection(NamedTuple):
    """Rows of a catalog that match, and what was odd about the question."""

    catalog: Catalog
    table: RunTable
    rows: Rows
    warnings: list[str]

    @classmethod
    def of(cls, catalog: Catalog, query: str = "") -> Self:
        """Return the runs that match now. Raises QueryError."""
        catalog.let_time_pass()
        table = RunTable(catalog)
        parsed = parse(query, "run")
        rows = np.flatnonzero(parsed.mask(table))
        return cls(catalog, table, rows, list(parsed.warnings))
