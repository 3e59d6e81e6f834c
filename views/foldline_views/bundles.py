"""Levels of many series, worked on at once.

What comes out is what `buckets` says of each level by itself, to the bit. For thousands of series
that each get a few points, a call for each of them would cost more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import buckets
from .buckets import Level

__all__ = ["Bundle", "absorb_each", "bundled", "few_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Bundle(NamedTuple):
    """Levels end to end: the buckets of one follow those of the one before it."""

    widths: Ints
    counts: Ints  # how many buckets each has
    buckets: Floats

    @property
    def owner(self) -> Ints:
        """The place of each bucket's level."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def starts(self) -> Ints:
        """Where the buckets of each level begin."""
        return np.cumsum(self.counts) - self.counts

    def levels(self) -> Iterator[Level]:
        """Yield each level by itself; they hold the memory of all."""
        ends = np.cumsum(self.counts).tolist()
        for width, count, end in zip(self.widths.tolist(), self.counts.tolist(), ends, strict=True):
            yield Level(width, self.buckets[:, end - count : end])


def bundled(levels: Sequence[Level]) -> Bundle:
    """Put levels end to end."""
    return Bundle(
        np.array([level.width for level in levels], dtype=np.int64),
        np.array([level.buckets.shape[1] for level in levels], dtype=np.int64),
        np.concatenate([level.buckets for level in levels], axis=1),
    )


def absorb_each(levels: Sequence[Level], points: Sequence[Floats]) -> Bundle:
    """Return each level with its points added, in order of arrival.

    Points are three rows: step, value, time. They are a chunk at most, or as many as the level has
    room for: its width is looked at once, when all are there.
    """
    counts = np.array([new.shape[1] for new in points], dtype=np.int64)
    fresh = buckets.of_points(*np.concatenate(points, axis=1))
    ends = np.cumsum(counts).tolist()
    parts = []
    for level, count, end in zip(levels, counts.tolist(), ends, strict=True):
        parts += [level.buckets, fresh[:, end - count : end]]
    held = [level.buckets.shape[1] for level in levels]
    widths = np.array([level.width for level in levels], dtype=np.int64)
    together = Bundle(widths, counts + held, np.concatenate(parts, axis=1))
    return few_of(_coarsened(together, widths), buckets.BUCKETS_MAX)


def few_of(bundle: Bundle, limit: int) -> Bundle:
    """Return the levels in at most so many buckets each, of the smallest widths that fit."""
    many = np.flatnonzero(bundle.counts > limit)
    if not len(many):
        return bundle
    widths = bundle.widths.copy()
    if len(many) == len(widths):
        widths = buckets.fit_each(bundle.buckets, bundle.owner, widths, limit)
    else:
        own = np.isin(bundle.owner, many)
        owner = np.repeat(np.arange(len(many)), bundle.counts[many])
        rows = bundle.buckets[: buckets.STEP + 1, own]
        widths[many] = buckets.fit_each(rows, owner, widths[many], limit)
    return _coarsened(bundle, widths)


def _coarsened(bundle: Bundle, widths: Ints) -> Bundle:
    owner = bundle.owner
    key = buckets.keys_of(bundle.buckets[buckets.STEP], widths[owner])
    fewer, starts = buckets.merged(bundle.buckets, key, owner)
    counts = np.bincount(owner[starts], minlength=len(widths))
    return Bundle(widths, counts, fewer)
