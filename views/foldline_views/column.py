"""One typed column, as a query reads it.

A cell holds a number, a text, or any other value, or it is missing. Missing is not NaN: a NaN is a
value that somebody logged. `None` stands for missing everywhere, so a stored `None` is missing too.

Columns are read-only by convention, and may share memory with the table that made them: take one,
use it, and ask again after the table has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from .lexicon import Lexicon

__all__ = [
    "ABSENT",
    "BOOL",
    "FLOAT",
    "INT",
    "Column",
    "Numbers",
    "Objects",
    "Path",
    "Rows",
    "Texts",
    "column_of",
    "mixed",
    "tag_of",
]

Path = tuple[str, ...]
Rows = NDArray[np.intp]

# What a number was before it became a float64: 0 says that there is none.
ABSENT, BOOL, INT, FLOAT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Ints, floats and bools. A missing cell's value is NaN and its tag ABSENT."""

    values: NDArray[np.float64]
    tags: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.values)

    @property
    def present(self) -> NDArray[np.bool_]:
        """True where there is a value, be it NaN."""
        present: NDArray[np.bool_] = self.tags != ABSENT
        return present

    def cell(self, row: int) -> bool | int | float | None:
        """Return the value of the type that was stored, or None if it is missing."""
        value, tag = float(self.values[row]), self.tags[row]
        if tag == INT:
            return int(value)
        if tag == BOOL:
            return value != 0.0
        return value if tag == FLOAT else None

    def cells(self) -> list[bool | int | float | None]:
        """Return all cells as Python values."""
        tags = self.tags.tolist()
        values: list[float] = self.values.tolist()
        if set(tags) == {FLOAT}:
            return list(values)
        return [_typed(value, tag) for value, tag in zip(values, tags, strict=True)]

    def take(self, rows: Rows) -> Numbers:
        """Return the cells of these rows, in this order; a row may come more than once."""
        return Numbers(self.values[rows], self.tags[rows])

    @property
    def kind(self) -> str:
        """Return "bool" if every value is one, else "number"."""
        present = self.tags[self.tags != ABSENT]
        return "bool" if len(present) and bool((present == BOOL).all()) else "number"


def _typed(value: float, tag: int) -> bool | int | float | None:
    if tag == FLOAT:
        return value
    if tag == INT:
        return int(value)
    return value != 0.0 if tag == BOOL else None


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts, each a code into the words of a lexicon; a missing cell's code is -1.

    `index` is the way back from a word to its code. It is None where words may repeat, as they do
    after `lower()`. Words that no cell uses may be among them.
    """

    codes: NDArray[np.int32]
    lexicon: Lexicon
    index: Mapping[str, int] | None = None

    @property
    def words(self) -> Sequence[str]:
        """The words that codes stand for."""
        return self.lexicon.words

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.codes)

    @property
    def present(self) -> NDArray[np.bool_]:
        """True where there is a text, be it empty."""
        return self.codes >= 0

    def cell(self, row: int) -> str | None:
        """Return the text, or None if it is missing."""
        code = int(self.codes[row])
        return self.words[code] if code >= 0 else None

    def cells(self) -> list[str | None]:
        """Return all cells as Python values."""
        words: list[str | None] = [*self.words, None]
        return [words[code] for code in self.codes.tolist()]

    def take(self, rows: Rows) -> Texts:
        """Return the cells of these rows, in this order; a row may come more than once."""
        return Texts(self.codes[rows], self.lexicon, self.index)

    def ranks(self) -> NDArray[np.float64]:
        """Return each cell's place in alphabetical order, whatever the case; NaN if missing."""
        ranks: NDArray[np.float64] = self.lexicon.ranks()[self.codes]
        return ranks

    @property
    def kind(self) -> str:
        """Return "text"."""
        return "text"


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Values of any type: lists, dicts, or numbers among texts; None is missing.

    With `codes`, row i's value is `objects[codes[i]]`, and missing where the code is -1: many rows
    have the same few tags, and a question about them is asked once for each list of tags. With
    `parts`, every value is a number or a text, and the parts have the one and the other: see
    `mixed`.
    """

    objects: Sequence[Any]
    codes: NDArray[np.int32] | None = None
    parts: tuple[Numbers, Texts] | None = None

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.objects) if self.codes is None else len(self.codes)

    @property
    def present(self) -> NDArray[np.bool_]:
        """True where there is a value."""
        if self.codes is not None:
            held: NDArray[np.bool_] = self.codes >= 0
            return held
        if self.parts is not None:
            numbers, texts = self.parts
            return numbers.present | texts.present
        return np.fromiter((cell is not None for cell in self.objects), np.bool_, len(self))

    def cell(self, row: int) -> Any:
        """Return the value, or None if it is missing."""
        if self.codes is None:
            return self.objects[row]
        code = int(self.codes[row])
        return self.objects[code] if code >= 0 else None

    def cells(self) -> list[Any]:
        """Return all cells."""
        if self.codes is None:
            return list(self.objects)
        objects = [*self.objects, None]
        return [objects[code] for code in self.codes.tolist()]

    def take(self, rows: Rows) -> Objects:
        """Return the cells of these rows, in this order; a row may come more than once."""
        if self.codes is not None:
            return Objects(self.objects, self.codes[rows])
        if self.parts is not None:
            return mixed(self.parts[0].take(rows), self.parts[1].take(rows))
        codes = rows.astype(np.int32)
        codes[~self.present[rows]] = -1
        return Objects(self.objects, codes)

    @property
    def kind(self) -> str:
        """Return "mixed"."""
        return "mixed"


Column = Numbers | Texts | Objects


class _Merged(Sequence[Any]):
    """The cells of two columns of which at most one has a cell in a row."""

    def __init__(self, numbers: Numbers, texts: Texts) -> None:
        self._numbers, self._texts = numbers, texts

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Any]:
        pairs = zip(self._numbers.cells(), self._texts.cells(), strict=True)
        return (text if number is None else number for number, text in pairs)

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return list(self)[row]
        number = self._numbers.cell(row)
        return self._texts.cell(row) if number is None else number


def mixed(numbers: Numbers, texts: Texts) -> Objects:
    """Return a column of numbers in some rows and texts in others; nobody has both in one."""
    return Objects(_Merged(numbers, texts), None, (numbers, texts))


def tag_of(value: object) -> int:
    """Return the tag of a value that `Numbers` can hold exactly, else ABSENT.

    An int that a float64 would round is no such value: it is kept as an object, so that two
    different seeds never look equal.
    """
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT if _is_exact(value) else ABSENT
    return FLOAT if isinstance(value, float) else ABSENT


def _is_exact(value: int) -> bool:
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def column_of(cells: Iterable[Any]) -> Column:
    """Return the narrowest column that holds these cells exactly."""
    listed = list(cells)
    kinds = set(map(type, listed))
    if kinds == {float}:
        return Numbers(np.array(listed, np.float64), np.full(len(listed), FLOAT, np.uint8))
    if kinds == {bool}:
        return Numbers(np.array(listed, np.float64), np.full(len(listed), BOOL, np.uint8))
    held = kinds - {type(None)}
    if held and all(issubclass(kind, str) for kind in held):
        index: dict[str, int] = {}
        codes = [-1 if cell is None else index.setdefault(cell, len(index)) for cell in listed]
        return Texts(np.array(codes, np.int32), Lexicon(list(index)), index)
    tags = [tag_of(cell) for cell in listed]
    if len(tags) - tags.count(ABSENT) == len(listed) - listed.count(None):
        values = [np.nan if cell is None else float(cell) for cell in listed]
        return Numbers(np.array(values, np.float64), np.array(tags, np.uint8))
    return Objects(listed)
