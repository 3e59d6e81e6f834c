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
from .compressed import unpack_times

__all__ = ["BLOCK_SLOTS", "Raw", "raw_levels", "whole_levels", "widths_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# One row with everything in it: see database.BULK_INSERT, and `overviews` on why there is one
# statement for each column.
READ_KEYS = """
    SELECT json_group_array(json_array(list.key, width, count,
           length(level.step), length(level.value), length(level.time)))
    FROM json_each(?) AS list CROSS JOIN level ON slot = list.value
"""
READ_COLUMN = """
    SELECT CAST(group_concat(level.{column}, '') AS BLOB)
    FROM json_each(?) AS list CROSS JOIN level ON slot = list.value
"""
# Slots that one statement reads: 5 MB at most. Memory of that size is used again for the next
# ones; to get fresh memory for all of 2,000 levels was measured at eight times the time.
BLOCK_SLOTS = 64

NOTHING = np.empty((0, 0))


class Raw(NamedTuple):
    """A level as it is stored: one row of values if each bucket is a point, else FIGURES."""

    place: int  # of its slot in the request
    width: int
    step: Floats
    values: Floats  # no row if only steps were asked for
    time: Floats  # empty unless it was asked for

    @property
    def are_points(self) -> bool:
        """Whether each bucket holds one point."""
        return len(self.values) == 1

    @property
    def last_step(self) -> Floats:
        """The highest step of each bucket."""
        return self.step if self.are_points else self.values[0]

    def level(self) -> Level:
        """Return the whole level; times must have been asked for."""
        return Level(self.width, buckets.joined(self.step, self.values, self.time))


def raw_levels(
    db: sqlite3.Connection, slots: Sequence[int], *, values: bool = True, times: bool = False
) -> Iterator[list[Raw]]:
    """Yield the levels of slots, block by block; slots without a level are left out.

    The arrays are read-only, and hold the memory of their whole block. Raises ViewDamaged.
    """
    for begin in range(0, len(slots), BLOCK_SLOTS):
        wanted = msgspec.json.encode(slots[begin : begin + BLOCK_SLOTS]).decode()
        (asked,) = db.execute(READ_KEYS, (wanted,)).fetchone()
        keys = msgspec.json.decode(asked)
        steps = _columns(db, "step", wanted, [key[3] for key in keys])
        figures = _columns(db, "value", wanted, [key[4] for key in keys]) if values else None
        time = np.empty(0)
        if times:
            packed = _read(db, "time", wanted)
            time = unpack_times(packed, [key[5] for key in keys], [key[2] for key in keys])
        found, at = [], 0
        for key, width, count, *_ in keys:
            step = buckets.unpack_steps(count, next(steps))
            rows = NOTHING if figures is None else buckets.unpack_values(count, next(figures))
            found.append(Raw(begin + key, width, step, rows, time[at : at + count]))
            at += count
        yield found


def _read(db: sqlite3.Connection, column: str, wanted: str) -> bytes:
    (data,) = db.execute(READ_COLUMN.format(column=column), (wanted,)).fetchone()
    return data or b""


def _columns(
    db: sqlite3.Connection, column: str, wanted: str, sizes: Sequence[int]
) -> Iterator[memoryview]:
    whole, at = memoryview(_read(db, column, wanted)), 0
    for size in sizes:
        yield whole[at : at + size]
        at += size


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
    stored = (raw for block in raw_levels(db, slots, times=True) for raw in block)
    raw = next(stored, None)
    place = begin = 0
    for own in slots_of:
        levels = []
        for at in range(place, place + len(own)):
            if raw is not None and raw.place == at:
                levels.append(raw.level())
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
