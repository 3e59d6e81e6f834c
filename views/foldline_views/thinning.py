"""Curves of few points, made from longer ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import buckets, overview
from .curves import Curves, all_x, placed

__all__ = ["thinned"]

Floats = NDArray[np.float64]
Figures = NDArray[np.float32]


def thinned(curves: Curves, points: int) -> tuple[Curves, NDArray[np.bool_]]:
    """Return curves along steps with at most so many points each, and which have fewer than before.

    Their buckets are joined, as `buckets.fit` would have it: a power of two of steps, aligned at
    zero. One that stays alone is drawn where it was, any other at its left edge. All of overview's
    VALUES are needed where the mean is wanted; else the first of them are enough.
    """
    long = curves.counts > points
    if not long.any():
        return curves, long
    x = all_x(curves)
    owner = np.repeat(np.arange(len(long)), curves.counts)
    mine = long[owner]
    opens = np.ones(len(x), dtype=np.bool_)
    opens[mine], edge = _opens(x[mine], owner[mine], len(long), points)
    starts = np.flatnonzero(opens)
    ends = np.append(starts[1:], len(x)) - 1
    shown = x.copy()
    shown[mine] = edge
    alone = starts == ends
    counts = np.bincount(owner[starts], minlength=len(long))
    values = _joined(curves.values, starts, ends)
    made = placed(counts, np.where(alone, x[starts], shown[starts]), values)
    return made, counts != curves.counts


def _opens(
    x: Floats, owner: NDArray[np.int64], owners: int, points: int
) -> tuple[NDArray[np.bool_], Floats]:
    """Return where buckets that fit begin, and the left edge of each one's bucket."""
    width = buckets.fit_each(
        x[None], owner, np.full(owners, buckets.WIDTH_MIN, dtype=np.int64), points
    )[owner]
    key = buckets.keys_of(x, width)
    opens = np.ones(len(x), dtype=np.bool_)
    opens[1:] = (key[1:] != key[:-1]) | (owner[1:] != owner[:-1])
    with np.errstate(over="ignore"):
        return opens, np.ldexp(key, width)


def _joined(values: Figures, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Figures:
    """Return the figures of stretches of buckets."""
    joined = values[ends]
    if values.shape[1] == 1:
        return joined
    low, high = values[:, overview.MIN], values[:, overview.MAX]
    # A bucket without finite values shows its last one instead, which counts for nothing.
    bare = overview.are_bare(values)
    low = np.minimum.reduceat(np.where(bare, np.float32(np.inf), low), starts)
    high = np.maximum.reduceat(np.where(bare, np.float32(-np.inf), high), starts)
    empty = np.minimum.reduceat(bare, starts)
    joined[:, overview.MIN] = np.where(empty, joined[:, overview.LAST], low)
    joined[:, overview.MAX] = np.where(empty, joined[:, overview.LAST], high)
    if values.shape[1] > overview.SHOWN:
        weight = np.add.reduceat(values[:, overview.WEIGHT].astype(np.float64), starts)
        each = np.nan_to_num(values[:, overview.MEAN].astype(np.float64))
        total = np.add.reduceat(each * values[:, overview.WEIGHT], starts)
        mean = total / np.maximum(weight, 1)
        joined[:, overview.MEAN] = np.where(weight > 0, mean, joined[:, overview.LAST])
        joined[:, overview.WEIGHT] = weight
    return joined
