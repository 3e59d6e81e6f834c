"""The functions of a query, asked of whole columns.

The same answer has several ways: arrays of numbers, arrays of the words' bytes, each distinct value
once, each cell by itself. They differ in nothing but time, so the first that fits is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .column import ABSENT, BOOL, INT, Column, Numbers, Objects, Texts, column_of, tag_of
from .functions import CELL_FUNCTIONS, WORD_FUNCTIONS, date_function
from .moments import MOMENT_PARTS, formatted, part
from .numerics import NUMBER_FUNCTIONS, extreme
from .values import Scalar, Value, absolute, cells_of, mapped, of_words

__all__ = ["called"]

Spend = Callable[[int], None]
Cell = Callable[..., Any]


def called(  # what a call is, and who wants to hear of it
    name: str,
    args: Sequence[Value],
    *,
    rows: int,
    zone: tzinfo,
    mismatch: Callable[[], None],
    spend: Spend,
) -> Value:
    """Return what a function makes of its arguments in every row.

    `spend` is told how many cells Python is asked, one by one, before it is.
    """
    function = CELL_FUNCTIONS.get(name) or date_function(name, zone)

    def call(*cells: Any) -> Any:
        if None in cells:
            return None
        try:
            return function(*cells)
        except (TypeError, ValueError, OverflowError, OSError):
            mismatch()
            return None

    first, *rest = args
    constants = [arg.cell for arg in rest if isinstance(arg, Scalar)]
    if len(constants) == len(rest):
        if isinstance(first, Scalar):
            return Scalar(call(first.cell, *constants))
        if None in constants:
            return Scalar(None)
        return _of_column(name, first, constants, call, zone, spend)
    if name in {"min", "max"} and (numbers := _all_numbers(args, rows)):
        return extreme(name, numbers)
    spend(rows)
    return column_of(map(call, *(cells_of(arg, rows) for arg in args)))


def _of_column(
    name: str,
    column: Column,
    constants: list[Any],
    call: Cell,
    zone: tzinfo,
    spend: Spend,
) -> Column:
    """Return a function of one column, its other arguments being the same in every row."""
    if isinstance(column, Numbers):
        done = _of_numbers(name, column, constants, zone)
        if done is None:
            return _of_distinct(column, constants, call, spend)
        return _completed(*done, column, lambda cell: call(cell, *constants), spend)
    if isinstance(column, Texts):
        answer = _of_texts(name, column, constants)
        if answer is not None:
            return answer
        spend(len(column.words))
    else:
        spend(len(column.objects))
    return mapped(column, lambda cell: call(cell, *constants))


# --- texts ----------------------------------------------------------------------------------------


def _of_texts(name: str, column: Texts, constants: list[Any]) -> Column | None:
    lexicon = column.lexicon
    if name in {"text.startswith", "text.endswith"}:
        ask = lexicon.startswith if name == "text.startswith" else lexicon.endswith
        parts = constants[0] if isinstance(constants[0], list) else constants
        if not parts or not all(isinstance(edge, str) for edge in parts):
            return None
        holds = np.logical_or.reduce([ask(edge) for edge in parts])
        return of_words(column.codes, holds.astype(np.float64), BOOL)
    if name == "len":
        return of_words(column.codes, lexicon.lengths().astype(np.float64), INT)
    function = WORD_FUNCTIONS.get(name)
    if function is None or not all(isinstance(constant, str) for constant in constants):
        return None
    made = lexicon.derived((name, *constants), lambda word: function(word, *constants))
    return Texts(column.codes, made)


# --- numbers --------------------------------------------------------------------------------------


def _of_numbers(
    name: str, column: Numbers, constants: list[Any], zone: tzinfo
) -> tuple[Column, NDArray[np.bool_]] | None:
    """Return what arrays answer, and for which rows; None if they know nothing of the function."""
    if name == "abs":
        return absolute(column), column.present
    if function := NUMBER_FUNCTIONS.get(name):
        return function(column, *constants)
    if zone is UTC and name.startswith("date."):
        piece = name.removeprefix("date.")
        if piece in MOMENT_PARTS:
            return part(column, piece)
        if piece == "strftime":
            return formatted(column, str(constants[0]))
    return None


def _completed(
    found: Column,
    done: NDArray[np.bool_],
    column: Numbers,
    call: Cell,
    spend: Spend,
) -> Column:
    """Return the answers of arrays with those rows asked one by one that they left over."""
    left = np.flatnonzero(column.present & ~done)
    if not len(left):
        return found
    spend(len(left))
    cells = [call(column.cell(row)) for row in left.tolist()]
    if all(cell is None for cell in cells):
        return found
    if isinstance(found, Numbers) and all(cell is None or tag_of(cell) for cell in cells):
        values, tags = found.values.copy(), found.tags.copy()
        values[left] = [np.nan if cell is None else cell for cell in cells]
        tags[left] = [ABSENT if cell is None else tag_of(cell) for cell in cells]
        return Numbers(values, tags)
    whole = found.cells()
    for row, cell in zip(left.tolist(), cells, strict=True):
        whole[row] = cell
    return column_of(whole)


def _of_distinct(column: Numbers, constants: list[Any], call: Cell, spend: Spend) -> Column:
    """Return a function of numbers, asked once for each distinct one: settings have few."""
    tags = column.tags[column.present]
    alike = len(tags) and bool((tags == tags[0]).all())
    if not alike or bool(((column.values == 0) & np.signbit(column.values)).any()):
        spend(len(column))
        return column_of(call(cell, *constants) for cell in column.cells())
    index: dict[float, int] = {}
    some = column.values[column.present].tolist()
    codes = np.full(len(column), -1, np.int32)
    codes[column.present] = [index.setdefault(value, len(index)) for value in some]
    spend(len(index))
    distinct = Numbers(np.array(list(index), np.float64), np.full(len(index), tags[0], np.uint8))
    return mapped(Objects(distinct.cells(), codes), lambda cell: call(cell, *constants))


def _all_numbers(args: Sequence[Value], rows: int) -> list[Numbers] | None:
    """Return arguments as columns of numbers; None if one of them is no number."""
    found = []
    for arg in args:
        if isinstance(arg, Numbers):
            found.append(arg)
        elif isinstance(arg, Scalar) and (tag := tag_of(arg.cell)):
            found.append(Numbers(np.full(rows, arg.cell, np.float64), np.full(rows, tag, np.uint8)))
        else:
            return None
    return found
