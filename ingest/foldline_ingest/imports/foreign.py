"""A run as another tracker logged it.

Each reader of another tracker's files makes these; `bringing` makes a segment of them. Nothing is
read before it is asked for, so that thousands of runs can be listed at once.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from foldline.errors import ForeignUnreadable
from foldline.events import Event
from foldline.values.value import Tracked

__all__ = [
    "ForeignRun",
    "Gathered",
    "Item",
    "Kept",
    "LeftOut",
    "Points",
    "Told",
    "number",
    "opened",
    "unreadable",
]


class Points(NamedTuple):
    """Points of one series, in the order in which they were logged."""

    name: str
    steps: NDArray[np.int64] | NDArray[np.float64]  # fractional ones are floats
    values: NDArray[np.float64]
    times: NDArray[np.float64]  # unix seconds
    context: dict[str, Any] = {}  # noqa: RUF012  # never changed, as in all of this tuple
    epochs: NDArray[np.float64] | None = None  # NaN where a point has none


class Told(NamedTuple):
    """A fact, and when it happened in unix seconds."""

    time: float
    event: Event


class Kept(NamedTuple):
    """Values of one kind that are no numbers, at one step of a sequence."""

    time: float
    name: str
    step: int
    values: list[Tracked]
    context: dict[str, Any] = {}  # noqa: RUF012  # as in `Points`
    epoch: float | None = None


class LeftOut(NamedTuple):
    """Something that there is no place for here, or that can't be read, in words for people."""

    what: str


Item: TypeAlias = Points | Told | Kept | LeftOut


@dataclass(frozen=True)
class ForeignRun:
    """One run; `read` yields what it says, facts in the order of their times."""

    tracker: str
    key: str  # names it among all runs of that tracker: brought in twice, it is there once
    began: float
    read: Callable[[], Iterator[Item]]
    files: list[Path]
    name: str = ""
    experiment: str = ""
    host: str = ""
    command: list[str] = field(default_factory=list)


def unreadable(tracker: str, path: Path, why: str) -> ForeignRun:
    """Return what stands for a file that says nothing of its run: to read it raises."""

    def read() -> Iterator[Item]:
        raise ForeignUnreadable(
            f"{path} can't be read: {why}",
            hint="mend or move it, and type the same again: what is there is passed over",
        )

    began = path.stat().st_mtime if path.exists() else 0.0
    return ForeignRun(tracker, str(path.resolve()), began, read, [path], path.name)


class Gathered:
    """Points as they are found, by the names of their series."""

    def __init__(self) -> None:
        self._series: dict[str, tuple[array[int], array[float], array[float]]] = {}

    def add(self, name: str, step: int, value: float, time: float) -> None:
        """Add a point. Raises OverflowError for a step that has no room in 64 bits."""
        held = self._series.get(name)
        if held is None:
            held = self._series[name] = (array("q"), array("d"), array("d"))
        steps, values, times = held
        steps.append(step)
        values.append(value)
        times.append(time)

    def count(self, name: str) -> int:
        """Return how many points a series has."""
        return len(self._series[name][0]) if name in self._series else 0

    def forget(self, step: int) -> None:
        """Take away all points from a step on: a training went back to it."""
        for name, held in self._series.items():
            kept = np.array(held[0], np.int64) < step
            steps, values, times = (np.array(part)[kept].tolist() for part in held)
            self._series[name] = (array("q", steps), array("d", values), array("d", times))

    def points(self) -> Iterator[Points]:
        """Yield each series."""
        for name, (steps, values, times) in self._series.items():
            if steps:
                yield Points(
                    name,
                    np.array(steps, np.int64),
                    np.array(values, np.float64),
                    np.array(times, np.float64),
                )


def opened(database: Path) -> sqlite3.Connection:
    """Open a database of SQLite to read, which is never made or changed. Raises sqlite3.Error."""
    return sqlite3.connect(f"file:{quote(str(database.resolve()))}?mode=ro", uri=True)


def number(value: Any) -> float | None:
    """Return a number or a bool as a float; None if a value is neither."""
    return float(value) if isinstance(value, int | float) else None
