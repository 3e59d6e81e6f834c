"""The functions and methods of the query language.

Each takes cells and gives a cell. A missing argument makes the answer missing, and so does one of a
type that the function doesn't take: then `TypeError` or `ValueError` tells the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

DATE_PART: dict[str, Callable[[datetime], float]] = {
    "timestamp": lambda when: when.timestamp(),
    "year": lambda when: when.year,
    "month": lambda when: when.month,
    "day": lambda when: when.day,
    "hour": lambda when: when.hour,
    "minute": lambda when: when.minute,
    "second": lambda when: when.second,
    "weekday": lambda when: when.weekday(),
}

__all__ = ["CELL_FUNCTIONS", "TYPES", "WORD_FUNCTIONS", "date_function", "unique"]

# Digits: `round` beyond these would change nothing, or leave nothing.
ROUND_DIGITS_MAX = 30

# Characters of a text that `replace` makes longer: of a hundred thousand names that is 100 MB.
TEXT_MADE_CHARS_MAX = 1_000

# What `isinstance` knows; a bool counts as an int, as in Python.
TYPES: dict[str, type | tuple[type, ...]] = {
    "bool": bool, "dict": dict, "float": float, "int": int, "list": list, "str": str,
}  # fmt: skip


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
        return choose(among) if among else None

    return extreme


def _sorted(cell: Any, reverse: Any = False) -> list[Any]:
    among = _list(cell)
    if not all(isinstance(item, str) for item in among):
        among = [_number(item) for item in among]
    return sorted(among, reverse=bool(reverse))


def unique(cell: Any) -> list[Any]:
    """Return what a set has of a list: each item once, in an order of its own."""
    if not isinstance(cell, list):
        raise TypeError("not a list")
    found: list[Any] = []
    for item in sorted(cell, key=_set_order):
        if item not in found[-1:]:
            found.append(item)
    return found


def _set_order(item: Any) -> tuple[int, float, str]:
    if isinstance(item, int | float):
        return (0, item, "") if item == item else (1, 0, "")  # noqa: PLR0124  # NaN has no place
    return (2, 0, item) if isinstance(item, str) else (3, 0, repr(item))


def _sliced(cell: Any, start: Any, stop: Any) -> Any:
    if not isinstance(cell, str | list):
        raise TypeError("has no parts")
    return cell[_place(start) : _place(stop)]


def _place(cell: Any) -> int | None:
    """Return where a slice starts or ends; "" stands for an end that is left out."""
    if cell == "":
        return None
    if not isinstance(cell, int):
        raise TypeError("not a place")
    return cell


def _instance(cell: Any, names: Any) -> bool:
    return any(isinstance(cell, TYPES[name]) for name in names)


def _split(cell: Any, by: Any = None, most: Any = -1) -> list[str]:
    return _text(cell).split(None if by is None else _text(by), int(_number(most)))


def _replace(cell: Any, old: Any, new: Any) -> str:
    text, old, new = _text(cell), _text(old), _text(new)
    longer = text.count(old) * (len(new) - len(old))
    if longer > 0 and len(text) + longer > TEXT_MADE_CHARS_MAX:
        raise ValueError("too long")
    return text.replace(old, new)


def _count(cell: Any, part: Any) -> int:
    return cell.count(part) if isinstance(cell, list) else _text(cell).count(_text(part))


def _text_of(method: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda cell: method(_text(cell))


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


# Methods without arguments.
PLAIN_TEXT: dict[str, Callable[[str], Any]] = {
    "capitalize": str.capitalize, "casefold": str.casefold, "isalnum": str.isalnum,
    "isalpha": str.isalpha, "isdigit": str.isdigit, "islower": str.islower,
    "isnumeric": str.isnumeric, "isspace": str.isspace, "isupper": str.isupper,
    "lower": str.lower, "title": str.title, "upper": str.upper,
}  # fmt: skip

CELL_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": lambda cell: abs(_number(cell)),
    "isinstance": _instance,
    "list": _list,
    "set": unique,
    "slice": _sliced,
    "sorted": _sorted,
    "tuple": _list,
    "math.fabs": lambda cell: math.fabs(_number(cell)),
    "math.isclose": lambda cell, other: math.isclose(_number(cell), _number(other)),
    "math.pow": lambda cell, by: math.pow(_number(cell), _number(by)),
    "text.count": _count,
    "text.find": lambda cell, part: _text(cell).find(_text(part)),
    "text.removeprefix": lambda cell, part: _text(cell).removeprefix(_text(part)),
    "text.removesuffix": lambda cell, part: _text(cell).removesuffix(_text(part)),
    "text.replace": _replace,
    "text.split": _split,
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
    **{f"text.{name}": _text_of(method) for name, method in PLAIN_TEXT.items()},
    "text.endswith": _edge(str.endswith),
    "text.lstrip": _strip(str.lstrip),
    "text.rstrip": _strip(str.rstrip),
    "text.startswith": _edge(str.startswith),
    "text.strip": _strip(str.strip),
}


# For texts and text arguments nothing needs to be checked: these are asked of every word, and make
# a text of it.
WORD_FUNCTIONS: dict[str, Callable[..., str]] = {
    "text.capitalize": str.capitalize,
    "text.casefold": str.casefold,
    "text.lower": str.lower,
    "text.lstrip": str.lstrip,
    "text.removeprefix": str.removeprefix,
    "text.removesuffix": str.removesuffix,
    "text.rstrip": str.rstrip,
    "text.strip": str.strip,
    "text.title": str.title,
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
