"""Many curves in one binary message.

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
# One row with everything in it: see database.BULK_INSERT. The order of the list is kept as long as
# the list drives the join; a sort would copy every blob.
READ_OVERVIEWS = """
    SELECT json_group_array(json_array(list.key, width, count)),
           CAST(group_concat(place, '') AS BLOB),
           CAST(group_concat({x}, '') AS BLOB),
           CAST(group_concat(overview.value, '') AS BLOB),
           CAST(group_concat({mean}, '') AS BLOB)
    FROM json_each(?) AS list CROSS JOIN overview ON slot = list.value
"""
VALUE_COLUMNS = {
    "last": overview.LAST,
    "min": overview.MIN,
    "max": overview.MAX,
    "mean": overview.MEAN,
}


class Curves(NamedTuple):
    """Curves end to end: `counts[i]` points of curve i follow those of curve i - 1."""

    counts: Ints
    linear: NDArray[np.bool_]  # curves whose x are x0 + i * dx
    x0: Floats
    dx: Floats
    x: Floats  # of the others, end to end
    values: NDArray[np.float32]  # one row of overview's values a point


class Axis(NamedTuple):
    """What x is: steps, or times less an origin for each curve (0 for the steps themselves)."""

    by_time: bool
    origin: Floats


NONE = Curves(
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=bool),
    np.empty(0),
    np.empty(0),
    np.empty(0),
    np.empty((0, overview.VALUES), dtype=np.float32),
)


def encode(
    curves: Curves, series: Sequence[int], columns: Sequence[str], head: dict[str, Any]
) -> bytes:
    """Return the message; `series` are the ids of the curves, `head` is sent as JSON."""
    counts, points = curves.counts, len(curves.values)
    table = np.zeros(len(counts), TABLE)
    table["series"], table["first"], table["count"] = series, np.cumsum(counts) - counts, counts
    table["x0"], table["dx"] = curves.x0, curves.dx
    explicit = np.where(curves.linear, 0, counts)
    table["first_x"] = np.where(curves.linear, LINEAR, np.cumsum(explicit) - explicit)
    text = msgspec.json.encode(head)
    text = text.ljust(-(-len(text) // 8) * 8)
    parts = [HEAD.pack(MAGIC, len(text), len(counts), points, len(curves.x)), text]
    parts += [table.tobytes(), curves.x.tobytes()]
    for name in columns:
        parts.append(curves.values[:, VALUE_COLUMNS[name]].tobytes())
        parts.append(bytes(4 * (points % 2)))
    return b"".join(parts)


def overview_curves(
    db: sqlite3.Connection, slots: Sequence[int], axis: Axis, *, mean: bool = True
) -> Curves:
    """Return a curve for each slot, from its overview and its newest points.

    It has at most overview.OVERVIEW_MAX + buckets.CHUNK points. Without `mean`, there is none.
    """
    stored = _read_overviews(db, slots, by_time=axis.by_time, mean=mean)
    fresh = newest.waiting(db, slots)
    nothing = np.empty((0, stored.values.shape[1]), dtype=np.float32)
    new = _Owned(np.empty(0, dtype=np.int64), np.empty(0), nothing)
    if len(fresh.owner):
        stored, new = _with_newest(db, slots, axis, stored, fresh)
    return _joined(stored, new, axis)


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
    return _placed(np.array(counts, dtype=np.int64), np.concatenate(xs), np.concatenate(values))


class _Stored(NamedTuple):
    """Overviews end to end; the figures of each are fresh where there is none."""

    counts: Ints
    widths: NDArray[np.int32]
    place: Floats  # one row of overview.PLACE an overview
    x: Floats  # of those that are not regular, or of all if x is time
    values: NDArray[np.float32]

    def without(self, places: Ints, *, by_time: bool) -> _Stored:
        """Return the same with some overviews made empty."""
        gone = np.zeros(len(self.counts), dtype=bool)
        gone[places] = True
        explicit = np.isnan(self.place[:, overview.X0]) | by_time
        keep_x = np.repeat(~gone[explicit], self.counts[explicit])
        return self._replace(
            counts=np.where(gone, 0, self.counts),
            x=self.x[keep_x],
            values=self.values[np.repeat(~gone, self.counts)],
        )


class _Owned(NamedTuple):
    """Points of many curves, in the order of the curves, each with the place of its curve."""

    owner: Ints
    x: Floats
    values: NDArray[np.float32]

    def where(self, mask: NDArray[np.bool_]) -> _Owned:
        """Return some of the points."""
        return _Owned(self.owner[mask], self.x[mask], self.values[mask])


def _read_overviews(
    db: sqlite3.Connection, slots: Sequence[int], *, by_time: bool, mean: bool
) -> _Stored:
    sql = READ_OVERVIEWS.format(x="time" if by_time else "step", mean="mean" if mean else "NULL")
    asked_json, place_data, x_data, value_data, mean_data = db.execute(
        sql, (msgspec.json.encode(slots).decode(),)
    ).fetchone()
    rows = np.array(msgspec.json.decode(asked_json), dtype=np.int64).reshape(-1, 3)
    asked = rows[:, 0]
    assert np.all(asked[1:] > asked[:-1]), "the list drives the join"
    counts = np.zeros(len(slots), dtype=np.int64)
    widths = np.full(len(slots), buckets.WIDTH_MIN, dtype=np.int32)
    place = np.full((len(slots), overview.PLACE), np.nan)
    counts[asked], widths[asked] = rows[:, 2], rows[:, 1]
    place[asked] = np.frombuffer(place_data or b"").reshape(-1, overview.PLACE)
    values = np.frombuffer(value_data or b"", dtype=np.float32).reshape(-1, overview.SHOWN)
    if mean:
        columns = overview.VALUES - overview.SHOWN
        means = np.frombuffer(mean_data or b"", dtype=np.float32).reshape(-1, columns)
        values = np.concatenate((values, means), axis=1)
    return _Stored(counts, widths, place, np.frombuffer(x_data or b""), values)


def _with_newest(
    db: sqlite3.Connection,
    slots: Sequence[int],
    axis: Axis,
    stored: _Stored,
    fresh: newest.Waiting,
) -> tuple[_Stored, _Owned]:
    """Return the stored buckets with what goes into the last ones, and the new buckets."""
    with np.errstate(over="ignore"):  # see buckets._keys
        key = np.floor(np.ldexp(fresh.points[0], -stored.widths[fresh.owner]))
    # The number of each curve's last stored bucket; NaN, which compares false, if it has none.
    edge = np.floor(np.ldexp(stored.place[:, overview.LAST_STEP], -stored.widths))
    # A point before the last stored one is late, which is rare: its curve goes the long way.
    last_step = stored.place[:, overview.LAST_STEP]
    late = np.unique(fresh.owner[fresh.points[0] < last_step[fresh.owner]])
    new, new_key = _bucketed(fresh, key, stored.widths, by_time=axis.by_time)
    new = new._replace(values=new.values[:, : stored.values.shape[1]])
    into = new_key == edge[new.owner]
    if into.any():
        at = (np.cumsum(stored.counts) - 1)[new.owner[into]]
        values = stored.values.copy()
        values[at] = _merged(values[at], new.values[into])
        x = stored.x
        if axis.by_time:
            x = x.copy()
            x[at] = new.x[into]
        stored, new = stored._replace(values=values, x=x), new.where(~into)
    if not len(late):
        return stored, new
    raw = Axis(axis.by_time, np.zeros(len(late)))
    whole = level_curves(db, [[slots[o]] for o in late], raw, points=overview.OVERVIEW_MAX)
    new = new.where(~np.isin(new.owner, late))
    owner = np.concatenate((new.owner, np.repeat(late, whole.counts)))
    order = np.argsort(owner, kind="stable")
    values = np.concatenate((new.values, whole.values[:, : stored.values.shape[1]]))
    x = np.concatenate((new.x, _all_x(whole)))
    stored = stored.without(late, by_time=axis.by_time)
    return stored, _Owned(owner[order], x[order], values[order])


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
    """Return what is drawn of buckets that got more points."""
    merged = new.copy()
    merged[:, overview.MIN] = np.minimum(old[:, overview.MIN], new[:, overview.MIN])
    merged[:, overview.MAX] = np.maximum(old[:, overview.MAX], new[:, overview.MAX])
    # A bucket without finite values shows its last one instead, which counts for nothing.
    old_bare, new_bare = _is_bare(old), _is_bare(new)
    for figure in (overview.MIN, overview.MAX):
        merged[old_bare, figure] = new[old_bare, figure]
        merged[new_bare, figure] = old[new_bare, figure]
        merged[old_bare & new_bare, figure] = new[old_bare & new_bare, overview.LAST]
    if merged.shape[1] > overview.SHOWN:
        weight = old[:, overview.WEIGHT] + new[:, overview.WEIGHT]
        some = weight > 0
        # A mean over no finite value is NaN or infinite, and must count for nothing.
        total = np.nan_to_num(old[:, overview.MEAN]) * old[:, overview.WEIGHT]
        total += np.nan_to_num(new[:, overview.MEAN]) * new[:, overview.WEIGHT]
        merged[some, overview.MEAN] = total[some] / weight[some]
        merged[~some, overview.MEAN] = new[~some, overview.LAST]
        merged[:, overview.WEIGHT] = weight
    return merged


def _is_bare(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say which buckets have no finite value."""
    low, high = values[:, overview.MIN], values[:, overview.MAX]
    bare: NDArray[np.bool_] = ~np.isfinite(low) & ((low == high) | np.isnan(low))
    return bare


def _joined(stored: _Stored, new: _Owned, axis: Axis) -> Curves:
    """Put each curve's new buckets behind its stored ones."""
    more = np.bincount(new.owner, minlength=len(stored.counts))
    counts = stored.counts + more
    rank = np.arange(len(new.owner)) - np.repeat(np.cumsum(more) - more, more)
    x0, dx = stored.place[:, overview.X0].copy(), stored.place[:, overview.DX].copy()
    # A curve that is all new is regular if its own first two say so.
    first = np.cumsum(more) - more
    fresh = (stored.counts == 0) & (more > 0)
    x0[fresh] = new.x[first[fresh]]
    two = fresh & (more > 1)
    dx[two] = new.x[first[two] + 1] - x0[two]
    dx[np.isnan(dx)] = 1.0
    off = new.x != x0[new.owner] + dx[new.owner] * (stored.counts[new.owner] + rank)
    linear = np.bincount(new.owner, weights=off, minlength=len(counts)) == 0
    linear &= (~np.isnan(x0) | (counts == 0)) & (not axis.by_time)
    values = stored.values
    if len(new.owner):
        values = np.empty((counts.sum(), stored.values.shape[1]), dtype=np.float32)
        is_new = _behind(stored.counts, more)
        values[is_new], values[~is_new] = new.values, stored.values
    x = _explicit(stored, new, ~linear, axis)
    x -= np.repeat(axis.origin[~linear], counts[~linear])
    return Curves(counts, linear, np.where(linear & (counts > 0), x0, 0.0), dx, x, values)


def _explicit(stored: _Stored, new: _Owned, which: NDArray[np.bool_], axis: Axis) -> Floats:
    """Return all x of some curves, end to end."""
    given = np.isnan(stored.place[:, overview.X0]) | axis.by_time
    old_counts = np.where(which, stored.counts, 0)
    owner = np.repeat(np.arange(len(which)), old_counts)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(old_counts) - old_counts, old_counts)
    old = stored.place[owner, overview.X0] + stored.place[owner, overview.DX] * rank
    # Curves that were not regular before are not now, so all that was given is wanted.
    old[given[owner]] = stored.x
    mine = which[new.owner]
    more = np.bincount(new.owner[mine], minlength=len(which))
    x = np.empty(len(old) + int(more.sum()))
    is_new = _behind(old_counts, more)
    x[is_new], x[~is_new] = new.x[mine], old
    return x


def _behind(old: Ints, new: Ints) -> NDArray[np.bool_]:
    """Return a mask over curves of old[i] points and then new[i], true for the new ones."""
    both = np.stack((old, new), axis=1).ravel()
    return np.repeat(np.arange(len(both)) % 2 == 1, both)


def _placed(counts: Ints, x: Floats, values: NDArray[np.float32]) -> Curves:
    """Return curves from all their x, leaving out those that are regular."""
    firsts = np.cumsum(counts) - counts
    some, several = counts > 0, counts > 1
    x0, dx = np.zeros(len(counts)), np.ones(len(counts))
    x0[some] = x[firsts[some]]
    dx[several] = x[firsts[several] + 1] - x0[several]
    owner = np.repeat(np.arange(len(counts)), counts)
    off = x != x0[owner] + dx[owner] * (np.arange(len(x)) - firsts[owner])
    linear = np.bincount(owner, weights=off, minlength=len(counts)) == 0
    return Curves(counts, linear, x0, dx, x[~linear[owner]], values)


def _all_x(curves: Curves) -> Floats:
    """Return every x of the curves, regular or not."""
    firsts = np.cumsum(curves.counts) - curves.counts
    owner = np.repeat(np.arange(len(curves.counts)), curves.counts)
    x = curves.x0[owner] + curves.dx[owner] * (np.arange(len(owner)) - firsts[owner])
    x[~curves.linear[owner]] = curves.x
    return x


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
