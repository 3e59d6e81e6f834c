"""When a series is worth an alert, as pure functions.

A condition is fed a series' points in the order in which they were tracked, some at a time, and
says of each whether it holds there. What it says of a point depends on that point and those
before, however they were cut.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = [
    "START",
    "Condition",
    "Nonfinite",
    "Plateau",
    "Spike",
    "Stalled",
    "State",
    "Threshold",
    "feed",
]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

WINDOW_MIN = 10  # values of which a mean and a spread can be told at all
WINDOW_MAX = 1000  # values: 8 KB for each series that is watched
SPANS_ROWS = 4096  # windows that are looked at in one go: 32 MB of the largest
# A spread below this part of the mean is rounding, and what differs by it is no spike.
SPREAD_MIN = 1e-9


class Threshold(msgspec.Struct, frozen=True, tag="threshold", forbid_unknown_fields=True):
    """A value above one bound, or below another."""

    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        """Refuse a threshold without a bound."""
        if self.above is None and self.below is None:
            raise ValueError("Expected `above`, `below`, or both")


class Nonfinite(msgspec.Struct, frozen=True, tag="nonfinite", forbid_unknown_fields=True):
    """A value that is NaN or infinite."""


class Plateau(msgspec.Struct, frozen=True, tag="plateau", forbid_unknown_fields=True):
    """No value better than the best one by more than `delta` for `steps` steps."""

    steps: Annotated[float, Meta(gt=0)]
    delta: Annotated[float, Meta(ge=0)] = 0.0
    goal: Literal["minimize", "maximize"] = "minimize"


class Spike(msgspec.Struct, frozen=True, tag="spike", forbid_unknown_fields=True):
    """A value further than `z` standard deviations from the mean of the `window` before it."""

    z: Annotated[float, Meta(gt=0)] = 6.0
    window: Annotated[int, Meta(ge=WINDOW_MIN, le=WINDOW_MAX)] = 100


class Stalled(msgspec.Struct, frozen=True, tag="stalled", forbid_unknown_fields=True):
    """No point of a running run for `for_s` seconds: the clock says so, and no point."""

    for_s: Annotated[float, Meta(gt=0)]


Condition = Threshold | Nonfinite | Plateau | Spike | Stalled


class State(NamedTuple):
    """What a condition remembers of the points before."""

    best: float | None = None  # of a plateau, with its step
    best_step: float = 0.0
    window: Floats = np.empty(0)  # of a spike: the newest finite values


START = State()


def feed(when: Condition, state: State, steps: Floats, values: Floats) -> tuple[State, Mask]:
    """Return the state after these points, and at which of them the condition holds."""
    match when:
        case Threshold():
            holds = np.zeros(len(values), dtype=np.bool_)
            if when.above is not None:
                holds |= values > when.above
            if when.below is not None:
                holds |= values < when.below
            return state, holds
        case Nonfinite():
            return state, ~np.isfinite(values)
        case Plateau():
            return _plateau(when, state, steps, values)
        case Spike():
            return _spike(when, state, values)
        case Stalled():
            return state, np.zeros(len(values), dtype=np.bool_)


def _plateau(when: Plateau, state: State, steps: Floats, values: Floats) -> tuple[State, Mask]:
    worth = -values if when.goal == "maximize" else values  # less is better
    worth = np.where(np.isnan(worth), np.inf, worth)
    best, best_step = state.best, state.best_step
    # What is better than the best is better than all before it, so only those are looked at.
    before = np.concatenate(([np.inf if best is None else best], worth))
    lowest = np.minimum.accumulate(before)[:-1]
    since = np.full(len(values), np.nan if best is None else best_step)
    for place in np.flatnonzero(worth < lowest).tolist():
        if best is None or worth[place] < best - when.delta:
            best, best_step = float(worth[place]), float(steps[place])
            since[place:] = best_step
    holds = steps - since >= when.steps  # NaN, before there is a best one, compares false
    return state._replace(best=best, best_step=best_step), holds


def _spike(when: Spike, state: State, values: Floats) -> tuple[State, Mask]:
    holds = np.zeros(len(values), dtype=np.bool_)
    places = np.flatnonzero(np.isfinite(values))
    known = np.concatenate((state.window, values[places]))
    start = max(0, when.window - len(state.window))  # the first that has a whole window before it
    rows = sliding_window_view(known, when.window) if len(known) >= when.window else known[:0]
    first = len(state.window) + start - when.window
    for at in range(start, len(places), SPANS_ROWS):
        end = min(at + SPANS_ROWS, len(places))
        part = np.ascontiguousarray(rows[first + at - start : first + end - start])
        mean, spread = part.mean(axis=1), part.std(axis=1)
        spread = np.maximum(spread, SPREAD_MIN * np.abs(mean))
        distance = np.abs(values[places[at:end]] - mean)
        holds[places[at:end]] = distance > when.z * spread
    return state._replace(window=known[-when.window :].copy()), holds
