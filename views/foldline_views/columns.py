"""A growable table of typed columns, one per path.

One column per path, one row per run (or series). Rows are added and patched a cell at a time, or in
bulk. A path whose cells are few lives in a dict until it is worth an array, so ten thousand paths
that one run each has cost little; a path that mixes numbers and texts stays in its dict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import (
    DENSE_CELLS,
    DENSE_SHARE,
    Cells,
    DenseCells,
    LooseCells,
    NumberCells,
    dense_of,
)
from .column import BOOL, FLOAT, INT, Column, Numbers, Objects, Path, Rows, column_of

__all__ = ["Columns", "PathSummary"]


@dataclass(frozen=True, slots=True)
class PathSummary:
    """A path that some rows have: its kind (number, text, bool or mixed) and how many have it."""

    path: Path
    kind: str
    rows: int


def _copied(cell: Any) -> Any:
    return {key: _copied(value) for key, value in cell.items()} if type(cell) is dict else cell


class Columns:
    """A table of typed columns, one per path. Cells are bool, int, float, str, list or dict.

    Not safe to change in one thread while another reads: who owns the table serializes both.
    """

    def __init__(self) -> None:
        """Make a table without rows and paths."""
        self._rows = 0
        self._cells: dict[Path, Cells] = {}
        # Which paths lie under a path: `hparams` is asked for though only its leaves have cells.
        self._below: dict[Path, dict[Path, None]] = {}
        self._trees: dict[Path, Column] = {}

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._rows

    def add_rows(self, count: int = 1) -> int:
        """Add rows without cells; return the first one's number."""
        first = self._rows
        self._rows += count
        self._trees.clear()
        return first

    def set(self, path: Path, row: int, value: Any) -> None:
        """Set one cell; None clears it. A row past the end adds the rows up to it."""
        if row >= self._rows:
            self._rows = row + 1
        if self._trees:
            self._trees.clear()
        cells = self._cells.get(path)
        if value is None:
            if cells is not None:
                cells.drop(row)
            return
        if cells is None:
            cells = self._open(path, LooseCells())
        if not cells.put(row, value):
            cells = self._cells[path] = self._loosened(cells)
            cells.put(row, value)
        if type(cells) is LooseCells and (dense := cells.settled(self._rows)) is not None:
            self._cells[path] = dense

    def _open(self, path: Path, cells: Cells) -> Cells:
        self._cells[path] = cells
        for depth in range(len(path)):
            self._below.setdefault(path[:depth], {})[path] = None
        return cells

    def _loosened(self, cells: Cells) -> LooseCells:
        loose = LooseCells()
        for row, value in enumerate(cells.view(self._rows).cells()):
            if value is not None:
                loose.put(row, value)
        return loose

    def fill(self, path: Path, rows: Rows, values: NDArray[Any]) -> None:
        """Set many numeric cells at once: `values[i]` goes to row `rows[i]`.

        NaN is a value like any other. The array's type (bool, integer or float) says what the
        numbers were. Integers that a float64 would round are set one by one.
        """
        kind = values.dtype.kind
        tag = {"b": BOOL, "i": INT, "u": INT, "f": FLOAT}.get(kind)
        if tag is None:
            raise TypeError(f"columns can be filled with numbers, not with {values.dtype}")
        if not len(rows):
            return
        self._rows = max(self._rows, int(rows.max()) + 1)
        self._trees.clear()
        cells = self._cells.get(path)
        floats = values.astype(np.float64)
        exact = tag != INT or bool((abs(floats) <= 2.0**53).all())
        if cells is not None and type(cells) is LooseCells and cells.numbers == cells.count():
            numbers = NumberCells()
            for row, value in cells.cells.items():
                numbers.put(row, value)
            cells = self._cells[path] = numbers
        if cells is None:
            cells = self._open(path, NumberCells())
        if type(cells) is NumberCells and exact:
            cells.reserve(self._rows)
            cells.values[rows] = floats
            cells.tags[rows] = tag
            return
        for row, value in zip(rows.tolist(), values.tolist(), strict=True):
            self.set(path, row, value)

    def put(self, path: Path, rows: Rows, values: Sequence[Any]) -> None:
        """Set cells of many rows that have none at this path; none of the values is None."""
        cells = self._cells.get(path)
        self._rows = max(self._rows, int(rows.max()) + 1)
        self._trees.clear()
        many = len(values) >= DENSE_CELLS and len(values) * DENSE_SHARE >= self._rows
        if cells is None and many and (dense := dense_of(rows, values)) is not None:
            self._open(path, dense)
            return
        if isinstance(cells, DenseCells) and cells.put_all(rows, values):
            return
        for row, value in zip(rows.tolist(), values, strict=True):
            self.set(path, row, value)

    def adopt(self, path: Path, cells: Cells) -> None:
        """Take over the cells of a path that has none."""
        self._open(path, cells)

    def all_cells(self) -> Iterable[tuple[Path, Cells]]:
        """Yield each path with its cells, in order of first use."""
        return self._cells.items()

    def load(self, path: Path, cells: Sequence[Any]) -> None:
        """Set the first `len(cells)` rows of a path that has no cells yet; None is missing."""
        column = column_of(cells)
        if isinstance(column, Numbers) and path not in self._cells:
            rows = np.flatnonzero(column.present)
            self.fill(path, rows, column.values[rows])
            numbers = self._cells.get(path)
            if type(numbers) is NumberCells:
                numbers.tags[rows] = column.tags[rows]
            self._rows = max(self._rows, len(column))
            return
        self._rows = max(self._rows, len(column))
        for row, value in enumerate(cells):
            if value is not None:
                self.set(path, row, value)

    def replace(self, row: int, cells: Mapping[Path, Any], under: Path = ()) -> None:
        """Make `cells` all that the row has under the path `under`: other paths become missing."""
        for path in self._below.get(under, {}):
            if path not in cells:
                self._cells[path].drop(row)
        if under in self._cells and under not in cells:
            self._cells[under].drop(row)
        self._trees.clear()
        for path, value in cells.items():
            self.set(path, row, value)

    def clear_row(self, row: int) -> None:
        """Make every cell of the row missing; the row stays."""
        self.replace(row, {})

    def column(self, path: Path) -> Column | None:
        """Return the column at a path, or None if no row ever had it.

        A path that others lie under reads as a tree: a dict of what each row has there.
        """
        cells = self._cells.get(path)
        if path in self._below and any(self._cells[leaf].count() for leaf in self._below[path]):
            if path not in self._trees:
                self._trees[path] = self._tree(path, cells)
            return self._trees[path]
        return None if cells is None or not cells.count() else cells.view(self._rows)

    def is_branch(self, path: Path) -> bool:
        """Whether some row has something under a path, and none has anything at it but {}."""
        if not any(self._cells[leaf].count() for leaf in self._below.get(path, {})):
            return False
        own = self._cells.get(path)
        if own is None or not own.count():
            return True
        column = own.view(self._rows)
        return isinstance(column, Objects) and not any(
            cell or cell == [] for cell in column.objects
        )

    def present(self, path: Path) -> NDArray[np.bool_]:
        """Return which rows have anything at a path or under it."""
        mask = np.zeros(self._rows, np.bool_)
        if (own := self._cells.get(path)) is not None and own.count():
            mask |= own.view(self._rows).present
        for leaf in (self._cells[leaf] for leaf in self._below.get(path, {})):
            if isinstance(leaf, LooseCells):  # few cells: no array is made of them
                mask[list(leaf.cells)] = True
            else:
                mask |= leaf.view(self._rows).present
        return mask

    def cells_under(self, path: Path) -> int:
        """Return how many cells lie under a path; 0 once they were made into dicts."""
        if path in self._trees or path not in self._below:
            return 0
        return sum(self._cells[leaf].count() for leaf in self._below.get(path, {}))

    def _tree(self, path: Path, own: Cells | None) -> Column:
        objects: list[Any] = [None] * self._rows
        if own is not None:
            # Dicts are copied: the tree is written into, and what is stored is not ours to change.
            objects = [_copied(cell) for cell in own.view(self._rows).cells()]
        for leaf in self._below[path]:
            *between, last = leaf[len(path) :]
            for row, value in enumerate(self._cells[leaf].view(self._rows).cells()):
                if value is None:
                    continue
                place = objects[row] = objects[row] if isinstance(objects[row], dict) else {}
                for key in between:
                    inner = place.get(key)
                    place[key] = place = inner if isinstance(inner, dict) else {}
                place[last] = _copied(value)
        return Objects(objects)

    def paths(self, under: Path = ()) -> list[PathSummary]:
        """Return the paths that some row has, those under `under` only, in order of first use."""
        found = []
        for path in self._below.get(under, {}):
            cells = self._cells[path]
            if count := cells.count():
                found.append(PathSummary(path, cells.view(self._rows).kind, count))
        return found

    def held(self, path: Path) -> tuple[Rows, Column]:
        """Return the rows that have a cell at a path itself, in no order, and their cells.

        Unlike a column it takes no more memory than the cells do, however many rows there are.
        """
        cells = self._cells[path]
        if type(cells) is LooseCells:
            rows = np.fromiter(cells.cells, np.intp, len(cells.cells))
            return rows, column_of(list(cells.cells.values()))
        whole = cells.view(self._rows)
        rows = np.flatnonzero(whole.present)
        return rows, whole.take(rows)

    def leaves(self, path: Path) -> Iterable[Path]:
        """Return the paths that lie under a path."""
        return self._below.get(path, {})

    def forget(self, path: Path) -> None:
        """Ask for a column anew: here all are up to date."""

    def known_paths(self) -> Iterable[Path]:
        """Return the paths that were ever set, to suggest one of them."""
        return self._cells

    def cell(self, path: Path, row: int) -> Any:
        """Return one cell's value, or None if it is missing."""
        cells = self._cells.get(path)
        return cells.view(self._rows).cell(row) if cells is not None and cells.has(row) else None
