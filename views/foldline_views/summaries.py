"""Exact figures of each series, kept while points arrive.

A summary is one column of an array of ROWS rows of float64; many series are many columns, and a
batch for all of them is folded at once. Every figure is a function of the points and their order
of arrival alone, not of how they were cut into batches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COUNT",
    "FIRST",
    "FIRST_STEP",
    "FIRST_TIME",
    "LAST",
    "LAST_STEP",
    "LAST_TIME",
    "MAX",
    "MAX_STEP",
    "MIN",
    "MIN_STEP",
    "NONFINITE",
    "NONFINITE_STEP",
    "ROWS",
    "ROW_BYTES",
    "SUM",
    "fold",
    "fresh",
    "merge",
]

Floats = NDArray[np.float64]

COUNT = 0  # of all points
NONFINITE = 1  # of the points that are NaN or infinite
NONFINITE_STEP = 2  # the lowest step of those; +inf if there are none
FIRST_STEP = 3  # the lowest step
FIRST = 4  # the value there, finite or not; the earliest, of repeated ones
FIRST_TIME = 5
LAST_STEP = 6  # the highest step
LAST = 7  # the value there; the latest, of repeated ones
LAST_TIME = 8
MIN = 9  # of the finite values; +inf if there are none
MIN_STEP = 10  # the lowest step that has it
MAX = 11
MAX_STEP = 12
SUM = 13  # of the finite values, added in order of arrival
ROWS = 14
ROW_BYTES = ROWS * 8


def fresh(count: int) -> Floats:
    """Return the summaries of `count` series without points."""
    state = np.zeros((ROWS, count))
    state[[NONFINITE_STEP, FIRST_STEP, MIN, MIN_STEP, MAX_STEP]] = np.inf
    state[[LAST_STEP, MAX]] = -np.inf
    state[[FIRST, LAST]] = np.nan
    return state


def fold(
    state: Floats, starts: NDArray[np.int64], step: Floats, value: Floats, time: Floats
) -> Floats:
    """Return summaries with points added.

    Column i of `state` gets the points from `starts[i]` up to `starts[i + 1]`, in order of
    arrival; each gets one at least.
    """
    series = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(step)))
    finite = np.isfinite(value)
    step = step + 0.0  # see buckets.of_points
    place = np.arange(len(step))
    new = state.copy()
    new[COUNT] += np.diff(starts, append=len(step))
    new[NONFINITE] += np.add.reduceat(~finite, starts, dtype=np.int64)
    bad_step = np.minimum.reduceat(np.where(finite, np.inf, step), starts)
    new[NONFINITE_STEP] = np.minimum(state[NONFINITE_STEP], bad_step)

    lowest = np.minimum.reduceat(step, starts)
    at = np.minimum.reduceat(np.where(step == lowest[series], place, len(step)), starts)
    earlier = lowest < state[FIRST_STEP]  # at an equal step the earlier arrival stays first
    for row, column in ((FIRST_STEP, step), (FIRST, value), (FIRST_TIME, time)):
        new[row] = np.where(earlier, column[at], state[row])

    highest = np.maximum.reduceat(step, starts)
    at = np.maximum.reduceat(np.where(step == highest[series], place, -1), starts)
    later = highest >= state[LAST_STEP]  # and the later arrival becomes last
    for row, column in ((LAST_STEP, step), (LAST, value), (LAST_TIME, time)):
        new[row] = np.where(later, column[at], state[row])

    lows, highs = (np.where(finite, value + 0.0, sign * np.inf) for sign in (1.0, -1.0))
    _extreme(new, state, MIN, MIN_STEP, step, lows, starts, 1.0)
    _extreme(new, state, MAX, MAX_STEP, step, highs, starts, -1.0)
    # The old sums go first into a count that adds one by one: see buckets.coarsen.
    group = np.concatenate((np.arange(len(starts)), series))
    new[SUM] = np.bincount(
        group, weights=np.concatenate((state[SUM], np.where(finite, value, 0.0)))
    )
    return new


def merge(parts: Floats) -> Floats:
    """Return one summary, as a column, of a series that several writers wrote to.

    `parts` has a column for each writer, in the order of their names.
    """
    whole = parts[:, :1].copy()
    for other in parts.T[1:]:
        part = other.reshape(ROWS, 1)
        if part[FIRST_STEP] < whole[FIRST_STEP]:
            whole[FIRST_STEP : FIRST_TIME + 1] = part[FIRST_STEP : FIRST_TIME + 1]
        if part[LAST_STEP] >= whole[LAST_STEP]:
            whole[LAST_STEP : LAST_TIME + 1] = part[LAST_STEP : LAST_TIME + 1]
        for row, sign in ((MIN, 1.0), (MAX, -1.0)):
            if (sign * part[row], part[row + 1]) < (sign * whole[row], whole[row + 1]):
                whole[row : row + 2] = part[row : row + 2]
        with np.errstate(over="ignore", invalid="ignore"):  # a sum may grow beyond all numbers
            whole[[COUNT, NONFINITE, SUM]] += part[[COUNT, NONFINITE, SUM]]
        whole[NONFINITE_STEP] = np.minimum(whole[NONFINITE_STEP], part[NONFINITE_STEP])
    return whole


def _extreme(
    new: Floats,
    state: Floats,
    row: int,
    step_row: int,
    step: Floats,
    value: Floats,
    starts: NDArray[np.int64],
    sign: float,
) -> None:
    """Fold the minimum (sign 1) or maximum (sign -1) and the lowest step that has it."""
    reduce = np.minimum if sign > 0 else np.maximum
    best = reduce.reduceat(value, starts)
    series = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(step)))
    has = (value == best[series]) & np.isfinite(value)
    best_step = np.minimum.reduceat(np.where(has, step, np.inf), starts)
    better = sign * best < sign * state[row]
    equal = best == state[row]
    new[row] = np.where(better, best, state[row])
    new[step_row] = np.where(
        better, best_step, np.where(equal, np.minimum(best_step, state[step_row]), state[step_row])
    )
