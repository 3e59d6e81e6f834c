"""Arithmetic and comparison of whole columns at once.

A value is a column, or a `Scalar` that stands for the same cell in every row. The rules are the
same cell by cell: a missing operand makes arithmetic missing and a comparison false; so do types
that don't fit, and then `Mismatch` is told, for the user shall hear of it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .column import ABSENT, BOOL, FLOAT, INT, Column, Numbers, Objects, Texts, column_of, tag_of
from .lexicon import Lexicon

__all__ = [
    "Mask",
    "Scalar",
    "Value",
    "absolute",
    "arithmetic",
    "cells_of",
    "compare",
    "contains",
    "flags",
    "is_missing",
    "looked_up",
    "mapped",
    "negative",
    "of_words",
    "select",
    "truth",
]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One cell for all rows; None is missing."""

    cell: Any


Value = Column | Scalar

# Told when values of types that don't fit meet.
Mismatch = Callable[[], None]

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def _full(rows: int, cell: bool) -> Mask:
    return np.full(rows, cell, np.bool_)


def flags(mask: Mask) -> Numbers:
    """Return a mask as a column of bools, none of them missing."""
    return Numbers(mask.astype(np.float64), np.full(len(mask), BOOL, np.uint8))


def cells_of(value: Value, rows: int) -> Sequence[Any]:
    """Return the cells of a value as Python values."""
    return [value.cell] * rows if isinstance(value, Scalar) else value.cells()


def is_missing(value: Value, rows: int) -> Mask:
    """Return where a value is missing."""
    return _full(rows, value.cell is None) if isinstance(value, Scalar) else ~value.present


def truth(value: Value, rows: int) -> Mask:
    """Return where a value counts as true: there, and not zero, empty or False."""
    if isinstance(value, Scalar):
        return _full(rows, bool(value.cell))
    if isinstance(value, Numbers):
        mask: Mask = (value.values != 0) & value.present
        return mask
    if isinstance(value, Texts):
        return looked_up(value.codes, value.lexicon.compare("!=", ""))
    if value.parts is not None:
        return truth(value.parts[0], rows) | truth(value.parts[1], rows)
    return _asked(value, bool)


def looked_up(codes: NDArray[np.int32], answers: Sequence[bool] | Mask) -> Mask:
    """Return each cell's word's answer; False, the last one, where the cell is missing."""
    found: Mask = np.append(np.asarray(answers, np.bool_), False)[codes]
    return found


def _asked(column: Objects, question: Callable[[Any], bool]) -> Mask:
    """Return what each cell answers, asked once for each that rows share; False where missing."""
    answers = [cell is not None and question(cell) for cell in column.objects]
    if column.codes is None:
        return np.array(answers, np.bool_)
    return looked_up(column.codes, answers)


def mapped(column: Texts | Objects, function: Callable[[Any], Any]) -> Column:
    """Return a column of what a function makes of each cell, asked once for each word."""
    codes, words = column.codes, column.words if isinstance(column, Texts) else column.objects
    made = [None if word is None else function(word) for word in words]
    if codes is None:
        return column_of(made)
    kinds = set(map(type, made))
    if isinstance(column, Texts) and kinds == {str}:
        return Texts(codes, Lexicon([str(word) for word in made]))
    if kinds in ({bool}, {float}):
        return of_words(codes, np.array(made, np.float64), BOOL if kinds == {bool} else FLOAT)
    return column_of([*made, None]).take(codes.astype(np.intp))


def of_words(codes: NDArray[np.int32], numbers: NDArray[np.float64], tag: int) -> Numbers:
    """Return a column of the numbers that belong to the words that codes stand for."""
    tags = np.full(len(numbers) + 1, tag, np.uint8)
    tags[-1] = ABSENT  # of the code -1
    return Numbers(np.append(numbers, np.nan)[codes], tags[codes])


# --- comparison -----------------------------------------------------------------------------------


def compare(op: str, left: Value, right: Value, rows: int, mismatch: Mismatch) -> Mask:
    """Return where `left op right` holds, for < <= > >= == and !=."""
    if isinstance(left, Scalar) and not isinstance(right, Scalar):
        return compare(FLIPPED[op], right, left, rows, mismatch)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return _full(rows, _compare_cells(op, left.cell, right.cell, mismatch))
    if isinstance(right, Scalar):
        if right.cell is None:
            return _full(rows, cell=False)
        if isinstance(left, Numbers):
            return _numbers_to_scalar(op, left, right.cell, rows, mismatch)
        if isinstance(left, Texts):
            return _texts_to_scalar(op, left, right.cell, mismatch)
        if isinstance(left, Objects) and left.parts is not None:
            numbers, texts = (compare(op, part, right, rows, mismatch) for part in left.parts)
            return numbers | texts
        if isinstance(left, Objects):
            other = right.cell
            return _asked(left, lambda cell: _compare_cells(op, cell, other, mismatch))
    elif isinstance(left, Numbers) and isinstance(right, Numbers):
        mask: Mask = COMPARE[op](left.values, right.values)
        return mask & left.present & right.present if op == "!=" else mask
    pairs = zip(cells_of(left, rows), cells_of(right, rows), strict=True)
    return np.fromiter((_compare_cells(op, a, b, mismatch) for a, b in pairs), np.bool_, rows)


def _numbers_to_scalar(op: str, left: Numbers, cell: Any, rows: int, mismatch: Mismatch) -> Mask:
    if tag_of(cell) != ABSENT:
        # A missing cell's value is NaN, which compares false to everything, but for `!=`.
        mask: Mask = COMPARE[op](left.values, float(cell))
        return mask & left.present if op == "!=" else mask
    if isinstance(cell, int):  # too large for a float64: Python compares the two exactly
        exact = (COMPARE[op](value, cell) for value in left.values.tolist())
        return np.fromiter(exact, np.bool_, rows) & left.present
    return _unlike(op, left.present, mismatch)


def _unlike(op: str, present: Mask, mismatch: Mismatch) -> Mask:
    """Return what comparing cells with a value of another type gives."""
    if op == "!=":
        return present
    if op != "==" and present.any():
        mismatch()
    return np.zeros_like(present)


def _texts_to_scalar(op: str, left: Texts, cell: Any, mismatch: Mismatch) -> Mask:
    if not isinstance(cell, str):
        return _unlike(op, left.present, mismatch)
    if left.index is not None and op in {"==", "!="}:
        code = left.index.get(cell, -2)
        mask: Mask = left.codes == code
        return mask if op == "==" else ~mask & left.present
    return looked_up(left.codes, left.lexicon.compare(op, cell))


def _compare_cells(op: str, left: Any, right: Any, mismatch: Mismatch) -> bool:
    """Return whether `left op right` holds for two cells."""
    if left is None or right is None:
        return False
    if op in {"==", "!="}:
        return bool(COMPARE[op](left, right))
    if isinstance(left, int | float) and isinstance(right, int | float):
        return bool(COMPARE[op](left, right))
    if isinstance(left, str) and isinstance(right, str):
        return bool(COMPARE[op](left, right))
    mismatch()
    return False


def contains(item: Value, place: Value, rows: int, mismatch: Mismatch) -> tuple[Mask, Mask]:
    """Return where `item in place` holds, and where it could be asked at all."""
    if isinstance(place, Scalar) and isinstance(place.cell, list):
        return _in_list(item, place.cell, rows)
    texts = item if isinstance(item, Texts) else place
    other = place if isinstance(item, Texts) else item
    if isinstance(texts, Texts) and isinstance(other, Scalar) and isinstance(other.cell, str):
        word = other.cell
        if texts is place:
            return looked_up(texts.codes, texts.lexicon.contains(word)), texts.present
        return looked_up(texts.codes, [text in word for text in texts.words]), texts.present
    if isinstance(place, Objects) and isinstance(item, Scalar):
        cell = item.cell
        askable = _asked(place, lambda holder: _may_hold(holder, cell, mismatch))
        return _asked(place, lambda holder: _may_hold(holder, cell) and _in(cell, holder)), askable
    pairs = list(zip(cells_of(item, rows), cells_of(place, rows), strict=True))
    able = [_may_hold(holder, cell, mismatch) for cell, holder in pairs]
    inside = [may and _in(cell, holder) for may, (cell, holder) in zip(able, pairs, strict=True)]
    return np.array(inside, np.bool_), np.array(able, np.bool_)


def _may_hold(holder: Any, cell: Any, mismatch: Mismatch = lambda: None) -> bool:
    """Whether `cell in holder` can be asked: of lists, and for texts also of texts and dicts."""
    if cell is None or holder is None:
        return False
    if isinstance(holder, list | str | dict if isinstance(cell, str) else list):
        return True
    mismatch()
    return False


def _in(cell: Any, holder: Any) -> bool:
    # Python finds a NaN in a list if it is the very same object, which says nothing here.
    return cell == cell and cell in holder  # noqa: PLR0124  # NaN is not itself


def _in_list(item: Value, members: list[Any], rows: int) -> tuple[Mask, Mask]:
    missing = is_missing(item, rows)
    asked = ~missing
    known = [member for member in members if member is not None]
    if isinstance(item, Numbers) and all(tag_of(m) != ABSENT or type(m) is str for m in known):
        numbers = [float(member) for member in known if not isinstance(member, str)]
        holds = np.isin(item.values, numbers)
    elif isinstance(item, Objects) and item.parts is not None:
        one, other = (_in_list(part, known, rows)[0] for part in item.parts)
        holds = one | other
    elif isinstance(item, Texts) and item.index is not None:
        codes = [item.index[m] for m in known if isinstance(m, str) and m in item.index]
        holds = np.isin(item.codes, codes)
    elif isinstance(item, Texts):
        texts = {member for member in known if isinstance(member, str)}
        holds = looked_up(item.codes, [word in texts for word in item.words])
    else:
        cells = cells_of(item, rows)
        holds = np.fromiter(
            (cell is not None and _in(cell, known) for cell in cells), np.bool_, rows
        )
    return (holds | missing if len(known) < len(members) else holds), asked


# --- arithmetic -----------------------------------------------------------------------------------


def _numbers(value: Value, mismatch: Mismatch) -> Numbers:
    """Return a value's numbers, missing where it has none; one row for a scalar."""
    if isinstance(value, Numbers):
        return value
    if isinstance(value, Objects) and value.parts is not None:
        if value.parts[1].present.any():
            mismatch()
        return value.parts[0]
    cells = [value.cell] if isinstance(value, Scalar) else value.cells()
    numbers = [float("nan")] * len(cells)
    tags = [ABSENT] * len(cells)
    for row, cell in enumerate(cells):
        if isinstance(cell, int | float):
            tags[row] = tag_of(cell) or FLOAT
            try:
                numbers[row] = float(cell)
            except OverflowError:
                numbers[row] = float("inf") if cell > 0 else float("-inf")
        elif cell is not None:
            mismatch()
    return Numbers(np.array(numbers, np.float64), np.array(tags, np.uint8))


def _settled(values: NDArray[np.float64], present: Mask, whole: Mask) -> Numbers:
    tags = np.where(whole & np.isfinite(values), INT, FLOAT).astype(np.uint8)
    return Numbers(np.where(present, values, np.nan), np.where(present, tags, ABSENT))


def negative(value: Value, mismatch: Mismatch) -> Value:
    """Return a number with its sign changed."""
    numbers = _numbers(value, mismatch)
    result = _settled(-numbers.values, numbers.present, numbers.tags != FLOAT)
    return Scalar(result.cell(0)) if isinstance(value, Scalar) else result


def absolute(numbers: Numbers) -> Numbers:
    """Return numbers without their sign."""
    return _settled(np.abs(numbers.values), numbers.present, numbers.tags != FLOAT)


def arithmetic(op: str, left: Value, right: Value, rows: int, mismatch: Mismatch) -> Value:
    """Return `left op right`, in float64, for + - * / // % and **; + also joins texts.

    Division by zero, and a power that is no real number, are missing.
    """
    single = isinstance(left, Scalar) and isinstance(right, Scalar)
    if op == "+" and (_may_be_text(left) and _may_be_text(right)):
        if isinstance(left, Texts) and isinstance(right, Scalar):
            return mapped(left, lambda word: word + right.cell)
        if isinstance(left, Scalar) and isinstance(right, Texts):
            return mapped(right, lambda word: left.cell + word)
        cells = [
            _sum(a, b, mismatch)
            for a, b in zip(
                cells_of(left, 1 if single else rows),
                cells_of(right, 1 if single else rows),
                strict=True,
            )
        ]
        return Scalar(cells[0]) if single else column_of(cells)
    result = _arithmetic(op, _numbers(left, mismatch), _numbers(right, mismatch))
    return Scalar(result.cell(0)) if single else result


def _may_be_text(value: Value) -> bool:
    if isinstance(value, Scalar):
        return isinstance(value.cell, str)
    return not isinstance(value, Numbers)


def _sum(left: Any, right: Any, mismatch: Mismatch) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    numbers = (_numbers(Scalar(cell), mismatch) for cell in (left, right))
    return _arithmetic("+", *numbers).cell(0)


def _arithmetic(op: str, left: Numbers, right: Numbers) -> Numbers:
    a, b = left.values, right.values
    present = left.present & right.present
    whole = (left.tags != FLOAT) & (right.tags != FLOAT)
    if op == "+":
        return _settled(a + b, present, whole)
    if op == "-":
        return _settled(a - b, present, whole)
    if op == "*":
        return _settled(a * b, present, whole)
    if op == "**":
        values = np.power(a, b)
        real = ~np.isnan(values) | np.isnan(a) | np.isnan(b)
        return _settled(values, present & real & ~((a == 0) & (b < 0)), whole & (b >= 0))
    present &= b != 0
    if op == "/":
        return _settled(a / b, present, np.zeros_like(whole))
    return _settled(np.floor_divide(a, b) if op == "//" else np.mod(a, b), present, whole)


def select(test: Mask, yes: Value, no: Value) -> Column:
    """Return the cells of `yes` where the test holds, else those of `no`."""
    rows = len(test)
    if (one := _numbered(yes)) and (other := _numbered(no)):
        values = np.where(test, one.values, other.values)
        return Numbers(values, np.where(test, one.tags, other.tags))
    triples = zip(test.tolist(), cells_of(yes, rows), cells_of(no, rows), strict=True)
    return column_of(a if holds else b for holds, a, b in triples)


def _numbered(value: Value) -> Numbers | None:
    """Return a value as numbers, in one row if it is a scalar; None if it is anything else."""
    if not isinstance(value, Scalar):
        return value if isinstance(value, Numbers) else None
    if value.cell is None:
        return Numbers(np.array([np.nan]), np.array([ABSENT], np.uint8))
    tag = tag_of(value.cell)
    return Numbers(np.array([value.cell], np.float64), np.array([tag], np.uint8)) if tag else None
