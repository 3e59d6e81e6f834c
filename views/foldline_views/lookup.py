"""What a query's names stand for in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from .column import ABSENT, BOOL, Column, Numbers, Objects, Path, Rows, Texts
from .goals import best
from .lexicon import Lexicon
from .source import Source
from .syntax import Field, Series
from .table import Table
from .values import Scalar, compare, flags, select
from .words import RUN_BRANCHES, RUN_FIELDS, SEQUENCES, nearest

__all__ = ["Lookup"]

# Names offered to find a nearest one: comparing with more takes longer than the query.
SUGGESTED_MAX = 2000


class Lookup:
    """The columns of a table, as a query asks for them; `warnings` is what the user shall hear."""

    def __init__(self, source: Source, table: Table, spend: Callable[[int], None]) -> None:
        self.source = source
        self.table = table
        self.warnings: dict[str, None] = {}
        self.used: dict[Path, Column | None] = {}
        self._spend = spend

    def warn(self, message: str) -> None:
        """Tell the user something once."""
        self.warnings[message] = None

    # --- fields -----------------------------------------------------------------------------------

    def field(self, node: Field) -> Column | None:
        """Return the column of a field, or None if no row has it; then a warning says so."""
        path = node.path
        if path not in self.used:
            column = self.used[path] = self._column(path)
            if column is None and self.table.rows and _may_be_missed(path):
                self._warn_unknown(node)
        return self.used[path]

    def _column(self, path: Path) -> Column | None:
        own = path[0]
        if own == "parent" and len(path) > 1:
            return self._of_parent(path)
        if own == "metric" and len(path) == 2:
            return self._figure(path[1])
        if own in RUN_BRANCHES or own == "params":
            # A script may have called a param so, or have a dict of that name among its params.
            column, other = self._read(path), self._read(("params", *path))
            if column is None or other is None:
                return other if column is None else column
            return select(column.present, column, other)
        column = self._read(path)
        if path == ("tags",):
            return self._tags(column)
        if path == ("active",) and column is None:
            status = self.table.column(("status",)) or Texts(
                np.full(self.table.rows, -1, np.int32), Lexicon([])
            )
            return flags(compare("==", status, Scalar("running"), len(status), lambda: None))
        return column

    def _read(self, path: Path) -> Column | None:
        self._spend(self.table.cells_under(path))
        return self.table.column(path)

    def _tags(self, tags: Column | None) -> Column | None:
        """Return tags with an empty list where a run has none: it has no tags, none is missing."""
        if not isinstance(tags, Objects):
            return Objects([[]], np.zeros(self.table.rows, np.int32)) if tags is None else tags
        if tags.codes is None:
            return Objects([[] if cell is None else cell for cell in tags.objects])
        codes = np.where(tags.codes < 0, len(tags.objects), tags.codes)
        return Objects([*tags.objects, []], codes)

    def _of_parent(self, path: Path) -> Column | None:
        """Return a column of the runs that the runs go on from, or of a param named `parent`."""
        parents, ids = self.table.column(("parent",)), self.table.column(("id",))
        if not isinstance(parents, Texts) or not isinstance(ids, Texts):
            inner = path[2:] if path[1] == "params" else path[1:]
            return self._read(("params", "parent", *inner))
        if path == ("parent", "id"):
            return parents
        if path == ("parent", "step"):
            return self.table.column(("forked_step",))
        column = self._column(path[1:])
        if column is None:
            return None
        row_of = np.full(len(ids.words) + 1, -1, np.int64)
        row_of[ids.codes[::-1]] = np.arange(len(ids))[::-1]
        row_of[-1] = -1
        index = ids.index or {word: code for code, word in enumerate(ids.words)}
        codes = np.array([*(index.get(word, -1) for word in parents.words), -1])
        rows = row_of[codes[parents.codes]]
        return self._taken(column, rows)

    def _taken(self, column: Column, rows: Rows) -> Column:
        """Return the cells of rows, missing where the row is -1."""
        if isinstance(column, Numbers):
            tags = np.append(column.tags, np.uint8(ABSENT))[rows]
            return Numbers(np.append(column.values, np.nan)[rows], tags)
        codes = column.codes
        if codes is None:
            codes = np.arange(len(column), dtype=np.int32)
        taken = np.append(codes, np.int32(-1))[rows].astype(np.int32)
        if isinstance(column, Texts):
            return Texts(taken, column.lexicon, column.index)
        return Objects(column.objects, taken)

    def is_branch(self, node: Field) -> bool:
        """Whether a field is a branch of params, of which can be told what it has without dicts."""
        path = node.path
        return (
            path[0] == "params"
            and self.table.is_branch(path)
            and self.table.column(("params", *path)) is None
        )

    # --- series -----------------------------------------------------------------------------------

    def figure(self, name: str, field: str, series: Rows, rows: Rows | None) -> Numbers:
        """Return a figure of one series of this name for each of the table's `rows`; -1 is none."""
        return self._made(field, lambda part: self.table.figures(series, part), name, rows)

    def metric(self, node: Series) -> Numbers:
        """Return a figure of the series that a node names with its context."""
        context: Mapping[str, Any] = node.context or {}
        missing = [False]

        def figure(part: str) -> Numbers:
            column = self.table.metric(node.name, context, part)
            missing[0] |= column is None
            return column if isinstance(column, Numbers) else _nothing(self.table.rows)

        found = self._made(node.field, figure, node.name)
        if missing[0]:
            self.warn_metric(node.name)
        return found

    def _figure(self, field: str) -> Column | None:
        """Return a figure, or the name, of the series that are the rows."""
        if field not in {"best", "best_step", "has_nan"}:
            return self._read(("metric", field))

        def figure(part: str) -> Numbers:
            column = self.table.column(("metric", part))
            return column if isinstance(column, Numbers) else _nothing(self.table.rows)

        return self._made(field, figure, self.table.column(("metric", "name")))

    def _made(
        self,
        field: str,
        figure: Callable[[str], Numbers],
        name: str | Column | None,
        rows: Rows | None = None,
    ) -> Numbers:
        if field == "has_nan":
            odd = figure("nonfinite")
            tags = np.where(odd.present, BOOL, ABSENT).astype(np.uint8)
            return Numbers(np.where(odd.present, odd.values > 0, np.nan), tags)
        if field not in {"best", "best_step"}:
            return figure(field)
        step = "_step" if field == "best_step" else ""
        low, high = figure(f"min{step}"), figure(f"max{step}")
        goals = self.table.column(("goals",))
        if goals is not None and rows is not None:
            goals = goals.take(rows)
        found = best(low, high, goals, name)
        if low.present.any() and not found.present.any():
            example = name if isinstance(name, str) else "loss"
            self.warn(
                f'no run says which value is best; define_metric("{example}", goal="minimize") does'
            )
        return found

    def warn_metric(self, name: str) -> None:
        """Say that no run has a metric, and which one was perhaps meant."""
        if not self.table.rows:
            return
        near = nearest(name, islice(self.table.known_metrics(), SUGGESTED_MAX))
        if near == name:
            self.warn(f'no run has the metric "{near}" with this context')
        else:
            better = f'; did you mean "{near}"?' if near else ""
            self.warn(f'no run has the metric "{name}"{better}')

    # --- warnings ---------------------------------------------------------------------------------

    def _warn_unknown(self, node: Field) -> None:
        written = self.source.words(node.at)
        path, above = node.path, "run."
        while path[0] == "parent" and len(path) > 1:
            path, above = path[1:], f"{above}parent."
        own = path[0]
        if own == "params":
            prefix = f"{above}params." if written.startswith(f"{above}params") else above
            known = {prefix + ".".join(p[1:]) for p in self._known() if p[0] == "params"}
            known |= {above + field for field in RUN_FIELDS} if prefix == above else set()
            near = nearest(prefix + ".".join(path[1:]), known)
            subject = "run"
        else:
            theirs = own == "metric" or own in SEQUENCES
            subject, prefix = (own, "") if theirs else ("run", above)
            known = {prefix + ".".join(p) for p in self._known() if p[0] == own}
            near = nearest(prefix + ".".join(path), known)
        self.warn(f"no {subject} has {written}" + (f"; did you mean {near}?" if near else ""))

    def _known(self) -> list[Path]:
        return list(islice(self.table.known_paths(), SUGGESTED_MAX))


def _may_be_missed(path: Path) -> bool:
    """Whether a column that no row has is worth a warning: not if it is there for all to have."""
    return path[0] not in RUN_FIELDS


def _nothing(rows: int) -> Numbers:
    return Numbers(np.full(rows, np.nan), np.zeros(rows, np.uint8))
