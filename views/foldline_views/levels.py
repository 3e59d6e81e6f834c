"""Levels of many series, read in few statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import buckets, newest
from .buckets import Level

__all__ = ["BLOCK_SLOTS", "Raw", "raw_levels", "whole_levels", "widths_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# One row with everything in it: see database.BULK_INSERT, and `overviews` on why there are two.
READ_KEYS = """
    SELECT json_group_array(json_array(list.key, width, count, length(level.data)))
    FROM json_each(?) AS list CROSS JOIN level ON slot = list.value
"""
READ_DATA = """
    SELECT CAST(group_concat({data}, '') AS BLOB)
    FROM json_each(?) AS list CROSS JOIN level ON slot = list.value
"""
# Slots that one statement reads: 5 MB at most. Memory of that size is used again for the next
# ones; to get fresh memory for all of 2,000 levels was measured at eight times the time.
BLOCK_SLOTS = 64


class Raw(NamedTuple):
    """A level as it is stored: 3 rows if each bucket is a point, else buckets.ROWS."""

    place: int  # of its slot in the request
    width: int
    rows: Floats


def raw_levels(
    db: sqlite3.Connection, slots: Sequence[int], *, steps_only: bool = False
) -> Iterator[list[Raw]]:
    """Yield the levels of slots, block by block; slots without a level are left out.

    With `steps_only` there is only the first row. The arrays are read-only, and hold the memory
    of their whole block.
    """
    sql = READ_DATA.format(data="substr(level.data, 1, 8 * count)" if steps_only else "level.data")
    for begin in range(0, len(slots), BLOCK_SLOTS):
        block = slots[begin : begin + BLOCK_SLOTS]
        wanted = (msgspec.json.encode(block).decode(),)
        (asked,) = db.execute(READ_KEYS, wanted).fetchone()
        (data,) = db.execute(sql, wanted).fetchone()
        flat = np.frombuffer(data or b"")
        found, at = [], 0
        for key, width, count, size in msgspec.json.decode(asked):
            end = at + (count if steps_only else size // 8)
            found.append(Raw(begin + key, width, flat[at:end].reshape(-1, count)))
            at = end
        yield found


def widths_of(db: sqlite3.Connection, slots: Sequence[int]) -> tuple[Ints, Ints]:
    """Return the width and the number of buckets of each slot's level."""
    (asked,) = db.execute(
        "SELECT json_group_array(json_array(list.key, width, count))"
        " FROM json_each(?) AS list CROSS JOIN level ON slot = list.value",
        (msgspec.json.encode(slots).decode(),),
    ).fetchone()
    found = np.array(msgspec.json.decode(asked), dtype=np.int64).reshape(-1, 3)
    widths = np.full(len(slots), buckets.WIDTH_MIN, dtype=np.int64)
    counts = np.zeros(len(slots), dtype=np.int64)
    widths[found[:, 0]], counts[found[:, 0]] = found[:, 1], found[:, 2]
    return widths, counts


def whole_levels(db: sqlite3.Connection, slots_of: Sequence[Sequence[int]]) -> Iterator[Level]:
    """Yield each series with all that its slots hold: their levels, and the points that wait."""
    slots = [slot for slots in slots_of for slot in slots]
    fresh = newest.waiting(db, slots)
    ends = np.searchsorted(fresh.owner, np.arange(len(slots)), side="right").tolist()
    stored = (raw for block in raw_levels(db, slots) for raw in block)
    raw = next(stored, None)
    place = begin = 0
    for own in slots_of:
        levels = []
        for at in range(place, place + len(own)):
            if raw is not None and raw.place == at:
                rows = raw.rows
                whole = buckets.of_points(*rows) if len(rows) == 3 else rows
                levels.append(Level(raw.width, whole))
                raw = next(stored, None)
        place += len(own)
        end = ends[place - 1] if own else begin
        yield _joined(levels, fresh.points[:, begin:end])
        begin = end


def _joined(levels: list[Level], fresh: Floats) -> Level:
    width = max((level.width for level in levels), default=buckets.WIDTH_MIN)
    parts = [level.buckets for level in levels]
    if fresh.shape[1]:
        parts.append(buckets.of_points(*fresh))
    if not parts:
        return buckets.EMPTY
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    return Level(width, buckets.coarsen(whole, width))
