"""The distinct values of a column, and which rows share them.

Numbers are equal as numbers, whatever they were written as; a bool is no number, and a NaN is one
value. Missing is a value of its own here. Lists and dicts are equal if what they hold is, in
whatever order a dict has it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .column import ABSENT, BOOL, Column, Numbers, Objects, Rows, Texts

__all__ = ["Factor", "combined", "digest", "factor", "same"]

# A table of all codes is faster than a sort while it is not much larger than the rows are many.
DENSE_SHARE = 4
DENSE_SIZE = 4096

DIGEST_BYTES = 12  # two of a hundred thousand groups share one with a probability of 1e-19


class Factor(NamedTuple):
    """The distinct values of some rows, in their order: NaN after all others, and missing last."""

    codes: NDArray[np.int64]  # which value each row has
    first: Rows  # the first row of each value

    @property
    def size(self) -> int:
        """How many distinct values there are."""
        return len(self.first)


def factor(column: Column) -> Factor:
    """Return the distinct values of a column."""
    if isinstance(column, Numbers):
        odd = np.isnan(column.values).astype(np.int8) + (column.tags == ABSENT)
        bools = (column.tags == BOOL).astype(np.int8)
        keys: list[NDArray[Any]] = [np.where(odd > 0, 0.0, column.values), odd]
        return _ranked([bools, *keys] if bools.any() else keys)
    if isinstance(column, Texts):
        words = _dense(column.codes.astype(np.int64) + 1, len(column.words) + 1)
        # Equal words have one rank, whatever their codes; to be missing is NaN, and comes last.
        known, places = np.unique(column.take(words.first).ranks(), return_inverse=True)
        return _dense(places.reshape(-1)[words.codes], len(known))
    return _of_objects(column)


def combined(factors: Sequence[Factor], rows: int) -> Factor:
    """Return the distinct combinations of several columns' values, the first key first."""
    whole = Factor(np.zeros(rows, np.int64), np.zeros(min(rows, 1), np.intp))
    for one in factors:
        # Dense again after each key, so that the product never overflows.
        whole = _dense(whole.codes * one.size + one.codes, whole.size * one.size)
    return whole


def same(cell: Any) -> tuple[Any, ...]:
    """Return what is equal for cells that count as one value."""
    if cell is None:
        return (4,)
    if isinstance(cell, bool):
        return 0, int(cell), 1
    if isinstance(cell, int | float):
        return (3,) if isinstance(cell, float) and math.isnan(cell) else (0, cell, 0)
    if isinstance(cell, str):
        return 1, cell.casefold(), cell
    return 2, len(cell), repr(_ordered(cell))


def digest(cells: Sequence[Any]) -> str:
    """Return a short text that is the same for cells that count as the same values."""
    # An int and a float of one value are one value; their texts are made the same here.
    plain = [
        float(part) if isinstance(part, int) and abs(part) <= 1 << 53 else part
        for cell in cells
        for part in same(cell)
    ]
    said = repr(plain).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(said, digest_size=DIGEST_BYTES).hexdigest()


def _dense(codes: NDArray[np.int64], size: int) -> Factor:
    """Return codes, which are below `size`, without the ones that no row has."""
    if size > DENSE_SHARE * len(codes) + DENSE_SIZE:
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        return Factor(inverse.reshape(-1).astype(np.int64), first)
    first = np.full(size, -1, np.intp)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # of equals the last one written stays
    used = first >= 0
    return Factor((np.cumsum(used) - 1)[codes], first[used])


def _ranked(keys: Sequence[NDArray[Any]]) -> Factor:
    """Return the distinct combinations of sort keys, the last key the most significant."""
    order = np.lexsort(keys)
    fresh = np.zeros(len(order), np.bool_)
    for key in keys:
        placed = key[order]
        fresh[1:] |= placed[1:] != placed[:-1]
    fresh[:1] = True
    codes = np.empty(len(order), np.int64)
    codes[order] = np.cumsum(fresh) - 1
    # The sort is stable, so that the first in a stretch is the first of its value.
    return Factor(codes, order[fresh])


def _of_objects(column: Objects) -> Factor:
    objects, held = column.objects, column.codes
    if held is None:
        objects, held = [*objects], np.arange(len(objects), dtype=np.int32)
    keys = [same(cell) for cell in objects]
    place_of = {key: place for place, key in enumerate(sorted({*keys, (4,)}))}
    # The one more at the end is for the code -1, which is missing.
    places = np.array([*(place_of[key] for key in keys), place_of[4,]], np.int64)
    return _dense(places[held], len(place_of))


def _ordered(cell: Any) -> Any:
    if isinstance(cell, dict):
        return sorted((key, _ordered(value)) for key, value in cell.items())
    return [_ordered(item) for item in cell] if isinstance(cell, list) else cell
