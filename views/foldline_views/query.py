"""A query: a filter over runs, or over their series."""

from __future__ import annotations

import time
from datetime import UTC, tzinfo
from typing import Literal

import numpy as np

from .evaluation import Evaluation, Table
from .grammar import Grammar
from .ordering import SortKey, order, sort_key
from .source import Source
from .syntax import Field, Node, walk
from .values import Mask

__all__ = ["Query", "SortKey", "Subject", "Table", "order", "parse", "sort_key"]

Subject = Literal["run", "metric"]

# What hides a run, and the fields whose mention in a query shows it.
HIDDEN = {("archived",): {("archived",), ("deleted",)}, ("deleted",): {("deleted",)}}


class Query:
    """A query that was understood. It may be asked of many tables, one after another.

    Runs that are archived or deleted are left out, unless it speaks of `run.archived` or
    `run.deleted`. `warnings` holds what the last `mask` found odd: sentences for the user.
    """

    def __init__(self, source: Source, subject: Subject, root: Node | None, zone: tzinfo) -> None:
        self.text = source.text
        self.subject = subject
        self.warnings: tuple[str, ...] = ()
        self._source = source
        self._root = root
        self._zone = zone
        parts = () if root is None else tuple(walk(root))
        spoken = {part.path for part in parts if isinstance(part, Field)}
        self._hidden = [path for path, shown_by in HIDDEN.items() if not spoken & shown_by]

    def mask(self, table: Table, *, now: float | None = None) -> Mask:
        """Return the rows that match; `now` is the moment of `datetime.now()`, in unix seconds.

        Raises QueryError if the answer would cost too much.
        """
        moment = time.time() if now is None else now
        evaluation = Evaluation(self._source, table, moment, self._zone)
        with np.errstate(all="ignore"):
            mask = (
                np.ones(table.rows, np.bool_)
                if self._root is None
                else evaluation.holds(self._root)
            )
            for path in self._hidden:
                mask = mask & ~evaluation.holds(Field((0, 0), path))
        self.warnings = tuple(evaluation.warnings)
        return mask


def parse(text: str, subject: Subject = "run", *, zone: tzinfo = UTC) -> Query:
    """Return a query; an empty text matches everything. Raises QueryError.

    `subject` says what is filtered: "run", or "metric" for series. `zone` is what dates without a
    zone are in.
    """
    source = Source(text)
    root = None if source.tree is None else Grammar(source, subject, zone).node(source.tree)
    return Query(source, subject, root, zone)
