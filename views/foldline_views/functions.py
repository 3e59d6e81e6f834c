"""The functions and methods of the query language.

Each takes cells and gives a cell. A missing argument makes the answer missing, and so does one of a
type that the function doesn't take: then `TypeError` or `ValueError` tells the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

DATE_PART: dict[str, Callable[[datetime], int]] = {
    "year": lambda when: when.year,
    "month": lambda when: when.month,
    "day": lambda when: when.day,
    "hour": lambda when: when.hour,
    "minute": lambda when: when.minute,
    "second": lambda when: when.second,
    "weekday": lambda when: when.weekday(),
}

__all__ = ["CELL_FUNCTIONS", "TEXT_FUNCTIONS", "date_function"]

# Digits: `round` beyond these would change nothing, or leave nothing.
ROUND_DIGITS_MAX = 30


def _number(cell: Any) -> int | float:
    if not isinstance(cell, int | float):
        raise TypeError("not a number")
    return cell


def _text(cell: Any) -> str:
    if not isinstance(cell, str):
        raise TypeError("not a text")
    return cell


def _list(cell: Any) -> list[Any]:
    if not isinstance(cell, list):
        raise TypeError("not a list")
    return [item for item in cell if item is not None]


def _round(cell: Any, digits: Any = None) -> int | float:
    if digits is None:
        return round(_number(cell))
    if isinstance(digits, float) or abs(_number(digits)) > ROUND_DIGITS_MAX:
        raise ValueError("not a number of digits")
    return round(_number(cell), digits)


def _length(cell: Any) -> int:
    if not isinstance(cell, str | list | dict):
        raise TypeError("has no length")
    return len(cell)


def _whole(cell: Any) -> int:
    return int(_text(cell) if isinstance(cell, str) else _number(cell))


def _float(cell: Any) -> float:
    return float(_text(cell) if isinstance(cell, str) else _number(cell))


def _string(cell: Any) -> str:
    if not isinstance(cell, str | int | float):
        raise TypeError("lists have no text")
    return str(cell)


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def extreme(*cells: Any) -> Any:
        among = _list(cells[0]) if len(cells) == 1 else list(cells)
        if not all(isinstance(cell, str) for cell in among):
            among = [_number(cell) for cell in among]
        return choose(among)

    return extreme


def _strip(method: Callable[..., str]) -> Callable[..., str]:
    def strip(cell: Any, characters: Any = None) -> str:
        return method(_text(cell), None if characters is None else _text(characters))

    return strip


def _edge(method: Callable[[str, str | tuple[str, ...]], bool]) -> Callable[..., bool]:
    def edge(cell: Any, part: Any) -> bool:
        parts = tuple(map(_text, part)) if isinstance(part, list) else _text(part)
        return method(_text(cell), parts)

    return edge


def _real(function: Callable[[float], Any]) -> Callable[[Any], Any]:
    return lambda cell: function(_number(cell))


CELL_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": lambda cell: abs(_number(cell)),
    "all": lambda cell: all(_list(cell)),
    "any": lambda cell: any(_list(cell)),
    "bool": bool,
    "float": _float,
    "int": _whole,
    "len": _length,
    "max": _extreme(max),
    "min": _extreme(min),
    "round": _round,
    "str": _string,
    "sum": lambda cell: sum(map(_number, _list(cell))),
    "math.ceil": _real(math.ceil),
    "math.exp": _real(math.exp),
    "math.floor": _real(math.floor),
    "math.isfinite": _real(math.isfinite),
    "math.isinf": _real(math.isinf),
    "math.isnan": _real(math.isnan),
    "math.log": _real(math.log),
    "math.log10": _real(math.log10),
    "math.log2": _real(math.log2),
    "math.sqrt": _real(math.sqrt),
    "text.casefold": lambda cell: _text(cell).casefold(),
    "text.endswith": _edge(str.endswith),
    "text.lower": lambda cell: _text(cell).lower(),
    "text.lstrip": _strip(str.lstrip),
    "text.rstrip": _strip(str.rstrip),
    "text.startswith": _edge(str.startswith),
    "text.strip": _strip(str.strip),
    "text.upper": lambda cell: _text(cell).upper(),
}


# For texts and text arguments nothing needs to be checked: these are asked of every word.
TEXT_FUNCTIONS: dict[str, Callable[..., bool | str]] = {
    "text.casefold": str.casefold,
    "text.endswith": str.endswith,
    "text.lower": str.lower,
    "text.lstrip": str.lstrip,
    "text.rstrip": str.rstrip,
    "text.startswith": str.startswith,
    "text.strip": str.strip,
    "text.upper": str.upper,
}


def date_function(name: str, zone: tzinfo) -> Callable[..., Any]:
    """Return the function for a part of a date, such as "date.month", as seen in a zone."""
    part = name.removeprefix("date.")

    def local(seconds: Any) -> datetime:
        return datetime.fromtimestamp(_number(seconds), UTC).astimezone(zone)

    if part == "strftime":
        return lambda cell, form: local(cell).strftime(_text(form))
    return lambda cell: DATE_PART[part](local(cell))
