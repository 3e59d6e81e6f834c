"""Which step of a run was current at a time.

A line, a message and an alert have a time, and a chart has steps: this is the way from the one to
the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from foldline.layout import Layout
from foldline.series import is_system

from .answers import Summary
from .contents import StepAt
from .pointsource import PointsSource

__all__ = ["chosen_series", "step_at"]


def chosen_series(series: Sequence[Summary], number: int | None) -> Summary | None:
    """Return the series of a number, or the one with the most points that the script tracked.

    None if there is none.
    """
    if number is not None:
        return next((one for one in series if one.series == number), None)
    tracked = [one for one in series if one.count and not is_system(one.name)]
    return max(tracked, key=lambda one: one.count, default=None)


def step_at(layout: Layout, run: str, at: float, series: Summary | None) -> StepAt:
    """Return the largest step of a series that had been tracked at a time, None if none had.

    Points that were rewound by then do not count; those that were rewound later do.
    """
    if series is None:
        return StepAt(at, None, None)
    found = PointsSource(layout).points((run, series.name, series.context), as_of=at)
    step = float(found.steps[-1]) if len(found.steps) else None
    return StepAt(at, step, series)
