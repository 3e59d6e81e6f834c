"""A catalog as far as somebody's questions reach.

It answers as if the runs out of reach were not there: none is found, no column, metric or context
is theirs alone, and nothing is counted of them. Row numbers are those of the whole catalog, so
that all that is read by them stays as it is. Columns are masked when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import MetricColumn
from .catalog import Catalog
from .column import ABSENT, Column, Numbers, Objects, Path, Rows, Texts, column_of, mixed
from .columns import Columns, PathSummary
from .reach import Reach
from .seriescolumns import SeriesColumns

__all__ = ["within"]

REACHES_MAX = 64  # catalogs of different reaches kept until the next commit: a MB each

Mask = NDArray[np.bool_]
NOBODYS: tuple[str, dict[str, Any]] = ("", {})  # in the place of a metric that only others have


def within(catalog: Catalog, reach: Reach) -> Catalog:
    """Return a catalog as far as a reach goes; itself, if that is everything."""
    if reach.experiments is None:
        return catalog
    found = catalog.reached.get(reach.experiments)
    if found is None:
        if len(catalog.reached) >= REACHES_MAX:
            catalog.reached.clear()
        found = catalog.reached[reach.experiments] = _Within(catalog, reach.experiments)
    return found


class _Within(Catalog):
    """What is within reach of a catalog, until that changes."""

    is_whole = False

    def __init__(self, whole: Catalog, experiments: frozenset[str]) -> None:
        super().__init__()
        self._whole = whole
        self._seen = _seen(whole, experiments)
        self.epoch, self.revision, self.watermark = whole.epoch, whole.revision, whole.watermark
        self.slots_known, self.now = whole.slots_known, whole.now
        self.ids, self.states = whole.ids, whole.states
        self.row_of = _RowOf(whole, self._seen)
        self.runs: Columns = _Columns(whole.runs, self._seen)
        self.series: SeriesColumns = _Series(whole.series, self._seen)
        self.totals = self._totals()

    def within_reach(self, mask: Mask) -> Mask:
        """Return which rows of a mask over all runs are within reach."""
        return mask & _fitted(self._seen, len(mask))

    def let_time_pass(self) -> None:
        """Bring the durations of running runs up to now."""
        self._whole.let_time_pass()
        self.now = self._whole.now
        self.runs.forget(("duration",))


class _RowOf(Mapping[str, int]):
    """The rows of runs within reach by their ids."""

    def __init__(self, whole: Catalog, seen: Mask) -> None:
        self._ids, self._rows, self._seen = whole.ids, whole.row_of, seen

    def __getitem__(self, run: str) -> int:
        row = self._rows[run]
        if row >= len(self._seen) or not self._seen[row]:
            raise KeyError(run)
        return row

    def __iter__(self) -> Iterator[str]:
        return (self._ids[row] for row in np.flatnonzero(self._seen).tolist())

    def __len__(self) -> int:
        return int(np.count_nonzero(self._seen))


class _Columns(Columns):
    """The columns of runs, with the cells of those within reach."""

    def __init__(self, whole: Columns, seen: Mask) -> None:
        super().__init__()
        self._whole, self._seen = whole, seen
        self._masked: dict[Path, Column | None] = {}

    @property
    def rows(self) -> int:
        """How many rows there are, those out of reach among them."""
        return self._whole.rows

    def column(self, path: Path) -> Column | None:
        """Return the column at a path, or None if no run within reach has it."""
        if path not in self._masked:
            whole = self._whole.column(path)
            found = None if whole is None else _masked(whole, _fitted(self._seen, len(whole)))
            self._masked[path] = found if found is not None and found.present.any() else None
        return self._masked[path]

    def forget(self, path: Path) -> None:
        """Ask for a column anew, and for the trees that it is in."""
        for depth in range(len(path) + 1):
            self._masked.pop(path[:depth], None)

    def leaves(self, path: Path) -> Iterable[Path]:
        """Return the paths that lie under a path."""
        return [leaf for leaf in self._whole.leaves(path) if self._has(leaf)]

    def is_branch(self, path: Path) -> bool:
        """Whether some run has something under a path, and none has anything at it but {}."""
        if not any(self._has(leaf) for leaf in self._whole.leaves(path)):
            return False
        if not self._has(path):
            return True
        _, own = self.held(path)
        return isinstance(own, Objects) and not any(cell or cell == [] for cell in own.cells())

    def present(self, path: Path) -> Mask:
        """Return which runs within reach have anything at a path or under it."""
        found = self._whole.present(path)
        return found & _fitted(self._seen, len(found))

    def cells_under(self, path: Path) -> int:
        """Return how many cells lie under a path, at most."""
        return self._whole.cells_under(path)

    def paths(self, under: Path = ()) -> list[PathSummary]:
        """Return the paths that some run within reach has, under `under`."""
        found = []
        for path in self._whole.leaves(under):
            rows, column = self.held(path)
            if len(rows):
                found.append(PathSummary(path, column.kind, len(rows)))
        return found

    def held(self, path: Path) -> tuple[Rows, Column]:
        """Return the rows within reach that have a cell at a path itself, and their cells."""
        rows, column = self._whole.held(path)
        kept = np.flatnonzero(_among(rows, self._seen))
        return rows[kept], _narrowed(column.take(kept))

    def known_paths(self) -> Iterable[Path]:
        """Return the paths that some run within reach has."""
        return [path for path in self._whole.known_paths() if self._has(path)]

    def cell(self, path: Path, row: int) -> Any:
        """Return one cell's value, or None if it is missing or out of reach."""
        return self._whole.cell(path, row) if self._seen[row] else None

    def _has(self, path: Path) -> bool:
        if path not in self._whole.known_paths():
            return False
        rows, _ = self._whole.held(path)
        return bool(_among(rows, self._seen).any())


class _Series(SeriesColumns):
    """All series; those of runs out of reach have no points, and no names."""

    def __init__(self, whole: SeriesColumns, seen: Mask) -> None:
        super().__init__()
        self._whole, self._seen = whole, seen
        self.count, self.run, self.kind = whole.count, whole.run, whole.kind
        self._mine = _among(whole.run[: whole.count], seen)
        kinds = whole.kind[: whole.count][self._mine]
        self._used = np.bincount(kinds, minlength=len(whole.kinds))
        self.kinds = [
            kind if used else NOBODYS
            for kind, used in zip(whole.kinds, self._used.tolist(), strict=True)
        ]

    @property
    def summary(self) -> NDArray[np.float64]:
        """The summaries: a column for each series, those out of reach among them."""
        return self._whole.summary[:, : self.count]

    def with_points(self) -> Mask:
        """Return which series within reach have points."""
        return super().with_points() & self._mine

    def reached(self, series: Rows) -> Mask:
        """Return which of these series are within reach."""
        return self._mine[series]

    def of_run(self, run: int) -> list[int]:
        """Return the series of a run, by row, in the order in which they were defined."""
        mine = self._whole.of_run(run) if self._seen[run] else []
        return [series for series in mine if series < self.count]

    def slots_of(self, series: int) -> list[int]:
        """Return the slots of a series in the order of their writers."""
        return self._whole.slots_of(series) if self._mine[series] else []

    def metrics(self) -> Iterator[MetricColumn]:
        """Yield each name and context with how many runs have it."""
        for (name, context), runs in zip(self.kinds, self._used.tolist(), strict=True):
            if runs:
                yield MetricColumn(name, context, runs)

    def contexts(self, name: str) -> list[dict[str, Any]]:
        """Return the contexts of all series of a name; {} first, if it is among them."""
        return [self.kinds[kind][1] for kind in self._whole.kinds_of(name) if self._used[kind]]

    def of_runs(
        self, name: str, context: Mapping[str, Any], field: str, rows: int
    ) -> Column | None:
        """Return a figure of each run's series of exactly this name and context."""
        if not any(found == context for found in self.contexts(name)):
            return None
        whole = self._whole.of_runs(name, context, field, rows)
        return None if whole is None else _masked(whole, _fitted(self._seen, len(whole)))

    def _field(self, series: Rows, field: str) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        values, tags = super()._field(series, field)
        mine = self._mine[series]
        return np.where(mine, values, np.nan), np.where(mine, tags, ABSENT).astype(np.uint8)

    def named(self, name: str) -> tuple[Rows, Rows]:
        """Return the runs of the series of a name, in order, and the series, of each {} first."""
        runs, series = self._whole.named(name)
        kept = _among(runs, self._seen) & (series < self.count)
        return runs[kept], series[kept]


def _seen(catalog: Catalog, experiments: frozenset[str]) -> Mask:
    """Return which runs are of some experiments."""
    column = catalog.runs.column(("experiment",))
    if not isinstance(column, Texts):
        cells = [] if column is None else column.cells()
        mask = np.array([cell in experiments for cell in cells], np.bool_)
        return _fitted(mask, catalog.runs.rows)
    codes = [code for code, word in enumerate(column.words) if word in experiments]
    return np.isin(column.codes, codes)


def _fitted(seen: Mask, rows: int) -> Mask:
    """Return a mask of so many rows: runs that came since are out of reach until the next one."""
    if len(seen) >= rows:
        return seen[:rows]
    return np.append(seen, np.zeros(rows - len(seen), np.bool_))


def _among(rows: Rows, seen: Mask) -> Mask:
    """Return which of these rows are seen."""
    if not len(seen):
        return np.zeros(len(rows), np.bool_)
    found: Mask = seen[np.minimum(rows, len(seen) - 1)] & (rows < len(seen))
    return found


def _masked(column: Column, seen: Mask) -> Column:
    """Return a column without the cells of rows that are not seen."""
    if isinstance(column, Numbers):
        values, tags = np.where(seen, column.values, np.nan), np.where(seen, column.tags, ABSENT)
        return Numbers(values, tags.astype(np.uint8))
    if isinstance(column, Texts):
        codes = np.where(seen, column.codes, -1).astype(np.int32)
        return Texts(codes, column.lexicon, column.index)
    if column.codes is not None:
        return _narrowed(Objects(column.objects, np.where(seen, column.codes, -1).astype(np.int32)))
    if column.parts is not None:
        numbers, texts = (_masked(part, seen) for part in column.parts)
        assert isinstance(numbers, Numbers)
        assert isinstance(texts, Texts)
        return _narrowed(mixed(numbers, texts))
    pairs = zip(column.objects, seen.tolist(), strict=True)
    return column_of(cell if shown else None for cell, shown in pairs)


def _narrowed(column: Column) -> Column:
    """Return a column as its cells alone would make it: a question may be asked of each object."""
    if not isinstance(column, Objects):
        return column
    if column.parts is not None:
        numbers, texts = column.parts
        if numbers.present.any() and texts.present.any():
            return column
        return numbers if numbers.present.any() else texts
    if column.codes is None:
        return column
    used = np.unique(column.codes[column.codes >= 0])
    if not all(isinstance(column.objects[code], list | dict) for code in used.tolist()):
        return column_of(column.cells())  # numbers, or texts, without what was mixed with them
    place = np.full(len(column.objects) + 1, -1, np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    return Objects([column.objects[code] for code in used.tolist()], place[column.codes])
