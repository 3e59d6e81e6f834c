"""Many curves in one binary message, ready to be drawn.

All numbers are little-endian and columns are aligned to 8 bytes, so that a browser can use them
where they lie. `FRAMES.md` describes every byte.

Two ways lead to a curve. The overview of a series is stored ready; thousands of them are joined
here with the newest points by array operations over all curves at once. A zoom, or a finer width
than the overview's, goes through the level of each series.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from struct import Struct
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import buckets, newest, overview
from .buckets import Level

__all__ = ["LINEAR", "MAGIC", "NONE", "Axis", "Curves", "encode", "level_curves", "overview_curves"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAGIC = b"FOLDFRM1"
HEAD = Struct("<8sIIII")  # magic, JSON bytes, curves, points, explicit x
LINEAR = 0xFFFFFFFF  # in place of the first x: the x are x0 + i * dx
TABLE = np.dtype(
    [
        ("series", "<u4"),
        ("first", "<u4"),
        ("count", "<u4"),
        ("first_x", "<u4"),
        ("x0", "<f8"),
        ("dx", "<f8"),
    ]
)
# One row with everything in it: see database.BULK_INSERT.
READ_BY_STEP = """
    SELECT json_group_array(json_array(asked, width, count)),
           CAST(group_concat(place, '') AS BLOB),
           CAST(group_concat(step, '') AS BLOB),
           CAST(group_concat(value, '') AS BLOB)
    FROM (SELECT list.key AS asked, overview.*
          FROM json_each(?) AS list JOIN overview ON slot = list.value ORDER BY list.key)
"""
READ_BY_TIME = READ_BY_STEP.replace("group_concat(step", "group_concat(time")
VALUE_COLUMNS = {
    "last": overview.LAST,
    "min": overview.MIN,
    "max": overview.MAX,
    "mean": overview.MEAN,
}


class Curves(NamedTuple):
    """Curves end to end: `counts[i]` points of curve i follow those of curve i - 1."""

    counts: Ints
    x: Floats
    values: NDArray[np.float32]  # one row of overview.VALUES a point


NONE = Curves(
    np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, overview.VALUES), dtype=np.float32)
)


def encode(
    curves: Curves, series: Sequence[int], columns: Sequence[str], head: dict[str, Any]
) -> bytes:
    """Return the message; `series` are the ids of the curves, `head` is sent as JSON."""
    counts, x = curves.counts, curves.x
    firsts = np.cumsum(counts) - counts
    linear, x0, dx = _linear(counts, firsts, x)
    table = np.zeros(len(counts), TABLE)
    table["series"], table["first"], table["count"] = series, firsts, counts
    table["x0"], table["dx"] = x0, dx
    explicit = np.where(linear, 0, counts)
    table["first_x"] = np.where(linear, LINEAR, np.cumsum(explicit) - explicit)
    kept = x if not linear.any() else x[np.repeat(~linear, counts)]
    text = msgspec.json.encode(head)
    text = text.ljust(-(-len(text) // 8) * 8)
    parts = [HEAD.pack(MAGIC, len(text), len(counts), len(x), len(kept)), text]
    parts += [table.tobytes(), kept.astype("<f8").tobytes()]
    for name in columns:
        column = np.zeros(len(x) + len(x) % 2, dtype="<f4")
        column[: len(x)] = curves.values[:, VALUE_COLUMNS[name]]
        parts.append(column.tobytes())
    return b"".join(parts)


def overview_curves(db: sqlite3.Connection, slots: Sequence[int], axis: Axis) -> Curves:
    """Return a curve for each slot, from its overview and its newest points.

    It has at most overview.OVERVIEW_MAX + buckets.CHUNK points.
    """
    stored = _read_overviews(db, slots, by_time=axis.by_time)
    fresh = newest.waiting(db, slots)
    owner = np.repeat(np.arange(len(slots)), stored.counts)
    found = _Owned(owner, stored.x, stored.values)
    if len(fresh.owner):
        found = _with_newest(db, slots, axis, found, stored, fresh)
    order = np.argsort(found.owner, kind="stable")
    counts = np.bincount(found.owner, minlength=len(slots))
    x = found.x[order] - np.repeat(axis.origin, counts)
    return Curves(counts, x, found.values[order])


def level_curves(
    db: sqlite3.Connection,
    slots_of: Sequence[Sequence[int]],
    axis: Axis,
    *,
    points: int,
    span: tuple[float, float] | None = None,
) -> Curves:
    """Return a curve of at most `points` buckets for each series, from the levels of its slots.

    With `span`, a range on the x axis, only buckets in it are returned and one on either side, so
    that the line goes on to the edges.
    """
    xs, values = [np.empty(0)], [np.empty((0, overview.VALUES), dtype=np.float32)]
    counts = []
    fresh = newest.waiting(db, [slot for slots in slots_of for slot in slots])
    ends = np.searchsorted(fresh.owner, np.cumsum([len(slots) for slots in slots_of]))
    begin = 0
    for slots, origin, end in zip(slots_of, axis.origin.tolist(), ends.tolist(), strict=True):
        level = _whole_level(db, slots, fresh.points[:, begin:end])
        begin = end
        if span is not None:
            inside = _within(level.buckets, span, origin, by_time=axis.by_time)
            level = Level(level.width, level.buckets[:, inside])
        width = buckets.fit(level.buckets, level.width, points)
        few = buckets.coarsen(level.buckets, width)
        shown = few[buckets.TIME] if axis.by_time else buckets.shown_at(few, width)
        xs.append(shown - origin)
        values.append(overview.values(few))
        counts.append(few.shape[1])
    return Curves(np.array(counts, dtype=np.int64), np.concatenate(xs), np.concatenate(values))


class Axis(NamedTuple):
    """What x is: steps, or times less an origin for each curve (0 for the steps themselves)."""

    by_time: bool
    origin: Floats


class _Stored(NamedTuple):
    """Overviews end to end."""

    counts: Ints
    widths: NDArray[np.int32]
    last_step: Floats  # of each; NaN where there is none
    x: Floats
    values: NDArray[np.float32]


class _Owned(NamedTuple):
    """Points of many curves in any order, each with the place of its curve."""

    owner: Ints
    x: Floats
    values: NDArray[np.float32]

    def where(self, mask: NDArray[np.bool_]) -> _Owned:
        """Return some of the points."""
        return _Owned(self.owner[mask], self.x[mask], self.values[mask])


def _read_overviews(db: sqlite3.Connection, slots: Sequence[int], *, by_time: bool) -> _Stored:
    places, place_data, x_data, value_data = db.execute(
        READ_BY_TIME if by_time else READ_BY_STEP, (msgspec.json.encode(slots).decode(),)
    ).fetchone()
    rows = np.array(msgspec.json.decode(places), dtype=np.int64).reshape(-1, 3)
    place = np.frombuffer(place_data or b"", dtype=np.float64).reshape(-1, overview.PLACE)
    asked, each = rows[:, 0], rows[:, 2]
    counts = np.zeros(len(slots), dtype=np.int64)
    widths = np.full(len(slots), buckets.WIDTH_MIN, dtype=np.int32)
    last_step = np.full(len(slots), np.nan)
    counts[asked], widths[asked], last_step[asked] = each, rows[:, 1], place[:, overview.LAST_STEP]
    x = np.frombuffer(x_data or b"", dtype=np.float64)
    if not by_time:
        rank = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
        regular = (
            np.repeat(place[:, overview.X0], each) + np.repeat(place[:, overview.DX], each) * rank
        )
        regular[np.isnan(regular)] = x  # the others bring theirs
        x = regular
    values = np.frombuffer(value_data or b"", dtype=np.float32).reshape(-1, overview.VALUES)
    return _Stored(counts, widths, last_step, x, values)


def _with_newest(
    db: sqlite3.Connection,
    slots: Sequence[int],
    axis: Axis,
    found: _Owned,
    stored: _Stored,
    fresh: newest.Waiting,
) -> _Owned:
    """Add the newest points to the stored buckets of their curves."""
    widths = stored.widths
    key = np.floor(np.ldexp(fresh.points[0], -widths[fresh.owner]))
    # The number of each curve's last stored bucket; NaN, which compares false, if it has none.
    edge = np.floor(np.ldexp(stored.last_step, -widths))
    # A point before the last stored bucket is late, which is rare: its curve goes the long way.
    late = np.unique(fresh.owner[key < edge[fresh.owner]])
    new, new_key = _bucketed(fresh, key, widths, by_time=axis.by_time)
    into = new_key == edge[new.owner]
    at = (np.cumsum(stored.counts) - 1)[new.owner[into]]
    values, x = found.values.copy(), found.x.copy()
    values[at] = _merged(values[at], new.values[into])
    if axis.by_time:
        x[at] = new.x[into]
    parts = [_Owned(found.owner, x, values), new.where(~into)]
    if len(late):
        parts = [part.where(~np.isin(part.owner, late)) for part in parts]
        raw = Axis(axis.by_time, np.zeros(len(late)))
        whole = level_curves(db, [[slots[o]] for o in late], raw, points=overview.OVERVIEW_MAX)
        parts.append(_Owned(np.repeat(late, whole.counts), whole.x, whole.values))
    return _Owned(
        np.concatenate([part.owner for part in parts]),
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def _bucketed(
    fresh: newest.Waiting, key: Floats, widths: NDArray[np.int32], *, by_time: bool
) -> tuple[_Owned, Floats]:
    """Gather points into buckets of their curves' widths, and return them and their numbers."""
    order = np.lexsort((key, fresh.owner))  # stable: arrival decides within a bucket
    owner, key = fresh.owner[order], key[order]
    points = buckets.of_points(*fresh.points[:, order])
    opens = np.empty(len(key), dtype=bool)
    opens[0] = True
    opens[1:] = (key[1:] != key[:-1]) | (owner[1:] != owner[:-1])
    grouped = buckets.coarsen(points, 0, key=np.cumsum(opens) - 1.0)
    owner, key = owner[opens], key[opens]
    single = grouped[buckets.COUNT] + grouped[buckets.NONFINITE] == 1
    shown = np.where(single, grouped[buckets.STEP], np.ldexp(key, widths[owner]))
    x = grouped[buckets.TIME] if by_time else shown
    return _Owned(owner, x, overview.values(grouped)), key


def _merged(old: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.float32]:
    merged = new.copy()
    weight = old[:, overview.WEIGHT] + new[:, overview.WEIGHT]
    merged[:, overview.MIN] = np.fmin(old[:, overview.MIN], new[:, overview.MIN])
    merged[:, overview.MAX] = np.fmax(old[:, overview.MAX], new[:, overview.MAX])
    total = sum(
        np.where(part[:, overview.WEIGHT] > 0, part[:, overview.MEAN], 0) * part[:, overview.WEIGHT]
        for part in (old, new)
    )
    merged[:, overview.MEAN] = np.where(weight > 0, total / np.maximum(weight, 1), np.nan)
    merged[:, overview.WEIGHT] = weight
    return merged


def _whole_level(db: sqlite3.Connection, slots: Sequence[int], fresh: Floats) -> Level:
    """Return a series with all that its slots hold: their levels, and the points that wait."""
    levels = []
    for slot in slots:
        row = db.execute("SELECT width, count, data FROM level WHERE slot = ?", (slot,)).fetchone()
        if row:
            levels.append(buckets.unpack(*row))
    width = max((level.width for level in levels), default=buckets.WIDTH_MIN)
    parts = [level.buckets for level in levels]
    if fresh.shape[1]:
        parts.append(buckets.of_points(*fresh))
    if not parts:
        return buckets.EMPTY
    return Level(width, buckets.coarsen(np.concatenate(parts, axis=1), width))


def _within(level: Floats, span: tuple[float, float], origin: float, *, by_time: bool) -> Ints:
    """Return which buckets lie in the span, and the next one on either side."""
    rows = (buckets.TIME, buckets.TIME) if by_time else (buckets.STEP, buckets.STEP_LAST)
    begin, end = (level[row] - origin for row in rows)
    before = np.flatnonzero(end < span[0])
    inside = np.flatnonzero((end >= span[0]) & (begin <= span[1]))
    after = np.flatnonzero(begin > span[1])
    return np.concatenate((before[-1:], inside, after[:1]))


def _linear(counts: Ints, firsts: Ints, x: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Return which curves have x at regular distances, and their first x and distance."""
    some = counts > 0
    x0, dx = np.zeros(len(counts)), np.ones(len(counts))
    x0[some] = x[firsts[some]]
    several = counts > 1
    dx[several] = x[firsts[several] + 1] - x0[several]
    rank = np.arange(len(x)) - np.repeat(firsts, counts)
    off = x != np.repeat(x0, counts) + np.repeat(dx, counts) * rank
    odd = np.zeros(len(counts), dtype=bool)
    odd[some] = np.logical_or.reduceat(off, firsts[some]) if some.any() else False
    return ~odd, x0, dx
