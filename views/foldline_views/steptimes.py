"""From times to steps of a run, and back.

A line, a message and an alert have a time, and a chart has steps: this is the way from the one to
the other.
"""

from __future__ import annotations

import numpy as np

from foldline.layout import Layout
from foldline.series import is_system

from . import summaries as fields
from .answers import Summary
from .catalog import Catalog
from .contents import StepAt, TimeAt
from .pointsource import PointsSource

__all__ = ["chosen_series", "step_at", "time_at"]


def chosen_series(catalog: Catalog, run: str, number: int | None) -> Summary | None:
    """Return the series of a number, or the one with the most points that the script tracked.

    None if there is none. Raises RunNotFound.
    """
    series = list(catalog.series_of(catalog.find(run)))
    if number is not None:
        known = number - 1 in series
        return catalog.summary(number - 1) if known else None
    counts = catalog.series.summary[fields.COUNT, series]
    for place in np.argsort(-counts, kind="stable").tolist():
        if counts[place] and not is_system(catalog.series.key(series[place])[0]):
            return catalog.summary(series[place])
    return None


def step_at(layout: Layout, run: str, at: float, series: Summary | None) -> StepAt:
    """Return the largest step of a series that had been tracked at a time, None if none had.

    Points that were rewound by then do not count; those that were rewound later do.
    """
    if series is None:
        return StepAt(at, None, None)
    found = PointsSource(layout).points((run, series.name, series.context), as_of=at)
    step = float(found.steps[-1]) if len(found.steps) else None
    return StepAt(at, step, series)


def time_at(layout: Layout, run: str, step: float, series: Summary | None) -> TimeAt:
    """Return when a series was first tracked at a step, or at the next one behind it."""
    if series is None:
        return TimeAt(step, None, None)
    found = PointsSource(layout).points((run, series.name, series.context))
    place = int(np.searchsorted(found.steps, step))
    if place == len(found.steps):
        return TimeAt(step, None, series)
    same = found.times[found.steps == found.steps[place]]
    return TimeAt(step, float(same.min()), series)
