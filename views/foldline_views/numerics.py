"""The functions of numbers, over whole columns at once.

Each answers as Python does, to the last bit. Where numpy might not, and where Python raises, the
row is left over, for the caller to ask Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .column import ABSENT, BOOL, FLOAT, INT, Numbers

__all__ = ["NUMBER_FUNCTIONS", "extreme"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A column's answers, and which of its rows they hold for; elsewhere it is missing.
Answer = tuple[Numbers, Mask]

# Digits: 10 to the power of more is no exact float64.
DIGITS_MAX = 22
# How far from a half, in units of the last digit kept, a number has to be to be rounded by arrays:
# much more than scaling it by a power of ten can be wrong.
HALF_APART = 1e-3
# Scaled numbers above this have no fraction left that rounding could see exactly.
SCALED_MAX = 2.0**40


def _numbers(values: Floats, tag: int, done: Mask) -> Answer:
    tags = np.where(done, tag, ABSENT).astype(np.uint8)
    return Numbers(np.where(done, values, np.nan), tags), done


def _whole(function: Callable[[Floats], Floats]) -> Callable[[Numbers], Answer]:
    return lambda column: _numbers(
        function(column.values) + 0.0, INT, column.present & np.isfinite(column.values)
    )


def _flag(function: Callable[[Floats], Mask]) -> Callable[[Numbers], Answer]:
    return lambda column: _numbers(function(column.values).astype(np.float64), BOOL, column.present)


def _real(
    function: Callable[[float], float], may: Callable[[Floats], Mask]
) -> Callable[[Numbers], Answer]:
    """Return Python's own function, mapped over the rows where it raises nothing.

    The functions of numpy differ from it in the last bits, on some processors.
    """

    def mapped(column: Numbers) -> Answer:
        done = column.present & may(column.values)
        everywhere = bool(done.all())
        asked = np.ascontiguousarray(column.values if everywhere else column.values[done])
        found = np.fromiter(map(function, asked.data), np.float64, len(asked))
        if everywhere:
            return Numbers(found, np.full(len(found), FLOAT, np.uint8)), done
        values = np.full(len(column), np.nan)
        values[done] = found
        return _numbers(values, FLOAT, done)

    return mapped


def _rounded(column: Numbers, digits: Any = None) -> Answer:
    if digits is None:
        return _whole(np.rint)(column)
    values = column.values
    if type(digits) is not int or not 0 <= digits <= DIGITS_MAX:
        return _numbers(values, INT, np.zeros(len(column), np.bool_))
    scaled = values * 10.0**digits
    near = np.rint(scaled)
    # Near a half it takes exact arithmetic to know which way to go.
    sure = (np.abs(np.abs(scaled - near) - 0.5) > HALF_APART) & (np.abs(scaled) < SCALED_MAX)
    whole = column.tags != FLOAT
    rounded = np.copysign(np.where(whole, values, near / 10.0**digits), values)
    done = column.present & (sure | whole | np.isnan(values))
    tags = np.where(whole, INT, FLOAT).astype(np.uint8)
    return Numbers(np.where(done, rounded, np.nan), np.where(done, tags, ABSENT)), done


def _float(column: Numbers) -> Answer:
    return _numbers(column.values, FLOAT, column.present)


def _root(column: Numbers) -> Answer:
    return _numbers(np.sqrt(column.values), FLOAT, column.present & ~(column.values < 0))


def _any_sign(values: Floats) -> Mask:
    return ~(values > 700)  # beyond this an exponential may be too large


def _positive(values: Floats) -> Mask:
    return ~(values <= 0)


NUMBER_FUNCTIONS: dict[str, Callable[..., Answer]] = {
    "bool": _flag(lambda values: values != 0),
    "float": _float,
    "int": _whole(np.trunc),
    "round": _rounded,
    "math.ceil": _whole(np.ceil),
    "math.exp": _real(math.exp, _any_sign),
    "math.floor": _whole(np.floor),
    "math.isfinite": _flag(np.isfinite),
    "math.isinf": _flag(np.isinf),
    "math.isnan": _flag(np.isnan),
    "math.log": _real(math.log, _positive),
    "math.log10": _real(math.log10, _positive),
    "math.log2": _real(math.log2, _positive),
    "math.sqrt": _root,
}


def extreme(name: str, columns: Sequence[Numbers]) -> Numbers:
    """Return the least ("min") or greatest ("max") of several columns, missing where one is.

    As in Python a later one must be less, or greater, to be taken: NaN never is.
    """
    found, *others = columns
    present = found.present
    for other in others:
        taken = other.values < found.values if name == "min" else other.values > found.values
        present = present & other.present
        found = Numbers(
            np.where(taken, other.values, found.values), np.where(taken, other.tags, found.tags)
        )
    return Numbers(np.where(present, found.values, np.nan), np.where(present, found.tags, ABSENT))
