"""Where the steps of a run's series begin to count.

A new run counts from 0. A fork goes on behind the step it was forked at, and a process that joins
a run again, after a pre-emption, goes on behind what the run's earlier writers had come to. That
stands in the log, and is looked up once: when a series wants its first counted step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from .series import Series, series_key

__all__ = ["Earlier", "Steps"]

# Finds the largest step of each series in the log of earlier writers; never raises.
Earlier = Callable[[], Mapping[bytes, float]]


class Steps:
    """Says which step a series counts on from. Its owner calls it under one lock."""

    def __init__(self, start: float = -1, earlier: Earlier | None = None) -> None:
        self._start = math.floor(start)
        self._earlier = earlier
        self._found: Mapping[bytes, float] | None = None
        self._rewound = math.inf

    def begin(self, series: Series) -> None:
        """Let a new series begin; it does not count yet if its log has to be looked up."""
        series.top = self._start
        if self._earlier is not None:
            series.hold()

    def settle(self, series: Series) -> None:
        """Have a series that is about to count go on from what was tracked before."""
        if series.counts or self._earlier is None:
            return
        if self._found is None:
            self._found = self._earlier()
        before = self._found.get(series_key(series.name, series.context))
        if before is not None:
            series.reach(min(before, self._rewound))
        series.count()

    def reached(self) -> int:
        """Return the largest step of all that was tracked before, rounded down; -1 is none."""
        if self._earlier is not None and self._found is None:
            self._found = self._earlier()
        before = max((self._found or {}).values(), default=self._start)
        return max(self._start, math.floor(min(before, self._rewound)))

    def rewind(self, step: float, series: Iterable[Series]) -> None:
        """Have every series that is beyond `step` count on from there."""
        last = math.floor(step)
        self._rewound = min(self._rewound, last)
        self._start = min(self._start, last)
        for one in series:
            one.top = min(one.top, last)
