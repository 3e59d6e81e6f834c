"""Learning rates over the steps of a training."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["SCHEDULES", "Schedule"]

Schedule = Callable[[float], float]  # part of the training done, 0..1 -> factor of the rate, 0..1

WARM_UP_PART = 0.05  # of the training; long enough to be seen in a chart
DROPS = (0.5, 0.75)  # parts of the training after which the rate is divided
DROP_FACTOR = 0.2


def _constant(_: float) -> float:
    return 1.0


def _cosine(part: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * part))


def _drops(part: float) -> float:
    return DROP_FACTOR ** sum(part >= drop for drop in DROPS)


def _warm_up(part: float) -> float:
    if part < WARM_UP_PART:
        return part / WARM_UP_PART
    return _cosine((part - WARM_UP_PART) / (1 - WARM_UP_PART))


SCHEDULES: dict[str, Schedule] = {
    "constant": _constant,
    "cosine": _cosine,
    "drops": _drops,
    "warm-up": _warm_up,
}
