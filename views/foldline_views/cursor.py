"""Where a page of rows ended, and the next one begins.

A cursor holds what the last row of a page was sorted by, not its number: rows that arrive, go or
move meanwhile neither repeat nor hide one that stayed where it was.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from foldline.errors import QueryError

from .column import Column, Rows

__all__ = ["Cursor", "after", "belonging", "places", "read_cursor", "write_cursor"]

# Of what a row was sorted by: a longer text is cut, and rows that share this much may repeat if
# the last one of a page has gone.
SORT_TEXT_CHARS_MAX = 64

# What a cell is, in ascending order; what is odd comes last whichever the direction.
NUMBER, TEXT, TREE, NAN, MISSING = range(5)

Place = tuple[int, float | int, str, str]


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last row of a page: the question it answered, its row's id, and its place."""

    question: int
    id: str
    places: list[Place]


def belonging(*question: Any) -> int:
    """Return a number by which a cursor knows the question that it belongs to."""
    return zlib.crc32(repr(question).encode("utf-8", "surrogatepass"))


def write_cursor(cursor: Cursor) -> str:
    """Return a cursor as a text that can travel."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode()


def read_cursor(text: str, question: int) -> Cursor:
    """Return the cursor of a text. Raises QueryError if it is none, or another question's."""
    hint = "ask for the first page again"
    try:
        raw = base64.urlsafe_b64decode(text)
        cursor = msgspec.msgpack.decode(raw, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise QueryError("the cursor is not one of ours", at=(0, 0), hint=hint) from error
    if cursor.question != question:
        raise QueryError("the cursor belongs to another question", at=(0, 0), hint=hint)
    return cursor


def places(columns: Sequence[Column], row: int) -> list[Place]:
    """Return what a row is sorted by, one for each key."""
    return [_place(column.cell(row)) for column in columns]


def after(
    cursor: Cursor,
    rows: Rows,
    columns: Sequence[Column],
    descending: Sequence[bool],
    row: int | None,
) -> int:
    """Return how many of the sorted `rows` come before the page that follows the cursor.

    `columns` are the keys over all rows, and `row` is where the cursor's row is now, or None.
    """
    if row is not None and places(columns, row) == cursor.places:
        stayed = np.flatnonzero(rows == row)
        if len(stayed):
            return int(stayed[0]) + 1
    low, high = 0, len(rows)
    last = -1 if row is None else row
    while low < high:
        middle = (low + high) // 2
        here = int(rows[middle])
        sign = _compared(places(columns, here), cursor.places, descending)
        if sign < 0 or (sign == 0 and here <= last):
            low = middle + 1
        else:
            high = middle
    return low


def _compared(left: Sequence[Place], right: Sequence[Place], descending: Sequence[bool]) -> int:
    for one, other, down in zip(left, right, descending, strict=True):
        sign = (one > other) - (one < other)
        if sign:
            return -sign if down and one[0] < NAN and other[0] < NAN else sign
    return 0


def _place(cell: Any) -> Place:
    """Return what a cell is sorted by; see `ordering.order`, which this agrees with."""
    if cell is None:
        return MISSING, 0, "", ""
    if isinstance(cell, float) and math.isnan(cell):
        return NAN, 0, "", ""
    if isinstance(cell, int | float):
        number = int(cell) if isinstance(cell, bool) else cell
        fits = isinstance(number, float) or abs(number) < 1 << 63
        return NUMBER, number if fits else float(number), "", ""
    if isinstance(cell, str):
        text = cell[:SORT_TEXT_CHARS_MAX]
        return TEXT, 0, text.casefold(), text
    return TREE, len(cell), str(cell)[:SORT_TEXT_CHARS_MAX], ""
