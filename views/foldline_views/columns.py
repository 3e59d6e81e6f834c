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

from .column import (
    ABSENT,
    BOOL,
    FLOAT,
    INT,
    Column,
    Numbers,
    Objects,
    Path,
    Rows,
    Texts,
    column_of,
    tag_of,
)

__all__ = ["Columns", "PathSummary"]

# Cells: below this many, a dict is as fast as an array and smaller.
DENSE_CELLS = 16

# A path becomes an array when it has a cell in at least one row of this many: an array costs 9
# bytes a row and a dict about 100 bytes a cell.
DENSE_SHARE = 16

# Rows: the least that an array grows to, so that small tables do not grow at every row.
FIRST_CAPACITY = 64

# Words that no cell uses any more are dropped when they are more than this share of the rows.
STALE_SHARE = 2


@dataclass(frozen=True, slots=True)
class PathSummary:
    """A path that some rows have: its kind (number, text, bool or mixed) and how many have it."""

    path: Path
    kind: str
    rows: int


def _capacity(row: int) -> int:
    return max(FIRST_CAPACITY, 1 << row.bit_length())


class _NumberCells:
    """Numbers in arrays that grow."""

    __slots__ = ("tags", "values")

    def __init__(self) -> None:
        self.values: NDArray[np.float64] = np.empty(0, np.float64)
        self.tags: NDArray[np.uint8] = np.empty(0, np.uint8)

    def reserve(self, rows: int) -> None:
        old = len(self.values)
        if rows <= old:
            return
        size = _capacity(rows - 1)
        values, tags = np.full(size, np.nan), np.zeros(size, np.uint8)
        values[:old], tags[:old] = self.values, self.tags
        self.values, self.tags = values, tags

    def put(self, row: int, value: Any) -> bool:
        """Set a cell; False, with nothing changed, if the value is no exact float64."""
        kind = type(value)
        if kind is float:
            tag = FLOAT
        else:
            tag = tag_of(value)
            if tag == ABSENT:
                return False
        try:
            self.values[row] = value
        except IndexError:
            self.reserve(row + 1)
            self.values[row] = value
        self.tags[row] = tag
        return True

    def drop(self, row: int) -> None:
        if row < len(self.values):
            self.values[row] = np.nan
            self.tags[row] = ABSENT

    def has(self, row: int) -> bool:
        return row < len(self.values) and bool(self.tags[row])

    def view(self, rows: int) -> Column:
        self.reserve(rows)
        return Numbers(self.values[:rows], self.tags[:rows])

    def count(self) -> int:
        return int(np.count_nonzero(self.tags))


class _CodedCells:
    """Values as codes into a dictionary that grows."""

    __slots__ = ("codes", "index", "memo", "words")

    def __init__(self) -> None:
        self.codes: NDArray[np.int32] = np.empty(0, np.int32)
        self.words: list[Any] = []
        self.index: dict[str, int] = {}
        self.memo: dict[int, NDArray[np.float64]] = {}

    def reserve(self, rows: int) -> None:
        old = len(self.codes)
        if rows <= old:
            return
        codes = np.full(_capacity(rows - 1), -1, np.int32)
        codes[:old] = self.codes
        self.codes = codes

    def key(self, value: Any) -> str | None:
        """Return what equal values share, or None for a value that does not belong here."""
        raise NotImplementedError

    def put(self, row: int, value: Any) -> bool:
        """Set a cell; False, with nothing changed, if the value does not belong here."""
        key = self.key(value)
        if key is None:
            return False
        code = self.index.get(key)
        if code is None:
            if len(self.words) > STALE_SHARE * len(self.codes) + FIRST_CAPACITY:
                self._forget()
            code = self.index[key] = len(self.words)
            self.words.append(value)
        try:
            self.codes[row] = code
        except IndexError:
            self.reserve(row + 1)
            self.codes[row] = code
        return True

    def _forget(self) -> None:
        """Drop the words that no cell uses; new lists, as columns handed out hold the old ones."""
        used, codes = np.unique(self.codes, return_inverse=True)
        kept = used[used >= 0]
        self.codes = (codes.reshape(-1) - (len(used) - len(kept))).astype(np.int32)
        self.words = [self.words[code] for code in kept.tolist()]
        self.index = {self.key(word) or "": code for code, word in enumerate(self.words)}
        self.memo = {}

    def drop(self, row: int) -> None:
        if row < len(self.codes):
            self.codes[row] = -1

    def has(self, row: int) -> bool:
        return row < len(self.codes) and bool(self.codes[row] >= 0)

    def view(self, rows: int) -> Column:
        raise NotImplementedError

    def count(self) -> int:
        return int(np.count_nonzero(self.codes >= 0))


class _TextCells(_CodedCells):
    """Texts."""

    __slots__ = ()

    def key(self, value: Any) -> str | None:
        return value if isinstance(value, str) else None

    def view(self, rows: int) -> Column:
        self.reserve(rows)
        return Texts(self.codes[:rows], self.words, self.index, self.memo)


class _TreeCells(_CodedCells):
    """Lists and dicts: many rows have the same few."""

    __slots__ = ()

    def key(self, value: Any) -> str | None:
        # Unlike equality, the text tells 1 from 1.0 and True, so each cell comes back as it was.
        return repr(value) if isinstance(value, list | dict) else None

    def view(self, rows: int) -> Column:
        self.reserve(rows)
        return Objects(self.words, self.codes[:rows])


class _LooseCells:
    """Cells of any type in a dict: few of them, or of types that no array holds."""

    __slots__ = ("cells", "made", "numbers", "texts", "trees")

    def __init__(self) -> None:
        self.cells: dict[int, Any] = {}
        self.numbers = 0
        self.texts = 0
        self.trees = 0
        self.made: Column | None = None

    def put(self, row: int, value: Any) -> bool:
        self.drop(row)
        self.cells[row] = value
        self._tally(value, 1)
        return True

    def _tally(self, value: Any, by: int) -> None:
        if isinstance(value, str):
            self.texts += by
        elif isinstance(value, list | dict):
            self.trees += by
        elif tag_of(value) != ABSENT:
            self.numbers += by

    def drop(self, row: int) -> None:
        self.made = None
        if row in self.cells:
            self._tally(self.cells.pop(row), -1)

    def has(self, row: int) -> bool:
        return row in self.cells

    def view(self, rows: int) -> Column:
        """Return the narrowest column; made once, and again after a change."""
        if self.made is not None and len(self.made) == rows:
            return self.made
        count = len(self.cells)
        places = np.fromiter(self.cells, np.intp, count)
        if count and self.numbers == count:
            numbers = np.full(rows, np.nan)
            numbers[places] = np.fromiter(map(float, self.cells.values()), np.float64, count)
            tags = np.zeros(rows, np.uint8)
            tags[places] = np.fromiter(map(tag_of, self.cells.values()), np.uint8, count)
            self.made = Numbers(numbers, tags)
        elif count and self.texts == count:
            words = list(dict.fromkeys(self.cells.values()))
            index = {word: code for code, word in enumerate(words)}
            codes = np.full(rows, -1, np.int32)
            codes[places] = [index[word] for word in self.cells.values()]
            self.made = Texts(codes, words, index)
        else:
            get = self.cells.get
            self.made = Objects([get(row) for row in range(rows)])
        return self.made

    def count(self) -> int:
        return len(self.cells)

    def settled(self, rows: int) -> _NumberCells | _CodedCells | None:
        """Return the same cells in arrays, if they are many and of one kind."""
        count = len(self.cells)
        if count < DENSE_CELLS or count * DENSE_SHARE < rows:
            return None
        dense: _NumberCells | _CodedCells
        if self.numbers == count:
            dense = _NumberCells()
        elif self.texts == count:
            dense = _TextCells()
        elif self.trees == count:
            dense = _TreeCells()
        else:
            return None
        for row, value in self.cells.items():
            dense.put(row, value)
        return dense


_Cells = _NumberCells | _CodedCells | _LooseCells


def _copied(cell: Any) -> Any:
    return {key: _copied(value) for key, value in cell.items()} if type(cell) is dict else cell


class Columns:
    """A table of typed columns, one per path. Cells are bool, int, float, str, list or dict.

    Not safe to change in one thread while another reads: who owns the table serializes both.
    """

    def __init__(self) -> None:
        """Make a table without rows and paths."""
        self._rows = 0
        self._cells: dict[Path, _Cells] = {}
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
            cells = self._open(path, _LooseCells())
        if not cells.put(row, value):
            cells = self._cells[path] = self._loosened(cells)
            cells.put(row, value)
        if type(cells) is _LooseCells and (dense := cells.settled(self._rows)) is not None:
            self._cells[path] = dense

    def _open(self, path: Path, cells: _Cells) -> _Cells:
        self._cells[path] = cells
        for depth in range(len(path)):
            self._below.setdefault(path[:depth], {})[path] = None
        return cells

    def _loosened(self, cells: _Cells) -> _LooseCells:
        loose = _LooseCells()
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
        if cells is not None and type(cells) is _LooseCells and cells.numbers == cells.count():
            numbers = _NumberCells()
            for row, value in cells.cells.items():
                numbers.put(row, value)
            cells = self._cells[path] = numbers
        if cells is None:
            cells = self._open(path, _NumberCells())
        if type(cells) is _NumberCells and exact:
            cells.reserve(self._rows)
            cells.values[rows] = floats
            cells.tags[rows] = tag
            return
        for row, value in zip(rows.tolist(), values.tolist(), strict=True):
            self.set(path, row, value)

    def load(self, path: Path, cells: Sequence[Any]) -> None:
        """Set the first `len(cells)` rows of a path that has no cells yet; None is missing."""
        column = column_of(cells)
        if isinstance(column, Numbers) and path not in self._cells:
            rows = np.flatnonzero(column.present)
            self.fill(path, rows, column.values[rows])
            numbers = self._cells.get(path)
            if type(numbers) is _NumberCells:
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

    def _tree(self, path: Path, own: _Cells | None) -> Column:
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
        if type(cells) is _LooseCells:
            rows = np.fromiter(cells.cells, np.intp, len(cells.cells))
            return rows, column_of(list(cells.cells.values()))
        whole = cells.view(self._rows)
        rows = np.flatnonzero(whole.present)
        return rows, whole.take(rows)

    def known_paths(self) -> Iterable[Path]:
        """Return the paths that were ever set, to suggest one of them."""
        return self._cells

    def cell(self, path: Path, row: int) -> Any:
        """Return one cell's value, or None if it is missing."""
        cells = self._cells.get(path)
        return cells.view(self._rows).cell(row) if cells is not None and cells.has(row) else None
