"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

DEADLINE_S = 20.0  # a busy machine with two cores; a sound one needs a fraction of it
POLL_S = 0.02


def wait_for(
    condition: Callable[[], Value], what: str = "the condition", *, deadline_s: float = DEADLINE_S
) -> Value:
    """Return the first true value of `condition`.

    Raises AssertionError with `what` if there was none in `deadline_s` seconds.
    """
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(
                f"waited {deadline_s:g} s for {what}; the last value was {value!r}"
            )
        time.sleep(POLL_S)
