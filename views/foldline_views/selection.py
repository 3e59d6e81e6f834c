"""The runs that a query finds, in no order yet."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from .catalog import Catalog, RunTable
from .column import Rows
from .query import parse
from .searches import Searched

__all__ = ["Selection"]


class Selection(NamedTuple):
    """Rows of a catalog that match, and what was odd about the question."""

    catalog: Catalog
    table: RunTable
    rows: Rows
    warnings: list[str]
    searched: Searched | None = None  # what sort keys and columns may ask for, too

    @classmethod
    def of(cls, catalog: Catalog, query: str = "", searched: Searched | None = None) -> Self:
        """Return the runs that match now. Raises QueryError.

        `searched` has what the full-text search found for the query, and for a question beside it.
        """
        catalog.let_time_pass()
        table = RunTable(catalog)
        parsed = parse(query, "run")
        rows = np.flatnonzero(catalog.within_reach(parsed.mask(table, search=searched)))
        if searched is None:
            return cls(catalog, table, rows, list(parsed.warnings))
        if searched.beside is not None:
            found = [catalog.row_of[run] for run in searched.beside if run in catalog.row_of]
            rows = np.intersect1d(rows, np.array(found, np.intp))
        return cls(catalog, table, rows, [*parsed.warnings, *searched.warnings], searched)
