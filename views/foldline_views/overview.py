"""A series at a glance: few buckets, ready to send.

Stored beside the level so that thousands of series are read with one statement and joined without
a loop over them. LEVELS.md describes the stored form to the byte.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import buckets

__all__ = [
    "DX",
    "INSERT",
    "LAST",
    "LAST_STEP",
    "MAX",
    "MEAN",
    "MIN",
    "OVERVIEW_MAX",
    "PLACE",
    "SHOWN",
    "VALUES",
    "WEIGHT",
    "X0",
    "row",
    "values",
]

OVERVIEW_MAX = 256  # buckets: a chart among many has no more columns of pixels to fill

INSERT = "INSERT OR REPLACE INTO overview VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

# Where the buckets lie, as f64: their steps are X0 + i * DX, or X0 is NaN and all are stored.
X0 = 0
DX = 1
LAST_STEP = 2  # the highest step of all
PLACE = 3

# The f32 values of each bucket, in the order in which they are stored: those that a line is drawn
# with, then those that only averages need.
LAST = 0
MIN = 1
MAX = 2
SHOWN = 3
MEAN = 3
WEIGHT = 4  # finite values behind the mean, so that means can be merged
VALUES = 5


def values(level: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return what is drawn of each bucket: an array of one row of VALUES a bucket.

    A bucket without finite values shows its last one, NaN or infinite, in every column.
    """
    shown = np.empty((level.shape[1], VALUES), dtype=np.float32)
    count = level[buckets.COUNT]
    empty = count == 0
    with np.errstate(over="ignore"):  # a value beyond f32 is drawn as infinite
        shown[:, LAST] = level[buckets.LAST]
        shown[:, MIN] = level[buckets.MIN]
        shown[:, MAX] = level[buckets.MAX]
        shown[:, MEAN] = level[buckets.SUM] / np.maximum(count, 1)
        shown[:, WEIGHT] = count
    shown[empty, MIN:WEIGHT] = shown[empty, LAST, None]
    return shown


def row(level: buckets.Level) -> tuple[object, ...]:
    """Return the columns of the overview table for a level, without the slot."""
    width = buckets.fit(level.buckets, level.width, OVERVIEW_MAX)
    few = buckets.coarsen(level.buckets, width)
    x = buckets.shown_at(few, width)
    count = len(x)
    dx = x[1] - x[0] if count > 1 else 1.0
    # Regular steps are the rule: then two numbers say them all.
    regular = np.array_equal(x, x[0] + dx * np.arange(count))
    shown = values(few)
    place = np.array([x[0] if regular else np.nan, dx, few[buckets.STEP_LAST, -1]])
    return (
        width,
        count,
        place.tobytes(),
        None if regular else x.tobytes(),
        shown[:, :SHOWN].tobytes(),
        shown[:, SHOWN:].tobytes(),
        np.ascontiguousarray(few[buckets.TIME]).tobytes(),
    )
