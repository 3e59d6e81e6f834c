"""Smoothing, whatever was sampled of a curve.

A curve comes as buckets. What is smoothed are the points in them: a bucket of n points counts as n
points evenly apart, each with the bucket's mean. So a curve of buckets smooths to what its points
smooth to, as far as its buckets tell: no farther off than the values of one bucket lie apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .buckets import COUNT, NONFINITE, STEP, STEP_LAST, SUM
from .styles import Smooth

__all__ = ["Track", "ema_of", "smoothed", "track_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REACH = 4.0  # standard deviations of a Gaussian: beyond them is less than a ten-thousandth of it


class Track(NamedTuple):
    """A curve as smoothing sees it, in the order of x."""

    x: Floats  # of the last point of each bucket; never falls
    extent: Floats  # from its first point to its last
    finite: Floats  # points with a finite value
    total: Floats  # all points
    mean: Floats  # of the finite ones; 0 if there are none


def track_of(buckets: Floats, x: Floats | None = None) -> Track:
    """Return the track of buckets along their steps, or along another `x` that never falls.

    Only steps tell where a bucket begins; along another x it begins a point after the one before.
    """
    finite, total = buckets[COUNT], buckets[COUNT] + buckets[NONFINITE]
    if x is None:
        x, extent = buckets[STEP_LAST], buckets[STEP_LAST] - buckets[STEP]
    else:
        x = np.maximum.accumulate(x) if len(x) else x
        extent = np.diff(x, prepend=x[:1]) * (1.0 - 1.0 / np.maximum(total, 1.0))
    return Track(x, extent, finite, total, buckets[SUM] / np.maximum(finite, 1.0))


def smoothed(track: Track, how: Smooth, at: Ints) -> Floats:
    """Return the smoothed value at the last point of the buckets `at`.

    It is NaN where a bucket has no finite value: nothing is drawn where nothing was tracked.
    """
    if not len(at):
        return np.empty(0)
    if how.by == "ema":
        found = _ema(track, _half_life(track, how))[at]
    elif how.by == "gaussian":
        found = _gaussian(track, how.width or 0.0, at)
    else:
        found = _mean(track, how.width or 0.0, at)
    return np.where(track.finite[at] > 0, found, np.nan)


def ema_of(track: Track, values: Floats, weight: float) -> Floats:
    """Return an exponential moving average of other values at the same places.

    `weight` is how much a value counts at the next point; what is not finite is left out.
    """
    finite = np.isfinite(values)
    other = track._replace(
        mean=np.where(finite, values, 0.0), finite=np.where(finite, track.total, 0.0)
    )
    found = _ema(other, _half_life(other, Smooth("ema", weight=weight)))
    return np.where(finite, found, np.nan)


def _half_life(track: Track, how: Smooth) -> float:
    """Return the distance after which a point counts half."""
    if how.width is not None:
        return how.width
    # A weight is meant from point to point: they are as far apart as they are on average.
    if not len(track.x):
        return 0.0
    points = float(track.total.sum())
    apart = float(track.x[-1] - track.x[0] + track.extent[0]) / max(points - 1.0, 1.0)
    weight = how.weight or 0.0
    return apart * math.log(0.5) / math.log(weight) if 0.0 < weight < 1.0 else 0.0


def _ema(track: Track, half_life: float) -> Floats:
    """Return the exponential moving average at each bucket's last point.

    It is the mean of all points up to there, each of which weighs half as much a half-life
    earlier: so it is not biased by where the curve began.
    """
    if half_life <= 0.0:
        return track.mean
    rate = math.log(2.0) / half_life
    apart = track.extent / np.maximum(track.total - 1.0, 1.0)
    # Points evenly apart weigh q**0 + q**1 + ... + q**(n - 1), seen from the last of them.
    one = np.expm1(-rate * apart)
    together = np.expm1(-rate * apart * track.total)
    weight = np.where(one < 0.0, together / np.where(one < 0.0, one, 1.0), track.total)
    weight = weight * track.finite / np.maximum(track.total, 1.0)
    sums = weight * track.mean
    kept = np.exp(-rate * np.diff(track.x, prepend=-np.inf))  # of all before; 0 for the first
    distance = 1
    while distance < len(sums):
        more = kept[distance:]
        sums[distance:] += more * sums[:-distance].copy()
        weight[distance:] += more * weight[:-distance].copy()
        kept = np.concatenate((np.zeros(distance), more * kept[:-distance]))
        distance *= 2
    return np.where(weight > 0.0, sums / np.where(weight > 0.0, weight, 1.0), np.nan)


def _gaussian(track: Track, deviation: float, at: Ints) -> Floats:
    """Return the mean of the points around, weighed by a Gaussian of this standard deviation."""
    centre = track.x - track.extent / 2.0
    reach = REACH * deviation

    def weigh(where: Floats, bucket: Ints) -> Floats:
        apart = (centre[bucket] - where) / max(deviation, np.finfo(float).tiny)
        weight: Floats = track.finite[bucket] * np.exp(-0.5 * apart * apart)
        return weight

    return _around(track, at, reach, weigh)


def _mean(track: Track, width: float, at: Ints) -> Floats:
    """Return the mean of the points at most half a width away."""
    start = track.x - track.extent
    apart = track.extent / np.maximum(track.total - 1.0, 1.0)
    half = width / 2.0

    def weigh(where: Floats, bucket: Ints) -> Floats:
        begin, gap, total = start[bucket], apart[bucket], track.total[bucket]
        low, high = where - half - begin, where + half - begin
        several = np.where(gap > 0.0, gap, 1.0)
        upto = np.where(gap > 0.0, np.floor(high / several) + 1.0, total * (high >= 0.0))
        before = np.where(gap > 0.0, np.ceil(low / several), total * (low > 0.0))
        inside = np.clip(upto, 0.0, total) - np.clip(before, 0.0, total)
        share: Floats = np.maximum(inside, 0.0) * track.finite[bucket] / np.maximum(total, 1.0)
        return share

    return _around(track, at, half, weigh)


def _around(
    track: Track, at: Ints, reach: float, weigh: Callable[[Floats, Ints], Floats]
) -> Floats:
    """Return the weighted mean of the buckets that lie within reach of each of `at`."""
    where = track.x[at]
    first = np.searchsorted(track.x, where - reach)
    end = np.searchsorted(np.maximum.accumulate(track.x - track.extent), where + reach, "right")
    # Whatever rounding says, a bucket lies within its own reach.
    first, end = np.minimum(first, at), np.maximum(end, at + 1)
    counts = end - first
    owner = np.repeat(np.arange(len(at)), counts)
    bucket = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + first[owner]
    weight = weigh(where[owner], bucket)
    total = np.bincount(owner, weights=weight, minlength=len(at))
    sums = np.bincount(owner, weights=weight * track.mean[bucket], minlength=len(at))
    return np.where(total > 0.0, sums / np.where(total > 0.0, total, 1.0), track.mean[at])
