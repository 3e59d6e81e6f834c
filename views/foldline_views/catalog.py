"""All runs and series in memory, ready for queries.

Runs are rows of typed columns; series are columns of one array of summaries. Both are patched
with what each commit changed. One event loop owns a catalog: nothing here waits or locks.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from foldline.errors import RunNotFound

from . import heads
from . import summaries as fields
from .answers import (
    ColumnsFound,
    Extreme,
    MetricColumn,
    ParamColumn,
    Point,
    RunDetail,
    RunHead,
    RunRow,
    SeriesRow,
    Summary,
    number,
)
from .changes import Changes
from .column import ABSENT, FLOAT, INT, Column, Numbers, Objects, Path, Rows, column_of
from .columns import Columns
from .runs import RunState

__all__ = ["Catalog", "RunTable", "SeriesColumns", "SeriesTable"]

# Which row of a summary holds each field that a query can ask of a series, and whether only
# finite values count for it.
METRIC_ROWS = {
    "count": fields.COUNT,
    "nonfinite": fields.NONFINITE,
    "first_nonfinite_step": fields.NONFINITE_STEP,
    "first": fields.FIRST,
    "first_step": fields.FIRST_STEP,
    "last": fields.LAST,
    "last_step": fields.LAST_STEP,
    "min": fields.MIN,
    "min_step": fields.MIN_STEP,
    "max": fields.MAX,
    "max_step": fields.MAX_STEP,
    "mean": fields.SUM,
}
NEEDS_FINITE = {"min", "min_step", "max", "max_step", "mean"}


class Catalog:
    """The runs and series of one generation of views.

    Row numbers are the views' row ids less one: both are given out in order, without gaps.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.watermark = 0
        self.runs = Columns()
        self.states: list[RunState] = []
        self.heads: list[RunHead] = []
        self.row_of: dict[str, int] = {}
        self.series = SeriesColumns()
        self.slots: list[list[int]] = []  # of each series, in the order of their writers
        self._series_of: list[list[int]] = []  # of each run
        self._unended: set[int] = set()  # rows of runs whose durations grow
        self._found: ColumnsFound | None = None

    def take(self, changes: Changes) -> None:
        """Take over what a commit changed."""
        self.revision, self.watermark = changes.revision, changes.watermark
        for uid in changes.new_runs:
            self.row_of[uid] = self.runs.add_rows()
            self.states.append(RunState())
            self.heads.append(heads.head(uid, RunState()))
            self._series_of.append([])
        for run, name, context in changes.new_series:
            self._series_of[run - 1].append(self.series.add(run - 1, name, context))
            self.slots.append([])
        for series, slots in changes.slots:
            self.slots[series - 1] = slots
        for run, state in changes.run_states:
            self._take_run(run - 1, state)
        self.series.summary[:, changes.series - 1] = changes.summaries
        self.series.forget_columns()
        self._found = None

    def _take_run(self, row: int, state: RunState) -> None:
        self.states[row] = state
        head = self.heads[row] = heads.head(self.heads[row].id, state)
        (self._unended.discard if head.ended_at is not None else self._unended.add)(row)
        self.runs.replace(row, heads.cells(head, state))

    def let_time_pass(self) -> None:
        """Bring the durations of running runs up to now."""
        now, rows = time.time(), list(self._unended)
        durations = [max(0.0, now - self.heads[row].created_at) for row in rows]
        for row, duration in zip(rows, durations, strict=True):
            self.heads[row].duration = duration
        self.runs.fill(("duration",), np.array(rows, np.intp), np.array(durations, np.float64))

    def find(self, run: str) -> int:
        """Return the row of a run. Raises RunNotFound."""
        row = self.row_of.get(run)
        if row is None:
            raise RunNotFound(
                f"there is no run {run}", hint="`foldline runs ls` lists the runs of the store"
            )
        return row

    def series_of(self, row: int) -> Sequence[int]:
        """Return the rows of a run's series, in the order in which they were defined."""
        return self._series_of[row]

    def row(self, row: int) -> RunRow:
        """Return a run with the figures of its series."""
        metrics = [self.summary(series) for series in self._series_of[row]]
        shown = [metric for metric in metrics if metric.count]
        return heads.row(self.heads[row], self.states[row], shown)

    def detail(self, row: int) -> RunDetail:
        """Return a run, whole but for its artifacts, which are rows of the views."""
        return self.whole(self.row(row))

    def whole(self, row: RunRow) -> RunDetail:
        """Return the run of a row, whole but for its artifacts."""
        return heads.detail(row, self.states[self.row_of[row.id]], self.watermark)

    def summary(self, series: int) -> Summary:
        """Return the figures of the series with this row number."""
        return Summary(**self._figures(series))

    def series_row(self, series: int) -> SeriesRow:
        """Return the figures of a series with the id of its run."""
        run = self.heads[int(self.series.run[series])].id
        return SeriesRow(**self._figures(series), run=run)

    def _figures(self, series: int) -> dict[str, Any]:
        s = self.series.summary[:, series].tolist()
        count, nonfinite = int(s[fields.COUNT]), int(s[fields.NONFINITE])
        finite = count - nonfinite
        name, context = self.series.key(series)
        return {
            "series": series + 1,
            "name": name,
            "context": context,
            "count": count,
            "nonfinite": nonfinite,
            "first_nonfinite_step": s[fields.NONFINITE_STEP] if nonfinite else None,
            "first": Point(number(s[fields.FIRST]), s[fields.FIRST_STEP], s[fields.FIRST_TIME]),
            "last": Point(number(s[fields.LAST]), s[fields.LAST_STEP], s[fields.LAST_TIME]),
            "min": Extreme(s[fields.MIN], s[fields.MIN_STEP]) if finite else None,
            "max": Extreme(s[fields.MAX], s[fields.MAX_STEP]) if finite else None,
            "mean": s[fields.SUM] / finite if finite else None,
        }

    def columns_found(self) -> ColumnsFound:
        """Return every param and metric that some run has."""
        if self._found is None:
            kinds = [
                ParamColumn(".".join(found.path[1:]), found.kind, found.rows)
                for found in self.runs.paths(("params",))
            ]
            self._found = ColumnsFound(kinds, list(self.series.metrics()))
        return self._found


class SeriesColumns:
    """All series, as arrays: whose, which, and their summaries."""

    def __init__(self) -> None:
        self.count = 0
        self.run: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # row number
        self.kind: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # place in `kinds`
        self.kinds: list[tuple[str, dict[str, Any]]] = []  # each name and context, once
        self._kind_of: dict[tuple[str, str], int] = {}
        self._contexts: dict[str, list[int]] = {}  # the kinds of a name
        self._summary = fields.fresh(0)
        self._columns: dict[tuple[int, str, int], Column] = {}
        self._members: list[array[int]] = []  # of each kind, its series
        # Of a name, when it had so many series: their runs, and the series.
        self._pairs: dict[str, tuple[int, Rows, Rows]] = {}

    @property
    def summary(self) -> NDArray[np.float64]:
        """The summaries: a column for each series."""
        return self._summary[:, : self.count]

    def add(self, run: int, name: str, context: str) -> int:
        """Add a series and return its row number."""
        kind = self._kind_of.get((name, context))
        if kind is None:
            kind = self._kind_of[name, context] = len(self.kinds)
            self.kinds.append((name, msgspec.json.decode(context)))
            same_name = self._contexts.setdefault(name, [])
            same_name.append(kind)
            same_name.sort(key=lambda k: len(self.kinds[k][1]) > 0)  # no context comes first
            self._members.append(array("q"))
        if self.count == len(self.run):
            more = max(self.count, 1024)
            self.run = np.concatenate((self.run, np.empty(more, dtype=np.int64)))
            self.kind = np.concatenate((self.kind, np.empty(more, dtype=np.int64)))
            self._summary = np.concatenate((self._summary, fields.fresh(more)), axis=1)
        self.run[self.count], self.kind[self.count] = run, kind
        self._members[kind].append(self.count)
        self.count += 1
        return self.count - 1

    def key(self, series: int) -> tuple[str, dict[str, Any]]:
        """Return the name and the context of a series."""
        return self.kinds[int(self.kind[series])]

    def metrics(self) -> Iterator[MetricColumn]:
        """Yield each name and context with how many runs have it."""
        counts = np.bincount(self.kind[: self.count], minlength=len(self.kinds))
        for (name, context), runs in zip(self.kinds, counts.tolist(), strict=True):
            yield MetricColumn(name, context, runs)

    def contexts(self, name: str) -> list[dict[str, Any]]:
        """Return the contexts of all series of a name; {} first, if it is among them."""
        return [self.kinds[kind][1] for kind in self._contexts.get(name, ())]

    def forget_columns(self) -> None:
        """Drop the columns that were made of the figures before a change."""
        self._columns.clear()

    def of_runs(
        self, name: str, context: Mapping[str, Any], field: str, rows: int
    ) -> Column | None:
        """Return a figure of each run's series of exactly this name and context."""
        key = msgspec.json.encode(context, order="deterministic").decode()
        kind = self._kind_of.get((name, key))
        if kind is None:
            return None
        held = self._columns.get((kind, field, rows))
        if held is None:
            chosen = np.array(self._members[kind], dtype=np.intp)
            values, tags = self._field(chosen, field)
            whole = Numbers(np.full(rows, np.nan), np.zeros(rows, dtype=np.uint8))
            whole.values[self.run[chosen]], whole.tags[self.run[chosen]] = values, tags
            held = self._columns[kind, field, rows] = whole
        return held

    def named(self, name: str) -> tuple[Rows, Rows]:
        """Return the runs of the series of a name, in order, and the series, of each {} first."""
        kinds = self._contexts.get(name, ())
        count = sum(len(self._members[kind]) for kind in kinds)
        nothing = np.empty(0, dtype=np.intp)
        held, rows, found = self._pairs.get(name, (0, nothing, nothing))
        if held != count:
            # A kind at a time, so that a stable sort leaves each run's series in their order.
            found = np.concatenate([np.array(self._members[kind], np.intp) for kind in kinds])
            found = found[np.argsort(self.run[found], kind="stable")]
            rows = self.run[found]
            self._pairs[name] = count, rows, found
        return rows, found

    def figures(self, field: str, series: Rows | None = None) -> Numbers:
        """Return a figure of every series, or of some of them, of which -1 stands for none."""
        chosen = np.arange(self.count) if series is None else series
        if not self.count:
            return Numbers(np.full(len(chosen), np.nan), np.zeros(len(chosen), np.uint8))
        values, tags = self._field(chosen, field)  # of the last one for -1, which is put right
        if series is not None and len(series) and series.min() < 0:
            values[series < 0], tags[series < 0] = np.nan, ABSENT
        return Numbers(values, tags)

    def _field(
        self, series: NDArray[np.intp], field: str
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        # A row of the summaries at a time: most questions need but one or two of them.
        values = self.summary[METRIC_ROWS[field]][series]
        count = self.summary[fields.COUNT][series]
        present = count > 0
        if field in NEEDS_FINITE:
            finite = count - self.summary[fields.NONFINITE][series]
            present &= finite > 0
            if field == "mean":
                values = values / np.maximum(finite, 1)
        elif field == "first_nonfinite_step":
            present &= self.summary[fields.NONFINITE][series] > 0
        tag = INT if field in {"count", "nonfinite"} else FLOAT
        return np.where(present, values, np.nan), np.where(present, tag, 0).astype(np.uint8)


class RunTable:
    """The runs, as a query sees them: see `evaluation.Table`."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @property
    def rows(self) -> int:
        """How many runs there are."""
        return self._catalog.runs.rows

    def column(self, path: Path) -> Column | None:
        """Return the column at a path, or None if no run has it."""
        return self._catalog.runs.column(path)

    def is_branch(self, path: Path) -> bool:
        """Whether some run has something under a path, and none has anything at it but {}."""
        return self._catalog.runs.is_branch(path)

    def present(self, path: Path) -> NDArray[np.bool_]:
        """Return which runs have anything at a path or under it."""
        return self._catalog.runs.present(path)

    def cells_under(self, path: Path) -> int:
        """Return how many cells lie under a path."""
        return self._catalog.runs.cells_under(path)

    def known_paths(self) -> Iterable[Path]:
        """Return the paths that some run has."""
        return self._catalog.runs.known_paths()

    def pairs(self, name: str) -> tuple[Rows, Rows]:
        """Return each run with each of its series of this name."""
        return self._catalog.series.named(name)

    def figures(self, series: Rows, field: str) -> Numbers:
        """Return a figure of each of these series; -1 stands for none."""
        return self._catalog.series.figures(field, series)

    def contexts(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Return the contexts of all series of this name."""
        return self._catalog.series.contexts(name)

    def metric(self, name: str, context: Mapping[str, Any], field: str) -> Column | None:
        """Return a figure of each run's series of this name and context."""
        return self._catalog.series.of_runs(name, context, field, self.rows)

    def known_metrics(self) -> Iterable[str]:
        """Return the names of all metrics."""
        return {name for name, _ in self._catalog.series.kinds}


class SeriesTable(RunTable):
    """The series, as a query sees them, each with its run's columns."""

    @property
    def rows(self) -> int:
        """How many series there are."""
        return self._catalog.series.count

    def column(self, path: Path) -> Column | None:
        """Return the column at a path, or None if no series has it."""
        series = self._catalog.series
        if path[0] != "metric":
            whole = self._catalog.runs.column(path)
            return None if whole is None else whole.take(self._runs())
        kind = series.kind[: series.count]
        if path == ("metric", "name"):
            return column_of([name for name, _ in series.kinds]).take(kind)
        if path[1] == "context":
            cells = [_at(context, path[2:]) for _, context in series.kinds]
            found = Objects(cells) if len(path) == 2 else column_of(cells)
            return found.take(kind) if any(cell is not None for cell in cells) else None
        return series.figures(path[1]) if path[1] in METRIC_ROWS else None

    def known_paths(self) -> Iterable[Path]:
        """Return the paths that some series has, or its run."""
        contexts = (context for _, context in self._catalog.series.kinds)
        keys = {key: None for context in contexts for key in context}
        return [*(("metric", "context", key) for key in keys), *super().known_paths()]

    def present(self, path: Path) -> NDArray[np.bool_]:
        """Return which series' runs have anything at a path or under it."""
        return self._catalog.runs.present(path)[self._runs()]

    def pairs(self, name: str) -> tuple[Rows, Rows]:
        """Return each series with each of its run's series of this name."""
        runs, series = RunTable.pairs(self, name)
        counts = np.bincount(runs, minlength=self._catalog.runs.rows)
        starts = np.cumsum(counts) - counts
        own = self._runs()
        many = counts[own]
        rank = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        rows = np.repeat(np.arange(self.rows), many)
        return rows, series[np.repeat(starts[own], many) + rank]

    def metric(self, name: str, context: Mapping[str, Any], field: str) -> Column | None:
        """Return a figure of another series of each series' run."""
        rows = self._catalog.runs.rows
        whole = self._catalog.series.of_runs(name, context, field, rows)
        return None if whole is None else whole.take(self._runs())

    def _runs(self) -> Rows:
        return self._catalog.series.run[: self.rows]


def _at(tree: Any, path: Sequence[str]) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
