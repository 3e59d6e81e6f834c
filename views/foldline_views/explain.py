"""What a query compiles to, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from .catalog import Catalog, RunTable, SeriesTable
from .column import Column, Objects, Texts
from .evaluation import Evaluation, SearchRuns
from .query import Query, Subject, parse
from .searches import Searched
from .syntax import Constant, Field, Node, Now, Search, Series, Variable
from .table import Table
from .values import Scalar, Value

__all__ = ["ExplainedPart", "Explanation", "explain", "explained"]

T = TypeVar("T")
Mask = NDArray[np.bool_]


class ExplainedPart(msgspec.Struct):
    """One part of a query, as it was evaluated: for all rows at once."""

    text: str
    at: tuple[int, int]  # where it stands in the query; (0, 0) for what every query asks
    depth: int
    column: str  # what it is in the table, or what became of it
    rows: int  # of a condition, where it holds; of a value, where there is one
    cells: int  # that Python was asked for one by one, in it and its parts; arrays did the rest
    ms: float  # with its parts


class Explanation(msgspec.Struct):
    """What a query asks, in the order in which its parts are evaluated."""

    query: str
    subject: str
    total: int  # rows that were asked
    matches: int
    cells: int
    ms: float
    parts: list[ExplainedPart]
    warnings: list[str]
    watermark: int = 0


def explain(
    query: Query,
    table: Table,
    *,
    now: float | None = None,
    search: SearchRuns | None = None,
    seen: Mask | None = None,
) -> Explanation:
    """Answer a query, and return how that was done. Raises QueryError as answering it does.

    Rows that are not `seen` are none for who asks: they are not counted.
    """
    moment = time.time() if now is None else now
    evaluation = _Traced(query.source, table, moment, query.zone, search)
    evaluation.seen = seen
    start = time.perf_counter()
    mask = query.answer(evaluation)
    took = time.perf_counter() - start
    return Explanation(
        query=query.text,
        subject=query.subject,
        total=table.rows if seen is None else _count(seen),
        matches=_count(mask if seen is None else mask & seen),
        cells=evaluation.cells[0],
        ms=_ms(took),
        parts=evaluation.parts,
        warnings=list(query.warnings),
    )


def explained(
    catalog: Catalog, query: str, subject: Subject = "run", searched: Searched | None = None
) -> Explanation:
    """Return how a query is answered of all runs of a catalog, or of all series ("metric").

    Raises QueryError.
    """
    catalog.let_time_pass()
    table = RunTable(catalog) if subject == "run" else SeriesTable(catalog)
    seen = None
    if not catalog.is_whole:
        seen = catalog.within_reach(np.ones(catalog.runs.rows, np.bool_))
        seen = seen if subject == "run" else seen[catalog.series.run[: table.rows]]
    found = explain(parse(query, subject), table, search=searched, seen=seen)
    found.warnings += searched.warnings if searched else []
    found.watermark = catalog.watermark
    return found


class _Traced(Evaluation):
    """An evaluation that notes what it does."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Shared by the evaluations that are made of this one for loops and series.
        self.parts: list[ExplainedPart] = []
        self._above: list[Node] = []
        self.seen: Mask | None = None

    def holds(self, node: Node) -> Mask:
        """Return the rows in which a node counts as true, and note it."""
        return self._noted(node, super().holds, lambda mask: ("condition", self._rows_of(mask)))

    def value(self, node: Node) -> Value:
        """Return what a node is in every row, and note it."""
        return self._noted(node, super().value, lambda value: self._shape(node, value))

    def _noted(
        self, node: Node, ask: Callable[[Node], T], told: Callable[[T], tuple[str, int]]
    ) -> T:
        again = bool(self._above) and self._above[-1] is node  # a condition that is a value
        if again or isinstance(node, Constant | Now | Variable):
            return ask(node)
        text = self.source.words(node.at)
        if node.at == (0, 0) and isinstance(node, Field):
            text = "run." + ".".join(node.path)
        part = ExplainedPart(text, node.at, len(self._above), "", 0, 0, 0.0)
        self.parts.append(part)
        self._above.append(node)
        before, start = self.cells[0], time.perf_counter()
        try:
            found = ask(node)
        finally:
            self._above.pop()
        part.ms = _ms(time.perf_counter() - start)
        part.cells = self.cells[0] - before
        part.column, part.rows = told(found)
        if isinstance(node, Search):
            part.column = "full text"
        return found

    def _shape(self, node: Node, value: Value) -> tuple[str, int]:
        if isinstance(value, Scalar):
            missing = value.cell is None and isinstance(node, Field | Series)
            same = "no run has it" if missing else "the same for all"
            return same, 0 if value.cell is None else self.rows
        return _kind(value), self._rows_of(value.present)

    def _rows_of(self, mask: Mask) -> int:
        """Return how many rows of a mask there are for who asks."""
        if self.seen is None or len(mask) != len(self.seen):
            return _count(mask)
        return _count(mask & self.seen)


def _kind(column: Column) -> str:
    if isinstance(column, Texts):
        used = np.count_nonzero(np.bincount(column.codes[column.codes >= 0]))
        return f"texts, {used} different"
    if isinstance(column, Objects):
        if column.parts is not None:
            return "numbers and texts"
        if column.codes is None:
            return "values of any type"
        return f"lists and dicts, {len(column.objects)} different"
    return f"{column.kind}s"


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
