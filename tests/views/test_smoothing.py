"""Smoothing, against plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foldline_views import buckets
from foldline_views.smoothing import Track, ema_of, smoothed, track_of
from foldline_views.styles import Smooth

Floats = NDArray[np.float64]

VALUES = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 5.0]))
WIDTHS = st.sampled_from([0.01, 0.5, 1.0, 3.0, 10.0, 64.0, 5000.0])


def points_of(steps: list[float], values: list[float]) -> Floats:
    column = np.array(steps, dtype=np.float64)
    return buckets.of_points(column, np.array(values, dtype=np.float64), column)


def all_of(track: Track, how: Smooth) -> Floats:
    return smoothed(track, how, np.arange(len(track.x)))


def naive(steps: list[float], values: list[float], how: Smooth) -> list[float]:
    """Return the weighted mean of the points around each, straight from the definition."""
    found = []
    for x, own in zip(steps, values, strict=True):
        top = bottom = 0.0
        for other, value in zip(steps, values, strict=True):
            if not math.isfinite(value):
                continue
            width = how.width or 0.0
            if how.by == "ema":
                weight = 0.5 ** ((x - other) / width) if other <= x else 0.0
            elif how.by == "gaussian":
                far = (other - x) / width
                weight = math.exp(-0.5 * far * far) if abs(far) <= 4 else 0.0
            else:
                weight = 1.0 if x - width / 2 <= other <= x + width / 2 else 0.0
            top, bottom = top + weight * value, bottom + weight
        found.append(top / bottom if math.isfinite(own) else math.nan)
    return found


@given(
    st.lists(st.tuples(st.integers(0, 200), VALUES), min_size=1, max_size=40,
             unique_by=lambda point: point[0]),
    st.sampled_from(["ema", "gaussian", "mean"]),
    WIDTHS,
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_points_are_smoothed_as_defined(
    points: list[tuple[int, float]], by: str, width: float
) -> None:
    """Each kind of smoothing is the weighted mean that its name says, over the finite values."""
    steps = [float(step) for step, _ in sorted(points)]
    values = [value for _, value in sorted(points)]
    how = Smooth(by, width=width)  # type: ignore[arg-type]  # any text, to hypothesis
    found = all_of(track_of(points_of(steps, values)), how)
    scale = max([abs(v) for v in values if math.isfinite(v)], default=1.0) or 1.0
    np.testing.assert_allclose(found, naive(steps, values, how), rtol=1e-9, atol=1e-9 * scale)


@given(
    st.integers(20, 700),
    st.integers(1, 6),
    st.sampled_from(["ema", "mean"]),
    WIDTHS,
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_buckets_smooth_to_what_their_points_do(
    count: int, width: int, by: str, reach: float, seed: int
) -> None:
    """From buckets the result is off by less than the values of one bucket lie apart.

    For an ema it is less still: by the share 1 - 2 ** (-extent / half-life) of it.
    """
    numbers = np.random.default_rng(seed)
    steps = np.arange(count, dtype=np.float64) * int(numbers.integers(1, 4))
    values = np.cumsum(numbers.normal(size=count)) + numbers.normal(size=count)
    fine = buckets.of_points(steps, values, steps)
    few = buckets.coarsen(fine, width)
    how = Smooth(by, width=reach)  # type: ignore[arg-type]  # any text, to hypothesis
    exact = all_of(track_of(fine), how)
    at = np.searchsorted(steps, few[buckets.STEP_LAST])
    apart = float((few[buckets.MAX] - few[buckets.MIN]).max())
    extent = float((few[buckets.STEP_LAST] - few[buckets.STEP]).max())
    allowed = apart * (1 - 0.5 ** (extent / reach)) if by == "ema" else apart
    off = np.abs(all_of(track_of(few), how) - exact[at])
    assert off.max() <= allowed + 1e-9


def test_a_constant_stays_what_it_is() -> None:
    """No smoothing is biased, neither at the ends nor by the first value."""
    track = track_of(points_of([0.0, 1.0, 5.0, 6.0, 100.0], [3.0] * 5))
    for how in (Smooth(width=7.0), Smooth("gaussian", width=7.0), Smooth("mean", width=7.0),
                Smooth(weight=0.99), Smooth(weight=0.0)):  # fmt: skip
        np.testing.assert_allclose(all_of(track, how), 3.0)


def test_a_weight_is_meant_from_point_to_point() -> None:
    """With steps evenly apart a weight does what it does elsewhere, however far apart they are."""
    values = [1.0, 5.0, 2.0, 8.0, 3.0]
    top = bottom = 0.0
    want = []
    for value in values:
        top, bottom = top * 0.9 + value, bottom * 0.9 + 1
        want.append(top / bottom)
    for apart in (1.0, 10.0, 0.001):
        track = track_of(points_of([apart * n for n in range(5)], values))
        np.testing.assert_allclose(all_of(track, Smooth(weight=0.9)), want)
        np.testing.assert_allclose(ema_of(track, np.array(values), 0.9), want)


def test_nothing_is_drawn_where_nothing_is_finite() -> None:
    """A NaN stays one, and counts for nothing beside it."""
    track = track_of(points_of([0.0, 1.0, 2.0, 3.0], [2.0, math.nan, math.inf, 4.0]))
    found = all_of(track, Smooth("mean", width=100.0))
    np.testing.assert_array_equal(found, [3.0, math.nan, math.nan, 3.0])


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"width": 1.0, "weight": 0.5}, {"by": "mean", "weight": 0.5}, {"width": math.inf},
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused(wrong: dict[str, float]) -> None:
    """One of width and weight says how strong it is."""
    with pytest.raises(ValueError, match="Expected"):
        Smooth(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_huge_spike_is_forgotten() -> None:
    """A moving average has nothing left of a value that lies outside its window."""
    values = [1.0] * 5 + [1e300] + [1.0] * 20
    track = track_of(points_of([float(n) for n in range(26)], values))
    found = all_of(track, Smooth("mean", width=4.0))
    np.testing.assert_array_equal(found[10:], 1.0)
