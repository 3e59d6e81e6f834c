"""All runs and series in memory, ready for queries.

Runs are rows of typed columns; series are columns of one array of summaries. Both are patched
with what each commit changed. One task at a time has a catalog: nothing here waits or locks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.errors import RunNotFound

from . import heads
from . import summaries as fields
from .answers import (
    ColumnsFound,
    Extreme,
    ParamColumn,
    Point,
    RunDetail,
    RunHead,
    RunRow,
    SeriesRow,
    Summary,
    Totals,
    number,
)
from .changes import Changes, Known
from .column import Column, Numbers, Objects, Path, Rows, Texts, column_of
from .columns import Columns
from .leaves import Leaves
from .runs import decode_state
from .seriescolumns import METRIC_ROWS, SeriesColumns
from .states import States

__all__ = ["Catalog", "RunTable", "SeriesTable"]

# New runs from which on a commit's columns are made whole, and not cell by cell.
GATHERED_RUNS = 32
# Runs whose cells wait together to become columns: 50 MB of memory with fifty params each.
GATHERED_MAX = 20_000


class Catalog:
    """The runs and series of one generation of views.

    Row numbers are the views' row ids less one: both are given out in order, without gaps.
    """

    is_whole = True  # whether nothing is out of reach of who asks: see `within`

    def __init__(self) -> None:
        self.epoch = 0
        self.revision = 0
        self.watermark = 0
        self.slots_known = 0
        self.runs = Columns()
        self.states = States()
        self.heads = _Heads(self)
        self.ids: list[str] = []
        self._rows: dict[str, int] = {}
        self.row_of: Mapping[str, int] = self._rows
        self.series = SeriesColumns()
        self.totals = Totals(0, 0)
        self.now = time.time()  # what running runs' durations go up to
        self._found: ColumnsFound | None = None
        self.reached: dict[frozenset[str], Catalog] = {}  # by experiments: see `within`

    def take(self, changes: Changes) -> None:
        """Take over what a commit changed."""
        self.epoch, self.revision = changes.epoch, changes.revision
        self.watermark, self.slots_known = changes.watermark, changes.slots_known
        self.now = time.time()
        known = len(self.ids)
        self.add_runs(changes.new_runs)
        self.series.extend(changes.new_series)
        self.series.set_slots(changes.slots)
        fresh = [(run - 1, state) for run, state in changes.run_states if run > known]
        if len(fresh) < GATHERED_RUNS:
            fresh = []
        for start in range(0, len(fresh), GATHERED_MAX):
            self._gather(fresh[start : start + GATHERED_MAX])
        for run, state in changes.run_states:
            if not fresh or run <= known:
                self._take_run(run - 1, state)
        self.series.summary[:, changes.series - 1] = changes.summaries
        self.settle()

    def settle(self) -> None:
        """Count anew, and forget what was derived, after rows have changed."""
        self.series.forget_columns()
        self.reached.clear()
        self._found = None
        self.totals = self._totals()

    @property
    def known(self) -> Known:
        """How much of the views is here already."""
        return Known(self.revision, len(self.ids), self.series.count, self.slots_known)

    def add_runs(self, ids: Sequence[str]) -> None:
        """Add rows for runs of which nothing is known but their ids."""
        first = self.runs.add_rows(len(ids))
        self._rows.update(zip(ids, range(first, first + len(ids)), strict=True))
        self.ids += ids
        self.states.add(len(ids))

    def _take_run(self, row: int, state: bytes) -> None:
        self.states.put(row, state)
        self.runs.replace(row, heads.cells(self.ids[row], self.states[row], self.now))

    def _gather(self, states: Sequence[tuple[int, bytes]]) -> None:
        """Take over the states of many runs that have none: a column at a time."""
        leaves = Leaves()
        for row, state in states:
            self.states.put(row, state)
            heads.gather(leaves, row, self.ids[row], decode_state(state), self.now)
        for path, rows, values in leaves.columns():
            self.runs.put(path, rows, values)

    def let_time_pass(self) -> None:
        """Bring the durations of running runs up to now."""
        self.now = time.time()
        created, ended = self.runs.column(("created_at",)), self.runs.column(("ended_at",))
        if isinstance(created, Numbers):
            running = created.present if ended is None else created.present & ~ended.present
            rows = np.flatnonzero(running)
            durations = np.maximum(0.0, self.now - created.values[rows])
            self.runs.fill(("duration",), rows, durations)

    def experiments(self) -> dict[str, str]:
        """Return of which experiment each run is."""
        column = self.runs.column(("experiment",))
        names = [] if column is None else column.cells()
        return {run: name for run, name in zip(self.ids, names, strict=False) if name}

    def created_at(self) -> NDArray[np.float64]:
        """Return when each run was made, in unix seconds; NaN where nothing says so yet."""
        created = self.runs.column(("created_at",))
        return created.values if isinstance(created, Numbers) else np.full(len(self.ids), np.nan)

    def _totals(self) -> Totals:
        """Return how many runs there are that nobody has deleted, and how many are running."""
        here = self.within_reach(np.ones(len(self.ids), np.bool_))
        deleted, status = self.runs.column(("deleted",)), self.runs.column(("status",))
        if isinstance(deleted, Numbers):
            here &= deleted.values != 1
        running = here
        if isinstance(status, Texts):
            code = next((at for at, word in enumerate(status.words) if word == "running"), -1)
            running = here & ((status.codes == code) | ~status.present)
        return Totals(int(np.count_nonzero(here)), int(np.count_nonzero(running)))

    def within_reach(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows of a mask over all runs are within reach of who asks."""
        return mask

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
        return self.series.of_run(row)

    def row(self, row: int) -> RunRow:
        """Return a run with the figures of its series."""
        series = self.series.of_run(row)
        figures = self.series.summary[:, series].T.tolist()
        metrics = [Summary(**self._figures(*one)) for one in zip(series, figures, strict=True)]
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
        return Summary(**self._figures(series, self.series.summary[:, series].tolist()))

    def series_row(self, series: int) -> SeriesRow:
        """Return the figures of a series with the id of its run."""
        figures = self._figures(series, self.series.summary[:, series].tolist())
        return SeriesRow(**figures, run=self.ids[int(self.series.run[series])])

    def _figures(self, series: int, s: list[float]) -> dict[str, Any]:
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


class _Heads(Sequence[RunHead]):
    """What answers tell of runs without their series, by row; made when they are asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __len__(self) -> int:
        """Return how many runs there are."""
        return len(self._catalog.ids)

    def __getitem__(self, row: Any) -> Any:
        """Return the head of a run."""
        catalog = self._catalog
        return heads.head(catalog.ids[row], catalog.states[row], catalog.now)


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
