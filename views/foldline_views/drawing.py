"""Traced lines, as curves of few points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import buckets, overview
from .curves import Curves, placed
from .levels import BLOCK_SLOTS
from .reads import EXACT_POINTS_MAX, Reads
from .smoothing import smoothed, track_of
from .styles import Smooth
from .tracing import Line, Traced, trace, trace_exactly

__all__ = ["Drawn", "Look", "draw", "within"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Look(NamedTuple):
    """How a line is looked at."""

    points: int  # at most so many
    span: tuple[float, float] | None = None  # of x
    smooth: Smooth | None = None


class Drawn(NamedTuple):
    """Curves, and what is known of each."""

    curves: Curves
    smooth: NDArray[np.float32] | None  # a value for each point
    exact: list[bool]  # whether each point of a curve is one step of its series
    inherited_until: list[float | None]


class _Curve(NamedTuple):
    x: Floats
    values: NDArray[np.float32]
    smooth: Floats | None
    exact: bool
    inherited_until: float | None


def draw(reads: Reads, lines: Sequence[Line], look: Look) -> Drawn:
    """Return a curve for each line.

    With a span only buckets in it are returned and one on either side, so that the line goes on to
    the edges.
    """
    found: list[_Curve] = []
    for begin in range(0, len(lines), BLOCK_SLOTS):
        block = lines[begin : begin + BLOCK_SLOTS]
        reads.load(slots for line in block for slots in line.loads)
        found += [_curve(reads, line, look) for line in block]
    counts = np.array([len(curve.x) for curve in found], dtype=np.int64)
    x = np.concatenate([np.empty(0), *(curve.x for curve in found)])
    nothing = np.empty((0, overview.VALUES), dtype=np.float32)
    values = np.concatenate([nothing, *(curve.values for curve in found)])
    smooth = [curve.smooth for curve in found if curve.smooth is not None]
    with np.errstate(over="ignore"):  # a value beyond f32 is drawn as infinite
        columns = np.concatenate([np.empty(0), *smooth]).astype(np.float32)
    return Drawn(
        placed(counts, x, values),
        columns if look.smooth is not None else None,
        [curve.exact for curve in found],
        [curve.inherited_until for curve in found],
    )


def _curve(reads: Reads, line: Line, look: Look) -> _Curve:
    whole = trace(reads, line)
    chosen = within(whole, line, look.span)
    if len(chosen) and _is_coarse(whole, chosen, look) and _may_be_finer(reads, line, look):
        span = float(whole.reach[0, chosen].min()), float(whole.reach[1, chosen].max())
        whole = trace_exactly(reads, line, whole, span)
        chosen = within(whole, line, look.span)
    part = whole.taken(chosen)
    width, few = whole.width, part.buckets
    lasts = np.arange(few.shape[1])
    if few.shape[1] > look.points:
        width = buckets.fit(part.buckets, whole.width, look.points)
        few = buckets.coarsen(part.buckets, width)
        lasts = _lasts(part.buckets, few, width)
    exact = bool(part.single.all()) and few.shape[1] == part.buckets.shape[1]
    smooth = None
    if look.smooth is not None:
        x = whole.buckets[buckets.TIME] if _by_time(line) else None
        smooth = smoothed(track_of(whole.buckets, x), look.smooth, chosen[lasts])
    shown = _shown(line, few, width, exact) - line.origin
    return _Curve(shown, overview.values(few), smooth, exact, whole.inherited_until)


def _lasts(fine: Floats, few: Floats, width: int) -> Ints:
    """Return the last of the fine buckets that went into each of the few."""
    keys, wanted = (buckets.keys_of(b[buckets.STEP], width) for b in (fine, few))
    return np.searchsorted(keys, wanted, side="right") - 1


def within(whole: Traced, line: Line, span: tuple[float, float] | None) -> Ints:
    """Return which buckets lie in the span of x, and the next one on either side."""
    places = np.arange(whole.buckets.shape[1])
    if span is None:
        return places
    rows = (buckets.TIME,) * 2 if _by_time(line) else (buckets.STEP, buckets.STEP_LAST)
    begin, end = (whole.buckets[row] - line.origin for row in rows)
    before = places[end < span[0]]
    inside = places[(end >= span[0]) & (begin <= span[1])]
    after = places[begin > span[1]]
    return np.sort(np.concatenate((before[-1:], inside, after[:1])))


def _by_time(line: Line) -> bool:
    return line.axis in {"time", "relative"}


def _shown(line: Line, few: Floats, width: int, exact: bool) -> Floats:
    if _by_time(line):
        time: Floats = few[buckets.TIME]
        return time
    if exact or line.axis != "step":
        alone = few[buckets.STEP] == few[buckets.STEP_LAST]
        with np.errstate(over="ignore"):
            edge = np.ldexp(buckets.keys_of(few[buckets.STEP], width), width)
        return np.where(alone, few[buckets.STEP], edge)
    return buckets.shown_at(few, width)


def _is_coarse(whole: Traced, chosen: Ints, look: Look) -> bool:
    """Whether exact points would show more, and are few enough to be read."""
    if whole.single[chosen].all():
        return False
    total = whole.buckets[buckets.COUNT, chosen] + whole.buckets[buckets.NONFINITE, chosen]
    count = total.sum()
    return bool(
        count <= look.points or (len(chosen) <= look.points // 2 and count <= EXACT_POINTS_MAX)
    )


def _may_be_finer(reads: Reads, line: Line, look: Look) -> bool:
    if line.is_plain:
        return reads.may_read
    # What a value owes to those before it would be lost with them.
    stateful = look.smooth is not None or (
        line.expression is not None and line.expression.is_smoothed
    )
    return reads.may_read and not stateful
