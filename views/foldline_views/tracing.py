"""One line in its finest buckets.

Along steps and times buckets stay in the order of steps. Along an epoch or another series they are
put in the order of those, and their x takes the place of their steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import buckets
from .alignment import Aligned, Part, aligned
from .buckets import Level
from .exact import EVERYWHERE
from .expressions import Expression, Operand
from .reads import EXACT_POINTS_MAX, Reads, Slots, buckets_of
from .smoothing import ema_of, track_of

__all__ = ["Axis", "Line", "Traced", "along", "trace", "trace_exactly"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Axis = Literal["step", "time", "relative", "epoch", "series"]

# Along other axes than steps, the finest buckets are this much narrower than all of the line: as
# fine as any chart can be zoomed, whatever x is measured in.
FINEST = 40  # as a power of two


class Line(NamedTuple):
    """What one curve is made of."""

    number: int  # it is told under
    parts: tuple[Part, ...]
    operands: tuple[Operand, ...] = ()  # of the expression; each is the part of the same place
    expression: Expression | None = None
    x: Part | None = None  # the series along which it is drawn
    axis: Axis = "step"
    origin: float = 0.0  # of relative time, in unix seconds

    @property
    def loads(self) -> list[Slots]:
        """The series whose levels are needed."""
        parts = self.parts if self.x is None else (*self.parts, self.x)
        return [slots for part in parts for slots in part.loads]

    @property
    def is_plain(self) -> bool:
        """Whether it is a series as it was tracked, by step or time."""
        return self.expression is None and self.axis in {"step", "time", "relative"}


class Traced(NamedTuple):
    """A line in buckets; their steps are x unless x is a time."""

    buckets: Floats
    width: int  # the finest that they may have
    reach: Floats  # two rows: the lowest and the highest step of each, as they were tracked
    inherited_until: float | None
    own: tuple[Aligned, ...]

    @property
    def single(self) -> NDArray[np.bool_]:
        """Which buckets hold one step alone."""
        alone: NDArray[np.bool_] = self.reach[0] == self.reach[1]
        return alone

    def taken(self, places: Ints | NDArray[np.bool_]) -> Traced:
        """Return some of the buckets."""
        return self._replace(buckets=self.buckets[:, places], reach=self.reach[:, places])


def trace(reads: Reads, line: Line) -> Traced:
    """Return a line from its levels, which must be loaded."""
    own = tuple(aligned(reads, part) for part in line.parts)
    other = None if line.x is None else aligned(reads, line.x)
    levels = [one.level for one in own]
    return _along(reads, line, own, levels, None if other is None else other.level)


def trace_exactly(reads: Reads, line: Line, coarse: Traced, span: tuple[float, float]) -> Traced:
    """Return a line with exact points for the steps in the span, which ends where buckets end.

    The rest stays as it was; of an expression, or along another series, the rest is left out.
    If enough was read for this answer, all stays as it was.
    """
    exact = [one.exact(reads, span) for one in coarse.own]
    other = None
    if line.x is not None:
        other = aligned(reads, line.x).exact(reads, span)
    if any(points is None for points in exact) or (line.x is not None and other is None):
        return coarse
    levels = [Level(buckets.EMPTY.width, buckets_of(points)) for points in exact if points]
    x = None if other is None else Level(buckets.EMPTY.width, buckets_of(other))
    found = _along(reads, line, coarse.own, levels, x)
    if not line.is_plain:
        return found
    before, after = coarse.reach[1] < span[0], coarse.reach[0] > span[1]
    return Traced(
        np.concatenate((coarse.buckets[:, before], found.buckets, coarse.buckets[:, after]), 1),
        found.width,
        np.concatenate((coarse.reach[:, before], found.reach, coarse.reach[:, after]), 1),
        coarse.inherited_until,
        coarse.own,
    )


def _along(
    reads: Reads,
    line: Line,
    own: tuple[Aligned, ...],
    levels: Sequence[Level],
    other: Level | None,
) -> Traced:
    """Put levels together to one line along its axis."""
    joined = _joined([*levels, other] if other is not None else levels)
    width, mine = joined[0]
    if line.expression is not None:
        operands = dict(zip(line.operands, (level.buckets for level in joined), strict=False))
        mine = _worked_out(line.expression, operands)
    reach = np.stack((
        np.min([level.buckets[buckets.STEP] for level in joined], axis=0),
        np.max([level.buckets[buckets.STEP_LAST] for level in joined], axis=0),
    ))  # fmt: skip
    until = max((one.inherited_until for one in own if one.inherited_until is not None),
                default=None)  # fmt: skip
    whole = Traced(mine, width, reach, until, own)
    if line.axis == "epoch":
        return _along_epochs(reads, whole, is_series=line.expression is None)
    return whole if other is None else along(whole, joined[-1].buckets[buckets.LAST])


def _joined(levels: Sequence[Level]) -> list[Level]:
    """Return several series' buckets side by side: those that all have, on their shared grid.

    Series of single steps are joined step by step.
    """
    if len(levels) == 1:
        return list(levels)
    if all(np.array_equal(b[buckets.STEP], b[buckets.STEP_LAST]) for _, b in levels):
        keys = [b[buckets.STEP] for _, b in levels]
        width = min(width for width, _ in levels)
    else:
        width = max(width for width, _ in levels)
        levels = [Level(width, buckets.coarsen(b, width)) for _, b in levels]
        keys = [buckets.keys_of(b[buckets.STEP], width) for _, b in levels]
    shared = reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), keys)
    return [
        Level(width, level.buckets[:, np.searchsorted(key, shared)])
        for level, key in zip(levels, keys, strict=True)
    ]


def _worked_out(expression: Expression, operands: dict[Operand, Floats]) -> Floats:
    """Return the buckets of an expression.

    It is worked out at the first and at the last step of each bucket and of the means; what it was
    in between, in a bucket of several steps, nothing tells.
    """
    first = next(iter(operands.values()))

    def values(of: dict[Operand, Floats]) -> Floats:
        def ema(value: Floats, weight: float) -> Floats:
            return ema_of(track_of(first), value, weight)

        return expression.values(of, ema)

    last = values({operand: b[buckets.LAST] for operand, b in operands.items()})
    found = first.copy()
    found[buckets.LAST] = found[buckets.FIRST] = last
    tried = last[None]
    if np.any(first[buckets.STEP] != first[buckets.STEP_LAST]):
        found[buckets.FIRST] = values({o: b[buckets.FIRST] for o, b in operands.items()})
        means = {
            o: np.where(b[buckets.COUNT] > 0, b[buckets.SUM] / np.maximum(b[buckets.COUNT], 1),
                        b[buckets.LAST])
            for o, b in operands.items()
        }  # fmt: skip
        tried = np.stack((values(means), last, found[buckets.FIRST]))
    mean, finite = tried[0], np.isfinite(tried)
    total = first[buckets.COUNT] + first[buckets.NONFINITE]
    count = np.where(finite[0], np.maximum(first[buckets.COUNT], 1.0), 0.0)
    found[buckets.MIN] = np.where(finite, tried + 0.0, np.inf).min(axis=0)
    found[buckets.MAX] = np.where(finite, tried + 0.0, -np.inf).max(axis=0)
    found[buckets.COUNT], found[buckets.NONFINITE] = count, np.maximum(total - count, 0.0)
    found[buckets.SUM] = np.where(finite[0], mean, 0.0) * count
    return found


def along(line: Traced, x: Floats) -> Traced:
    """Return a line in the order of another x; buckets without one are left out."""
    kept = np.flatnonzero(np.isfinite(x))
    order = kept[np.argsort(x[kept], kind="stable")]
    found = line.taken(order)
    places = found.buckets.copy()
    places[buckets.STEP] = places[buckets.STEP_LAST] = x[order] + 0.0
    span = float(places[buckets.STEP, -1] / 2 - places[buckets.STEP, 0] / 2) if len(order) else 0.0
    width = math.frexp(span)[1] - FINEST if span > 0 else buckets.EMPTY.width
    return found._replace(buckets=places, width=width)


def _along_epochs(reads: Reads, line: Traced, *, is_series: bool) -> Traced:
    """Return a line in the order of its epochs, which only exact points have."""
    own = line.own[0]
    points = own.exact(reads, EVERYWHERE)
    if points is None or not len(points.steps):
        if points is None:
            reads.warn("some curves have no epochs: ask for fewer of them")
        return along(line, np.full(line.buckets.shape[1], np.nan))
    if is_series and len(points.steps) <= EXACT_POINTS_MAX:
        # They are at hand, and an epoch rarely ends where a bucket does.
        exact = buckets_of(points)
        line = line._replace(buckets=exact, reach=exact[[buckets.STEP, buckets.STEP_LAST]])
    at = np.searchsorted(points.steps, line.reach[1], side="right") - 1
    return along(line, points.epochs[np.maximum(at, 0)])
