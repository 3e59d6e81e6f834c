"""Curves end to end, as they are sent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import overview

__all__ = ["NONE", "Axis", "Curves", "all_x", "placed"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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


def placed(counts: Ints, x: Floats, values: NDArray[np.float32]) -> Curves:
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


def all_x(curves: Curves) -> Floats:
    """Return every x of the curves, regular or not."""
    firsts = np.cumsum(curves.counts) - curves.counts
    owner = np.repeat(np.arange(len(curves.counts)), curves.counts)
    x = curves.x0[owner] + curves.dx[owner] * (np.arange(len(owner)) - firsts[owner])
    x[~curves.linear[owner]] = curves.x
    return x
