"""A query: a filter over runs, or over their series."""

from __future__ import annotations

import time
from datetime import UTC, tzinfo
from typing import Literal

import numpy as np

from .evaluation import Evaluation, SearchRuns
from .grammar import Grammar
from .ordering import SortKey, order, sort_key
from .source import Source
from .syntax import Field, Node, Search, walk
from .table import Table
from .values import Mask

__all__ = [
    "Query", "SearchRuns", "SortKey", "Subject", "Table", "order", "parse", "sort_key",
]  # fmt: skip

# What is searched: runs, their series of points, or their sequences of other values.
Subject = Literal["run", "metric", "audios", "distributions", "figures", "images", "texts"]

# What hides a run, and the fields whose mention in a query shows it.
HIDDEN = {("archived",): {("archived",), ("deleted",)}, ("deleted",): {("deleted",)}}


class Query:
    """A query that was understood. It may be asked of many tables, one after another.

    Runs that are archived or deleted are left out, unless it speaks of `run.archived` or
    `run.deleted`. `warnings` holds what the last `mask` found odd: sentences for the user.
    `searches` are the texts that it wants the full-text search to be asked.
    """

    def __init__(self, source: Source, subject: Subject, root: Node | None, zone: tzinfo) -> None:
        self.text = source.text
        self.subject = subject
        self.warnings: tuple[str, ...] = ()
        self.source = source
        self.root = root
        self.zone = zone
        parts = () if root is None else tuple(walk(root))
        self.searches = tuple(dict.fromkeys(p.text for p in parts if isinstance(p, Search)))
        spoken = {part.path for part in parts if isinstance(part, Field)}
        self._hidden = [path for path, shown_by in HIDDEN.items() if not spoken & shown_by]

    def mask(
        self, table: Table, *, now: float | None = None, search: SearchRuns | None = None
    ) -> Mask:
        """Return the rows that match; `now` is the moment of `datetime.now()`, in unix seconds.

        `search` answers what `search("…")` in the query asks: the ids of the runs in which a text
        is found. Raises QueryError if the answer would cost too much, or there is no `search`.
        """
        moment = time.time() if now is None else now
        return self.answer(Evaluation(self.source, table, moment, self.zone, search))

    def answer(self, evaluation: Evaluation) -> Mask:
        """Return the rows that match, as an evaluation of this query's source finds them."""
        with np.errstate(all="ignore"):
            mask = (
                np.ones(evaluation.rows, np.bool_)
                if self.root is None
                else evaluation.holds(self.root)
            )
            for path in self._hidden:
                mask = mask & ~evaluation.holds(Field((0, 0), path))
        self.warnings = tuple(evaluation.lookup.warnings)
        return mask


def parse(text: str, subject: Subject = "run", *, zone: tzinfo = UTC) -> Query:
    """Return a query; an empty text matches everything. Raises QueryError.

    `subject` says what is filtered: "run", "metric" for series, "images" for sequences of images
    and so on. `zone` is what dates without a
    zone are in.
    """
    source = Source(text)
    root = None if source.tree is None else Grammar(source, subject, zone).node(source.tree)
    return Query(source, subject, root, zone)
