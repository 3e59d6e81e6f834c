"""The parts of dates, over whole columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from .column import ABSENT, INT, Column, Numbers, Texts
from .lexicon import Lexicon

__all__ = ["MOMENT_PARTS", "formatted", "part"]

Floats = NDArray[np.float64]

# Years 1 and 9999 in UTC, as unix seconds: the dates that Python knows.
EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_799.0

DAY_S = 86_400
# The directives of `strftime` that say nothing about the time of day.
OF_A_DAY = frozenset("aAbBdjmuUVwWyYZz%")


def _years(days: NDArray[np.int64]) -> NDArray[np.int64]:
    return days.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970


def _months(days: NDArray[np.int64]) -> NDArray[np.int64]:
    return days.astype("M8[D]").astype("M8[M]").astype(np.int64) % 12 + 1


def _of_month(days: NDArray[np.int64]) -> NDArray[np.int64]:
    first = days.astype("M8[D]").astype("M8[M]").astype("M8[D]")
    return days - first.astype(np.int64) + 1


# From whole seconds to a part.
MOMENT_PARTS: dict[str, Callable[[NDArray[np.int64]], NDArray[np.int64]]] = {
    "year": lambda seconds: _years(seconds // DAY_S),
    "month": lambda seconds: _months(seconds // DAY_S),
    "day": lambda seconds: _of_month(seconds // DAY_S),
    "hour": lambda seconds: seconds % DAY_S // 3600,
    "minute": lambda seconds: seconds % 3600 // 60,
    "second": lambda seconds: seconds % 60,
    "weekday": lambda seconds: (seconds // DAY_S + 3) % 7,  # 1970 began on a Thursday
}


def _seconds(column: Numbers) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return whole seconds as `datetime` has them, and where there are any."""
    able = column.present & (column.values >= EARLIEST) & (column.values <= LATEST)
    values = np.where(able, column.values, 0.0)
    # A datetime has microseconds, rounded half to even: the last ones of a second are the next's.
    whole = np.floor(values)
    micros = np.rint((values - whole) * 1e6)
    return (whole + (micros >= 1e6)).astype(np.int64), able


def part(column: Numbers, name: str) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return one of MOMENT_PARTS of each date, and where a date could be made of the number."""
    seconds, able = _seconds(column)
    values = np.where(able, MOMENT_PARTS[name](seconds), np.nan)
    return Numbers(values, np.where(able, INT, ABSENT).astype(np.uint8)), able


def formatted(column: Numbers, form: str) -> tuple[Column, NDArray[np.bool_]] | None:
    """Return each date as a text, made once for each day; None if days are not enough."""
    if not {piece[:1] for piece in form.replace("%%", "").split("%")[1:]} <= OF_A_DAY:
        return None
    seconds, able = _seconds(column)
    days = seconds // DAY_S
    if not able.any():
        return Texts(np.full(len(column), -1, np.int32), Lexicon([])), able
    first, last = int(days[able].min()), int(days[able].max())
    if last - first > len(column):  # dates thousands of years apart: one by one is as good
        return None
    held = np.zeros(last - first + 1, np.bool_)
    held[days[able] - first] = True
    some = np.flatnonzero(held)
    words = [
        datetime.fromtimestamp((first + day) * DAY_S, UTC).strftime(form) for day in some.tolist()
    ]
    code_of = np.cumsum(held) - 1
    codes = np.where(able, code_of[np.where(able, days - first, 0)], -1).astype(np.int32)
    return Texts(codes, Lexicon(words)), able
