"""Curves from what is stored ready to be drawn.

The overview of a series is stored ready; thousands of them are joined here with the newest points
by array operations over all curves at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from math import isnan
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import buckets, compressed, newest, overview
from .curves import Axis, Curves
from .levels import whole_levels

__all__ = ["overview_curves", "places_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# One row with everything in it: see database.BULK_INSERT. The order of the list is kept as long as
# the list drives the join; a sort would copy every blob. Columns are asked for one after the other:
# texts that grow side by side are moved in memory again and again.
READ_KEYS = """
    SELECT json_group_array(json_array(list.key, width, count))
    FROM json_each(?) AS list CROSS JOIN overview ON slot = list.value
"""
READ_COLUMN = """
    SELECT CAST(group_concat(overview.{column}, '') AS BLOB)
    FROM json_each(?) AS list CROSS JOIN overview ON slot = list.value
"""
# Of buckets that hold one point each, the last value is all three.
READ_FIGURE = """
    SELECT CAST(group_concat(coalesce(figures.{column}, overview.last), '') AS BLOB)
    FROM json_each(?) AS list CROSS JOIN figures ON figures.slot = list.value
    CROSS JOIN overview ON overview.slot = list.value
"""
READ_PACKED = """
    SELECT CAST(group_concat(figures.{column}, '') AS BLOB),
           json_group_array(length(figures.{column}))
    FROM json_each(?) AS list CROSS JOIN figures ON slot = list.value
"""


def overview_curves(
    db: sqlite3.Connection,
    slots: Sequence[int],
    axis: Axis,
    *,
    points: int,
    figures: int = overview.VALUES,
) -> tuple[Curves, NDArray[np.bool_]] | None:
    """Return a curve for each slot, from its overview and its newest points, and which are exact.

    None, where a series has few enough points and its steps are too close for what is stored. A
    curve has at most overview.OVERVIEW_MAX + buckets.CHUNK points, or all of its series if those
    are at most `points`. Of the values of each there are the first `figures`: one, those that are
    SHOWN, or all.
    """
    stored = _read_overviews(db, slots, by_time=axis.by_time, figures=figures)
    fresh = newest.waiting(db, slots)
    nothing = np.empty((0, stored.values.shape[1]), dtype=np.float32)
    new = _Owned(np.empty(0, dtype=np.int64), np.empty(0), nothing)
    if len(fresh.owner):
        stored, new, late = _with_newest(axis, stored, fresh)
    else:
        late = np.empty(0, dtype=np.int64)
    # Of some series more is to be shown than their overviews have, and all of it is in their
    # levels. A late point goes the same way.
    shown = stored.counts + np.bincount(new.owner, minlength=len(slots))
    short = np.flatnonzero((fresh.totals > shown) & (fresh.totals <= points))
    aside = np.union1d(late, short).astype(np.int64)
    single = np.zeros(len(slots), dtype=bool)
    if len(aside):
        levels = _Levels(db, slots, fresh.totals, points)
        stored, new, single[aside] = levels.instead(axis, stored, new, aside)
    curves = _joined(stored, new, axis)
    exact = single | (curves.counts == fresh.totals)
    return (curves, exact) if exact[fresh.totals <= points].all() else None


def places_of(db: sqlite3.Connection, slots: Sequence[int]) -> tuple[int, Floats]:
    """Return the largest width of the slots' overviews, and an x in each of their buckets.

    Those that are regular in one way are told once.
    """
    wanted = msgspec.json.encode(slots).decode()
    _, widths, counts = _read_keys(db, wanted)
    place = _read(db, "place", wanted).reshape(-1, overview.PLACE)
    first, apart = place[:, overview.X0], place[:, overview.DX]
    kinds = set(zip(first.tolist(), apart.tolist(), counts.tolist(), strict=True))
    regular = [x0 + dx * np.arange(count) for x0, dx, count in kinds if not isnan(x0)]
    width = int(widths.max(initial=buckets.WIDTH_MIN))
    return width, np.concatenate([*regular, _read(db, "step", wanted)])


class _Stored(NamedTuple):
    """Overviews end to end; the figures of each are fresh where there is none."""

    counts: Ints
    widths: Ints
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
    db: sqlite3.Connection, slots: Sequence[int], *, by_time: bool, figures: int
) -> _Stored:
    wanted = msgspec.json.encode(slots).decode()
    asked, widths, counts = _read_keys(db, wanted)
    place = np.full((len(slots), overview.PLACE), np.nan)
    place[asked] = _read(db, "place", wanted).reshape(-1, overview.PLACE)
    x = _read_times(db, wanted, counts) if by_time else _read(db, "step", wanted)
    # A figure is one stretch of memory, and is sent as such.
    columns = [_read_figure(db, name, wanted, counts) for name in overview.COLUMNS[:figures]]
    return _Stored(
        _filled(asked, counts, len(slots), 0),
        _filled(asked, widths, len(slots), buckets.WIDTH_MIN),
        place,
        x,
        np.stack(columns).T,
    )


def _read_keys(db: sqlite3.Connection, wanted: str) -> tuple[Ints, Ints, Ints]:
    """Return which of the slots have an overview, and the width and count of each."""
    (found,) = db.execute(READ_KEYS, (wanted,)).fetchone()
    rows = np.array(msgspec.json.decode(found), dtype=np.int64).reshape(-1, 3)
    assert np.all(rows[1:, 0] > rows[:-1, 0]), "the list drives the join"
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _read(db: sqlite3.Connection, column: str, wanted: str) -> Floats:
    (data,) = db.execute(READ_COLUMN.format(column=column), (wanted,)).fetchone()
    return np.frombuffer(data or b"")


def _read_figure(
    db: sqlite3.Connection, column: str, wanted: str, counts: Ints
) -> NDArray[np.float32]:
    if column == "weight":
        data, packed = _read_packed(db, column, wanted)
        data = b"".join(compressed.unpack(data, packed, (4 * counts).tolist()))
    else:
        sql = READ_COLUMN if column == "last" else READ_FIGURE
        (data,) = db.execute(sql.format(column=column), (wanted,)).fetchone()
    return np.frombuffer(data or b"", dtype=np.float32)


def _read_times(db: sqlite3.Connection, wanted: str, counts: Ints) -> Floats:
    return compressed.unpack_times(*_read_packed(db, "time", wanted), counts.tolist())


def _read_packed(db: sqlite3.Connection, column: str, wanted: str) -> tuple[bytes, list[int]]:
    data, sizes = db.execute(READ_PACKED.format(column=column), (wanted,)).fetchone()
    return data or b"", msgspec.json.decode(sizes)


def _filled(asked: Ints, numbers: Ints, size: int, otherwise: int) -> Ints:
    whole = np.full(size, otherwise, dtype=np.int64)
    whole[asked] = numbers
    return whole


def _with_newest(
    axis: Axis, stored: _Stored, fresh: newest.Waiting
) -> tuple[_Stored, _Owned, Ints]:
    """Return the stored buckets with what goes into the last ones, the new buckets, late curves.

    A point before the last stored one is late, which is rare: its curve must be made anew.
    """
    with np.errstate(over="ignore"):  # see buckets.keys_of
        key = np.floor(np.ldexp(fresh.points[0], -stored.widths[fresh.owner]))
    # The number of each curve's last stored bucket; NaN, which compares false, if it has none.
    edge = np.floor(np.ldexp(stored.place[:, overview.LAST_STEP], -stored.widths))
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
    return stored, new, late


class _Levels(NamedTuple):
    """Where curves are made anew from."""

    db: sqlite3.Connection
    slots: Sequence[int]
    totals: Ints
    points: int

    def instead(
        self, axis: Axis, stored: _Stored, new: _Owned, which: Ints
    ) -> tuple[_Stored, _Owned, NDArray[np.bool_]]:
        """Return the same with some curves made from their levels, and whether these are exact."""
        owner, x, values, exact = [], [], [], []
        levels = whole_levels(self.db, [[self.slots[place]] for place in which.tolist()])
        for place, level in zip(which.tolist(), levels, strict=True):
            short = self.totals[place] <= self.points
            width = buckets.fit(
                level.buckets, level.width, self.points if short else overview.OVERVIEW_MAX
            )
            few = buckets.coarsen(level.buckets, width)
            single = bool(np.array_equal(few[buckets.STEP], few[buckets.STEP_LAST]))
            shown = few[buckets.STEP] if single else buckets.shown_at(few, width)
            x.append(few[buckets.TIME] if axis.by_time else shown)
            values.append(overview.values(few)[:, : stored.values.shape[1]])
            owner.append(np.full(few.shape[1], place, dtype=np.int64))
            exact.append(single)
        new = new.where(~np.isin(new.owner, which))
        owners = np.concatenate((new.owner, *owner))
        order = np.argsort(owners, kind="stable")
        made = _Owned(
            owners[order],
            np.concatenate((new.x, *x))[order],
            np.concatenate((new.values, *values))[order],
        )
        stored = stored.without(which, by_time=axis.by_time)
        return stored, made, np.array(exact, dtype=np.bool_)


def _bucketed(
    fresh: newest.Waiting, key: Floats, widths: Ints, *, by_time: bool
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
    if merged.shape[1] == 1:
        return merged
    merged[:, overview.MIN] = np.minimum(old[:, overview.MIN], new[:, overview.MIN])
    merged[:, overview.MAX] = np.maximum(old[:, overview.MAX], new[:, overview.MAX])
    # A bucket without finite values shows its last one instead, which counts for nothing.
    old_bare, new_bare = overview.are_bare(old), overview.are_bare(new)
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
