"""Pages of what a search found."""

from __future__ import annotations

import msgspec
import numpy as np

from .answers import RunHead
from .searches import Answer, Shown
from .selection import Selection
from .text.hits import Hit

__all__ = ["FoundRun", "SearchPage", "search_page", "shown_of"]


class FoundRun(msgspec.Struct, frozen=True):
    """A run in which a question was found, and where: its best hits, the best one first."""

    run: RunHead
    hits: list[Hit]
    more: bool
    """There may be more hits than these."""


class SearchPage(msgspec.Struct, frozen=True):
    """What a question found, the best run first.

    `total` counts the runs. Where it is not `exact`, some of them have all words within 64 lines,
    and it was not looked whether one line has them all: it may be too large, never too small.
    """

    runs: list[FoundRun]
    total: int
    exact: bool
    watermark: int
    warnings: list[str]


def shown_of(selection: Selection) -> Shown:
    """Return the runs that a search looks at, named by the fewer: them, or all the others."""
    ids = selection.catalog.ids
    but = selection.catalog.is_whole and 2 * len(selection.rows) > len(ids)
    rows = np.setdiff1d(np.arange(len(ids)), selection.rows) if but else selection.rows
    return Shown([ids[row] for row in rows.tolist()], but)


def search_page(selection: Selection, answer: Answer) -> SearchPage:
    """Return what was found as it is sent; of runs that the catalog has not, nothing is said."""
    catalog = selection.catalog
    runs = [
        FoundRun(catalog.heads[catalog.row_of[run]], hits, more)
        for run, hits, more in answer.runs
        if run in catalog.row_of
    ]
    warnings = [*answer.found.warnings, *selection.warnings]
    return SearchPage(runs, answer.found.total, answer.found.exact, answer.watermark, warnings)
