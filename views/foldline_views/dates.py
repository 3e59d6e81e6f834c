"""Dates as a query writes them, as unix seconds."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta, tzinfo
from typing import Any

from foldline.errors import QueryError

from .functions import unique
from .source import Source
from .syntax import Constant, Node, Now, Span
from .words import STRFTIME, nearest

__all__ = ["DATE_CALLS", "NOT_A_LITERAL", "check_format", "date_call", "literal", "moment"]

DATE_CALLS = frozenset(
    {
        "datetime", "datetime.fromisoformat", "datetime.now", "datetime.today", "datetime.utcnow",
        "time.time", "timedelta",
    }
)  # fmt: skip

NOT_A_LITERAL = object()


def literal(tree: ast.expr) -> Any:
    """Return a literal's value (lists, tuples and sets as lists), or NOT_A_LITERAL."""
    match tree:
        case ast.Constant(value=None | bool() | int() | float() | str()):
            return tree.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.List(elts=items) | ast.Tuple(elts=items):
            values = [literal(item) for item in items]
            return NOT_A_LITERAL if NOT_A_LITERAL in values else values
        case ast.Set(elts=items):
            values = [literal(item) for item in items]
            return NOT_A_LITERAL if NOT_A_LITERAL in values else unique(values)
        case ast.Dict(keys=keys, values=items):
            names = [NOT_A_LITERAL if key is None else literal(key) for key in keys]
            values = [literal(item) for item in items]
            if NOT_A_LITERAL in values or not all(isinstance(name, str) for name in names):
                return NOT_A_LITERAL
            return dict(zip(names, values, strict=True))
        case _:
            return NOT_A_LITERAL


def moment(text: str, zone: tzinfo, at: Span) -> float:
    """Return the unix seconds of an ISO date; QueryError if it is none."""
    try:
        return _seconds(datetime.fromisoformat(text.strip()), zone)
    except (ValueError, OverflowError):
        hint = 'a date is written like "2026-01-31 18:00"'
        raise QueryError("this text is no date", at=at, hint=hint) from None


def _seconds(when: datetime, zone: tzinfo) -> float:
    return (when if when.tzinfo else when.replace(tzinfo=zone)).timestamp()


def date_call(name: str, tree: ast.Call, source: Source, zone: tzinfo) -> Node:
    """Return what one of DATE_CALLS stands for."""
    at = source.at(tree)
    args = [_argument(arg, source) for arg in tree.args]
    named = {str(word.arg): _argument(word.value, source) for word in tree.keywords}
    try:
        if name == "timedelta":
            return Constant(at, timedelta(*args, **named).total_seconds())
        if name == "datetime":
            when = datetime(*args, **named)  # noqa: DTZ001  # the zone is put on just below
            return Constant(at, _seconds(when, zone), instant=True)
        if name == "datetime.fromisoformat":
            (text,) = args
            return Constant(at, moment(str(text), zone, at), instant=True)
    except (TypeError, ValueError, OverflowError):
        hint = "like datetime(2026, 1, 31, 18, 0), or timedelta(days=7)"
        raise QueryError(f"{name}() takes other values", at=at, hint=hint) from None
    if args or named:
        raise QueryError(f"{name}() takes no values", at=at, hint=f"write {name}()")
    return Now(at)


def _argument(tree: ast.expr, source: Source) -> Any:
    value = literal(tree)
    if value is NOT_A_LITERAL or isinstance(value, list | dict):
        hint = "like datetime(2026, 1, 31), or timedelta(days=7)"
        raise QueryError("a date is made of plain numbers", at=source.at(tree), hint=hint)
    return value


def check_format(args: tuple[Node, ...]) -> None:
    """Raise QueryError if a `strftime` format is no literal, or asks for what is not known."""
    for arg in args:
        hint = 'like "%Y-%m-%d"'
        if not (isinstance(arg, Constant) and isinstance(arg.value, str)):
            raise QueryError("a date's format is a plain text", at=arg.at, hint=hint)
        for part in arg.value.replace("%%", "").split("%")[1:]:
            if part[:1] not in STRFTIME or not part:
                near = nearest(part[:1].swapcase(), STRFTIME)
                hint = f"did you mean %{near}?" if near else hint
                raise QueryError(f"there is no %{part[:1]} in a date", at=arg.at, hint=hint)
