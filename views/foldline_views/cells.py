"""The cells of one column, as they grow."""

from __future__ import annotations

from collections.abc import Sequence
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
    Rows,
    Texts,
    mixed,
    tag_of,
)
from .lexicon import Lexicon

__all__ = [
    "DENSE_CELLS", "DENSE_SHARE", "Cells", "CodedCells", "DenseCells", "LooseCells", "MixedCells",
    "NumberCells", "TextCells", "TreeCells", "dense_of",
]  # fmt: skip

# Cells: below this many, a dict is as fast as an array and smaller.
DENSE_CELLS = 16

# A path becomes an array when it has a cell in at least one row of this many: an array costs 9
# bytes a row and a dict about 100 bytes a cell.
DENSE_SHARE = 16

# Rows: the least that an array grows to, so that small tables do not grow at every row.
FIRST_CAPACITY = 64

# Whole numbers up to here, and their negatives, are float64s exactly.
EXACT_MAX = 2**53

TAGS = {float: FLOAT, int: INT, bool: BOOL}

# Words that no cell uses any more are dropped when they are more than this share of the rows.
STALE_SHARE = 2


def _capacity(row: int) -> int:
    return max(FIRST_CAPACITY, 1 << row.bit_length())


class NumberCells:
    """Numbers in arrays that grow."""

    __slots__ = ("tags", "values")

    def __init__(self) -> None:
        self.values: NDArray[np.float64] = np.empty(0, np.float64)
        self.tags: NDArray[np.uint8] = np.empty(0, np.uint8)

    def reserve(self, rows: int) -> None:
        """Make room for rows."""
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

    def put_all(self, rows: Rows, values: Sequence[Any]) -> bool:
        """Set many cells; False, with nothing changed, if a value is no exact float64."""
        kinds = set(map(type, values))
        if not kinds <= TAGS.keys():
            return False
        if int in kinds and not all(
            -EXACT_MAX <= value <= EXACT_MAX for value in values if type(value) is int
        ):
            return False
        self.reserve(int(rows.max()) + 1)
        self.values[rows] = values
        if len(kinds) == 1:
            self.tags[rows] = TAGS[kinds.pop()]
        else:
            self.tags[rows] = [TAGS[type(value)] for value in values]
        return True

    def drop(self, row: int) -> None:
        """Make a cell missing."""
        if row < len(self.values):
            self.values[row] = np.nan
            self.tags[row] = ABSENT

    def has(self, row: int) -> bool:
        """Whether a row has a cell."""
        return row < len(self.values) and bool(self.tags[row])

    def view(self, rows: int) -> Column:
        """Return the column of so many rows."""
        self.reserve(rows)
        return Numbers(self.values[:rows], self.tags[:rows])

    def count(self) -> int:
        """Return how many rows have a cell."""
        return int(np.count_nonzero(self.tags))


class CodedCells:
    """Values as codes into a dictionary that grows."""

    __slots__ = ("codes", "index", "lexicon", "words")

    def __init__(self) -> None:
        self.codes: NDArray[np.int32] = np.empty(0, np.int32)
        self.words: list[Any] = []
        self.index: dict[str, int] = {}
        self.lexicon = Lexicon(self.words)  # asked of texts alone

    def adopt(self, codes: NDArray[np.int32], words: list[Any]) -> None:
        """Take over codes, and the words that they stand for."""
        self.codes, self.words = codes, words
        self.index = {self.key(word) or "": code for code, word in enumerate(words)}
        self.lexicon = Lexicon(words)

    def reserve(self, rows: int) -> None:
        """Make room for rows."""
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

    def put_all(self, rows: Rows, values: Sequence[Any]) -> bool:
        """Set many cells; False, with nothing changed, if a value does not belong here."""
        keys = [self.key(value) for value in values]
        if None in keys:
            return False
        codes, index = [], self.index
        for key, value in zip(keys, values, strict=True):
            code = index.get(key)  # type: ignore[arg-type]  # none is None
            if code is None:
                code = index[key] = len(self.words)  # type: ignore[index]  # the same
                self.words.append(value)
            codes.append(code)
        self.reserve(int(rows.max()) + 1)
        self.codes[rows] = codes
        return True

    def _forget(self) -> None:
        """Drop the words that no cell uses; new lists, as columns handed out hold the old ones."""
        used, codes = np.unique(self.codes, return_inverse=True)
        kept = used[used >= 0]
        codes = codes.reshape(-1) - (len(used) - len(kept))
        self.adopt(codes.astype(np.int32), [self.words[code] for code in kept.tolist()])

    def drop(self, row: int) -> None:
        """Make a cell missing."""
        if row < len(self.codes):
            self.codes[row] = -1

    def has(self, row: int) -> bool:
        """Whether a row has a cell."""
        return row < len(self.codes) and bool(self.codes[row] >= 0)

    def view(self, rows: int) -> Column:
        """Return the column of so many rows."""
        raise NotImplementedError

    def count(self) -> int:
        """Return how many rows have a cell."""
        return int(np.count_nonzero(self.codes >= 0))


class TextCells(CodedCells):
    """Texts."""

    __slots__ = ()

    def key(self, value: Any) -> str | None:
        """Return what equal values share, or None for a value that does not belong here."""
        return value if isinstance(value, str) else None

    def view(self, rows: int) -> Column:
        """Return the column of so many rows."""
        self.reserve(rows)
        return Texts(self.codes[:rows], self.lexicon, self.index)


class TreeCells(CodedCells):
    """Lists and dicts: many rows have the same few."""

    __slots__ = ()

    def key(self, value: Any) -> str | None:
        """Return what equal values share, or None for a value that does not belong here."""
        # Unlike equality, the text tells 1 from 1.0 and True, so each cell comes back as it was.
        return repr(value) if isinstance(value, list | dict) else None

    def view(self, rows: int) -> Column:
        """Return the column of so many rows."""
        self.reserve(rows)
        return Objects(self.words, self.codes[:rows])


class MixedCells:
    """Numbers in some rows, and texts in others."""

    __slots__ = ("numbers", "texts")

    def __init__(self) -> None:
        self.numbers = NumberCells()
        self.texts = TextCells()

    def put(self, row: int, value: Any) -> bool:
        """Set a cell; False, with nothing changed, if the value is neither."""
        if self.numbers.put(row, value):
            self.texts.drop(row)
            return True
        if self.texts.put(row, value):
            self.numbers.drop(row)
            return True
        return False

    def drop(self, row: int) -> None:
        """Make a cell missing."""
        self.numbers.drop(row)
        self.texts.drop(row)

    def put_all(self, rows: Rows, values: Sequence[Any]) -> bool:
        """Set many cells of rows that have none; False, with nothing changed, if one is neither."""
        are_texts = np.fromiter((type(value) is str for value in values), np.bool_, len(values))
        numbers = [value for value in values if type(value) is not str]
        if numbers and not self.numbers.put_all(rows[~are_texts], numbers):
            return False
        if len(numbers) < len(values):
            texts = [value for value in values if type(value) is str]
            self.texts.put_all(rows[are_texts], texts)
        return True

    def has(self, row: int) -> bool:
        """Whether a row has a cell."""
        return self.numbers.has(row) or self.texts.has(row)

    def view(self, rows: int) -> Column:
        """Return the column of so many rows."""
        numbers, texts = self.numbers.view(rows), self.texts.view(rows)
        if not (texts.present.any() and numbers.present.any()):
            return texts if texts.present.any() else numbers
        assert isinstance(numbers, Numbers)
        assert isinstance(texts, Texts)
        return mixed(numbers, texts)

    def count(self) -> int:
        """Return how many rows have a cell."""
        return self.numbers.count() + self.texts.count()


class LooseCells:
    """Cells of any type in a dict: few of them, or of types that no array holds."""

    __slots__ = ("cells", "made", "numbers", "texts", "trees")

    def __init__(self) -> None:
        self.cells: dict[int, Any] = {}
        self.numbers = 0
        self.texts = 0
        self.trees = 0
        self.made: Column | None = None

    def put(self, row: int, value: Any) -> bool:
        """Set a cell."""
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
        """Make a cell missing."""
        self.made = None
        if row in self.cells:
            self._tally(self.cells.pop(row), -1)

    def has(self, row: int) -> bool:
        """Whether a row has a cell."""
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
            self.made = Texts(codes, Lexicon(words), index)
        else:
            get = self.cells.get
            self.made = Objects([get(row) for row in range(rows)])
        return self.made

    def count(self) -> int:
        """Return how many rows have a cell."""
        return len(self.cells)

    def settled(self, rows: int) -> DenseCells | None:
        """Return the same cells in arrays, if they are many and arrays can hold them."""
        count = len(self.cells)
        if count < DENSE_CELLS or count * DENSE_SHARE < rows:
            return None
        if self.numbers == count:
            kind: type[DenseCells] = NumberCells
        elif self.texts == count:
            kind = TextCells
        elif self.trees == count:
            kind = TreeCells
        elif self.numbers + self.texts == count:
            kind = MixedCells
        else:
            return None
        dense = kind()
        for row, value in self.cells.items():
            dense.put(row, value)
        return dense


DenseCells = NumberCells | CodedCells | MixedCells
Cells = DenseCells | LooseCells


def dense_of(rows: Rows, values: Sequence[Any]) -> DenseCells | None:
    """Return the narrowest cells in arrays that hold these values, or None if no array does."""
    kinds: tuple[type[DenseCells], ...] = (NumberCells, TextCells, TreeCells, MixedCells)
    return next(
        (cells for cells in (kind() for kind in kinds) if cells.put_all(rows, values)), None
    )
