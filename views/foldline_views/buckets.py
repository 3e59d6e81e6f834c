"""Points of a series, gathered into buckets of steps.

A level holds a series in at most BUCKETS_MAX buckets. Bucket k of width 2**w covers the steps
[k * 2**w, (k + 1) * 2**w): widths are powers of two and aligned at zero, so any two series share a
grid. Only buckets with points exist, and w is the smallest that fits: a series of up to
BUCKETS_MAX distinct steps is held exactly, however far apart they are.

Everything here is a pure function of arrays. `LEVELS.md` describes the stored form to the byte.

What a level holds depends on the points and their order of arrival alone, not on how they were
cut into batches: they are absorbed in chunks of CHUNK points, counted from the first point of
the series, sums are added one by one in that order, and w grows only between chunks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BUCKETS_MAX",
    "CHUNK",
    "COUNT",
    "EMPTY",
    "FIGURES",
    "FIRST",
    "LAST",
    "MAX",
    "MIN",
    "NONFINITE",
    "ROWS",
    "STEP",
    "STEP_LAST",
    "SUM",
    "TIME",
    "Level",
    "Packed",
    "absorb",
    "are_points",
    "coarsen",
    "fit",
    "fit_each",
    "joined",
    "keys_of",
    "merged",
    "of_points",
    "pack",
    "shown_at",
    "unpack_steps",
    "unpack_values",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# What a chart is wide: more buckets than pixels show nothing more.
BUCKETS_MAX = 1024
# Points that wait before they are absorbed. Absorbing costs about as much as 1,000 points' worth
# of reading and writing the level, so a chunk must not be small; each commit writes the chunk that
# is still open, so it must not be large.
CHUNK = 128
# Steps finer than 2**-20 (about 1e-6) apart share a bucket from the start.
WIDTH_MIN = -20
# Powers of two that a float64 holds with room to spare.
SCALES_MAX = 1000
# Bucket numbers below this are whole numbers that a float64 holds with a bit to spare.
WHOLE_MAX = 2.0**52
BITS = 64  # of such a number, as two of them are compared

# The rows of a bucket array: one column a bucket, sorted by step.
STEP = 0  # the lowest step
STEP_LAST = 1  # the highest step
TIME = 2  # when the point at the highest step was tracked
MIN = 3  # of the finite values; +inf if there are none
MAX = 4  # of the finite values; -inf if there are none
SUM = 5  # of the finite values
FIRST = 6  # the value at the lowest step, finite or not; the earliest, of repeated ones
LAST = 7  # the value at the highest step; the latest, of repeated ones
COUNT = 8  # of the finite values
NONFINITE = 9  # how many values are NaN or infinite
ROWS = 10
# What is stored of a bucket of several points beside its lowest step and its time.
FIGURES = [STEP_LAST, MIN, MAX, SUM, FIRST, LAST, COUNT, NONFINITE]

# Steps that are equally far apart are told by the first ones.
REGULAR = 2
SHORT_BYTES = 4  # of a value that float32 holds as well


class Level(NamedTuple):
    """A series as buckets of width 2**width: an array of ROWS rows, one column a bucket."""

    width: int
    buckets: Floats


class Packed(NamedTuple):
    """A level as it is stored, of how ever many buckets."""

    step: bytes
    value: bytes
    time: bytes


EMPTY = Level(WIDTH_MIN, np.empty((ROWS, 0)))


def of_points(step: Floats, value: Floats, time: Floats) -> Floats:
    """Return one bucket for each point."""
    buckets = np.empty((ROWS, len(step)))
    finite = np.isfinite(value)
    # Adding zero makes -0.0 to 0.0: which of two equal numbers a minimum is would be chance.
    unsigned = value + 0.0
    buckets[STEP] = buckets[STEP_LAST] = step + 0.0
    buckets[TIME] = time
    buckets[MIN] = np.where(finite, unsigned, np.inf)
    buckets[MAX] = np.where(finite, unsigned, -np.inf)
    buckets[SUM] = np.where(finite, unsigned, 0.0)
    buckets[FIRST] = buckets[LAST] = value
    buckets[COUNT] = finite
    buckets[NONFINITE] = ~finite
    return buckets


def coarsen(buckets: Floats, width: int, *, key: Floats | None = None) -> Floats:
    """Return the buckets of width 2**width that `buckets`, in order of arrival, fall into.

    `buckets` may be in any order and overlap; the result is sorted by step. With `key`, those
    with the same key go together instead.
    """
    key = keys_of(buckets[STEP], width) if key is None else key
    return merged(buckets, key, np.zeros(len(key), dtype=np.int64))[0]


def merged(buckets: Floats, key: Floats, owner: Ints) -> tuple[Floats, Ints]:
    """Return one bucket for each owner and key, sorted by both, and where each of them began.

    `owner` never falls; the buckets of one are in order of arrival, which decides what of equal
    steps is first and last.
    """
    same = owner[1:] == owner[:-1]
    if np.any((key[1:] < key[:-1]) & same):
        order = np.lexsort((key, owner))  # it is stable
        buckets, key = buckets[:, order], key[order]
    opens = np.empty(len(key), dtype=bool)
    opens[:1] = True
    np.not_equal(key[1:], key[:-1], out=opens[1:])
    opens[1:] |= ~same
    starts = np.flatnonzero(opens)
    if len(starts) == len(key):
        return buckets, starts
    group = np.cumsum(opens) - 1
    fewer = np.empty((ROWS, len(starts)))
    fewer[STEP] = np.minimum.reduceat(buckets[STEP], starts)
    fewer[STEP_LAST] = np.maximum.reduceat(buckets[STEP_LAST], starts)
    place = np.arange(len(key))
    lowest = np.where(buckets[STEP] == fewer[STEP][group], place, len(key))
    highest = np.where(buckets[STEP_LAST] == fewer[STEP_LAST][group], place, -1)
    fewer[FIRST] = buckets[FIRST][np.minimum.reduceat(lowest, starts)]
    latest = np.maximum.reduceat(highest, starts)
    fewer[LAST] = buckets[LAST][latest]
    fewer[TIME] = buckets[TIME][latest]
    fewer[MIN] = np.minimum.reduceat(buckets[MIN], starts)
    fewer[MAX] = np.maximum.reduceat(buckets[MAX], starts)
    # bincount adds one by one, in order; reduceat would add in pairs, and the last bit of a sum
    # would depend on how the points were cut into batches.
    fewer[SUM] = np.bincount(group, weights=buckets[SUM])
    fewer[COUNT] = np.add.reduceat(buckets[COUNT], starts)
    fewer[NONFINITE] = np.add.reduceat(buckets[NONFINITE], starts)
    return fewer, starts


def fit(buckets: Floats, width: int, limit: int) -> int:
    """Return the smallest width from `width` up at which sorted buckets are at most `limit`.

    Steps on both sides of zero never share a bucket, so of those two are left at least.
    """
    owner = np.zeros(buckets.shape[1], dtype=np.int64)
    return int(fit_each(buckets, owner, np.array([width], dtype=np.int64), limit)[0])


def fit_each(buckets: Floats, owner: Ints, widths: Ints, limit: int) -> Ints:
    """Return the same for each owner of some buckets, which are sorted by owner and step."""
    found = widths.copy()
    step = buckets[STEP]
    pairs = owner[1:] == owner[:-1]  # of neighbours
    if limit == 1:
        pairs &= (step[1:] < 0.0) == (step[:-1] < 0.0)  # the others never share a bucket
    while True:
        key = keys_of(step, found[owner])
        if np.all(np.abs(key) < WHOLE_MAX):
            return found + _halvings(key, owner, pairs, len(found), limit)
        many = np.bincount(owner[1:][pairs & (key[1:] != key[:-1])], minlength=len(found)) >= limit
        if not many.any():
            return found
        found[many] += 1


def _halvings(key: Floats, owner: Ints, pairs: NDArray[np.bool_], owners: int, limit: int) -> Ints:
    """Return how often the widths of owners must be doubled until each has few enough buckets."""
    whole = key.astype(np.int64)
    # Two neighbours share a bucket after as many halvings as the bits from their highest
    # different one down; with different signs they never do.
    apart = whole[1:] ^ whole[:-1]
    after = np.frexp(apart.astype(np.float64))[1].astype(np.int64)
    after[apart < 0] = BITS - 1
    counts = np.bincount(owner[1:][pairs] * BITS + after[pairs], minlength=owners * BITS)
    # How many are still apart after 0, 1, 2, ... halvings.
    left = np.cumsum(counts.reshape(owners, BITS)[:, ::-1], axis=1)[:, ::-1]
    found: Ints = np.argmax(left[:, 1:] < limit, axis=1)
    return found


def absorb(level: Level, step: Floats, value: Floats, time: Floats) -> Level:
    """Return the level with whole chunks of points added, in order of arrival.

    The length must be a multiple of CHUNK.
    """
    while len(step):
        take = _until_full(level, step)
        points = of_points(step[:take], value[:take], time[:take])
        width, buckets = level.width, np.concatenate((level.buckets, points), axis=1)
        buckets = coarsen(buckets, width)
        if buckets.shape[1] > BUCKETS_MAX:
            width = fit(buckets, width, BUCKETS_MAX)
            buckets = coarsen(buckets, width)
        level = Level(width, buckets)
        step, value, time = step[take:], value[take:], time[take:]
    return level


def shown_at(buckets: Floats, width: int | Ints) -> Floats:
    """Return the step at which each bucket of a width, or of a width each, is drawn.

    A single point is drawn where it is; a bucket of several at its left edge, so that a series
    with regular steps is drawn at regular places.
    """
    single = buckets[COUNT] + buckets[NONFINITE] == 1
    with np.errstate(over="ignore"):
        return np.where(single, buckets[STEP], np.ldexp(keys_of(buckets[STEP], width), width))


def pack(buckets: Floats, time: bytes) -> Packed:
    """Return the stored form of a level's buckets, whose times are packed; see LEVELS.md."""
    values = buckets[LAST] if are_points(buckets) else buckets[FIGURES]
    with np.errstate(over="ignore", invalid="ignore"):
        short = values.astype(np.float32) if values.ndim == 1 else values
        if short.astype(np.float64).tobytes() == values.tobytes():
            values = short
        step = buckets[STEP]
        if len(step) > REGULAR and np.array_equal(_even(step, len(step)), step):
            step = step[:REGULAR]
    return Packed(step.tobytes(), values.tobytes(), time)


def are_points(buckets: Floats) -> bool:
    """Say whether each bucket holds one point."""
    return bool(np.all(buckets[COUNT] + buckets[NONFINITE] == 1))


def unpack_steps(count: int, data: memoryview) -> Floats:
    """Return the lowest steps of `count` buckets that `pack` stored."""
    steps: Floats = np.frombuffer(data)
    if len(steps) == count:
        return steps
    return _even(steps, count)


def _even(steps: Floats, count: int) -> Floats:
    """Return so many steps that are as far apart as the first two."""
    return np.asarray(steps[0] + (steps[1] - steps[0]) * np.arange(count))


def unpack_values(count: int, data: memoryview) -> Floats:
    """Return the values of `count` buckets that `pack` stored: a row of points, or FIGURES."""
    if len(data) == SHORT_BYTES * count:
        return np.frombuffer(data, dtype=np.float32).astype(np.float64)[None]
    return np.frombuffer(data).reshape(-1, count)


def joined(step: Floats, values: Floats, time: Floats) -> Floats:
    """Return buckets of what was unpacked."""
    if len(values) == 1:
        return of_points(step, values[0], time)
    whole = np.empty((ROWS, len(step)))
    whole[STEP], whole[FIGURES], whole[TIME] = step, values, time
    return whole


def keys_of(step: Floats, width: int | Ints) -> Floats:
    """Return the bucket numbers of steps: exact, since scaling by a power of two is.

    The width is one for all, or one for each.
    """
    with np.errstate(over="ignore"):  # steps beyond 1e302 share the outermost bucket
        if np.all(np.abs(width) < SCALES_MAX):  # the same to the bit, and several times as fast
            return np.floor(step * np.ldexp(1.0, np.negative(width)))
        return np.floor(np.ldexp(step, np.negative(width)))


def _until_full(level: Level, step: Floats) -> int:
    """Return how many points may be added before the width must be looked at: whole chunks."""
    room = BUCKETS_MAX - level.buckets.shape[1]
    if len(step) <= room:
        return len(step)
    key = keys_of(step, level.width)
    known = keys_of(level.buckets[STEP], level.width)
    if np.all(key[1:] >= key[:-1]) and (not len(known) or key[0] >= known[-1]):
        opens = np.empty(len(key), dtype=bool)
        opens[0] = not len(known) or key[0] != known[-1]
        np.not_equal(key[1:], key[:-1], out=opens[1:])
        fresh = np.flatnonzero(opens)
    else:
        found, at = np.unique(key, return_index=True)
        fresh = np.sort(at[~np.isin(found, known, assume_unique=True)])
    if len(fresh) <= room:
        return len(step)
    return (int(fresh[room]) // CHUNK + 1) * CHUNK
