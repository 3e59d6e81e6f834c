"""Conditions of alerts against a slow look at points."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline_views.conditions import (
    START,
    Condition,
    Nonfinite,
    Plateau,
    Spike,
    Stalled,
    Threshold,
    feed,
)

VALUES = st.one_of(
    st.integers(-5, 5).map(float),
    st.floats(-100, 100),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
POINTS = st.lists(st.tuples(st.integers(0, 40).map(float), VALUES), max_size=60)
CONDITIONS = st.one_of(
    st.builds(Threshold, above=st.floats(-5, 5)),
    st.builds(Threshold, above=st.floats(0, 5), below=st.floats(-5, 0)),
    st.just(Nonfinite()),
    st.builds(
        Plateau,
        steps=st.integers(1, 20).map(float),
        delta=st.sampled_from([0.0, 0.5, 2.0]),
        goal=st.sampled_from(["minimize", "maximize"]),
    ),
    st.builds(Spike, z=st.sampled_from([1.0, 3.0, 6.0]), window=st.integers(10, 15)),
)


def naive(when: Condition, points: list[tuple[float, float]]) -> list[bool]:
    """Say of each point whether the condition holds, one point after the other."""
    found = []
    best: tuple[float, float] | None = None
    window: list[float] = []
    for step, value in points:
        holds = False
        match when:
            case Threshold(above=above, below=below):
                holds = (above is not None and value > above) or (
                    below is not None and value < below
                )
            case Nonfinite():
                holds = not math.isfinite(value)
            case Plateau(steps=steps, delta=delta, goal=goal):
                worth = -value if goal == "maximize" else value
                if worth < (math.inf if best is None else best[0] - delta):
                    best = (worth, step)
                holds = best is not None and step - best[1] >= steps
            case Spike(z=z, window=length):
                if math.isfinite(value):
                    if len(window) == length:
                        mean = statistics.fmean(window)
                        spread = max(statistics.pstdev(window), 1e-9 * abs(mean))
                        holds = abs(value - mean) > z * spread
                    window = [*window, value][-length:]
        found.append(holds)
    return found


def fed(when: Condition, points: list[tuple[float, float]], cuts: list[int]) -> list[bool]:
    state, found = START, []
    edges = [0, *sorted(min(cut, len(points)) for cut in cuts), len(points)]
    for start, end in itertools.pairwise(edges):
        steps = np.array([step for step, _ in points[start:end]])
        values = np.array([value for _, value in points[start:end]])
        state, holds = feed(when, state, steps, values)
        found += holds.tolist()
    return found


@given(CONDITIONS, POINTS, st.lists(st.integers(0, 60), max_size=4))
def test_a_condition_holds_where_it_says(
    when: Condition, points: list[tuple[float, float]], cuts: list[int]
) -> None:
    """However points are cut into batches, a condition says what a slow look at each says."""
    whole, slow = fed(when, points, []), naive(when, points)
    assert fed(when, points, cuts) == whole
    if isinstance(when, Spike):
        return  # two ways to a spread differ in the last bit, which the next test leaves room for
    assert whole == slow


@given(st.lists(st.integers(-3, 3).map(float), min_size=20, max_size=60), st.integers(10, 15))
def test_a_spike_is_far_from_the_window_before(noise: list[float], window: int) -> None:
    """What is far outside the values before is a spike, and what is among them is none."""
    points = [(float(n), value) for n, value in enumerate([*noise, 100.0, 0.5])]
    found = fed(Spike(8.0, window), points, [7])
    slow = naive(Spike(8.0, window), points)
    assert found[len(noise)] and slow[len(noise)]
    assert not found[len(noise) + 1], "the spike has widened the window"
    assert not any(found[: min(window, len(noise))]), "there is no whole window yet"


def test_a_constant_has_no_spikes_of_rounding() -> None:
    """A curve that stands still up to rounding is never a spike; the first jump is one."""
    values = [0.1 + n % 3 * 1e-17 for n in range(50)] + [0.2]
    found = fed(Spike(6.0, 10), [(float(n), value) for n, value in enumerate(values)], [20])
    assert found == [False] * 50 + [True]


def test_the_clock_alone_says_that_a_run_stalls() -> None:
    """No point ever meets the condition of a run that makes no progress."""
    assert fed(Stalled(60.0), [(0.0, 1.0), (1.0, math.nan)], []) == [False, False]


def test_a_threshold_has_a_bound() -> None:
    """A threshold without a bound would never be met, and is refused."""
    with pytest.raises(ValueError, match="Expected `above`"):
        Threshold()
