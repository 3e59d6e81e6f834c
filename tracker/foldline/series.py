"""The series that one process tracks into.

A series is a name and a context. Its number is the process's own and stands for it in the cells
of the process's segment; its steps go on from the largest one tracked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from .cell import FLAG_AUTO_STEP, POINT

__all__ = [
    "SERIES_MAX",
    "SYSTEM_PREFIX",
    "Series",
    "SeriesBook",
    "is_system",
    "sequence_label",
    "series_key",
    "typed_key",
]

SERIES_MAX = 1_000_000  # of one process; each costs a few hundred bytes of memory
KNOWN_MAX = 100_000  # spellings of contexts remembered; beyond it the slower way still works

SYSTEM_PREFIX = "__system__/"  # of the names of series that are captured of the machine

_PLAIN_TYPES = {str, int, float, bool, type(None)}


class Series:
    """One series and the step it has come to."""

    __slots__ = ("auto_head", "context", "defined", "head", "name", "number", "top")

    def __init__(self, number: int, name: str, context: dict[str, Any]) -> None:
        self.number = number
        self.name = name
        self.context = context
        self.defined = False  # in this process's segment
        self.top = -1  # the largest step so far, rounded down
        # The first eight bytes of a point's cell, as `cell.POINT_INT` lays them out.
        self.head = POINT | number << 32
        self.count()

    @property
    def counts(self) -> bool:
        """Whether a point without a step may take the next one."""
        return hasattr(self, "auto_head")

    def count(self) -> None:
        """Count the steps of points that have none, on from `top`."""
        self.auto_head = self.head | FLAG_AUTO_STEP << 8

    def hold(self) -> None:
        """Count no steps yet: on the hot path there is nothing to pack such a point with."""
        del self.auto_head

    def reach(self, step: float) -> None:
        """Take note of an explicit step."""
        if step > self.top:
            self.top = math.floor(step)


class SeriesBook:
    """Finds series by name and context.

    `plain` and `known` are for the hot path: looking there is one dictionary access. They hold
    only what can't be mistaken: in `known` all values are texts, as True and 1 are equal keys.
    `typed` has the other contexts, with the types of their values in the key.
    """

    def __init__(self) -> None:
        self.plain: dict[str, Series] = {}
        self.known: dict[tuple[Any, ...], Series] = {}
        self.typed: dict[tuple[Any, ...], Series] = {}
        self._all: dict[bytes, Series] = {}
        self._numbers = count(1)

    def __iter__(self) -> Iterator[Series]:
        return iter(tuple(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    def find(self, name: str, context: dict[str, Any]) -> Series | None:
        """Return the series if it was added before."""
        return self._all.get(series_key(name, context))

    def add(self, name: str, context: dict[str, Any]) -> Series:
        """Number a new series."""
        series = Series(next(self._numbers), name, context)
        self._all[series_key(name, context)] = series
        return series

    def remember(self, series: Series, context: dict[str, Any] | None) -> None:
        """Let the hot path find `series`, which is defined in the log, by this very spelling."""
        if not context:
            self.plain[series.name] = series
        if context is None or len(self.known) + len(self.typed) >= KNOWN_MAX:
            return
        kinds = set(map(type, (*context.keys(), *context.values())))
        if kinds <= {str}:
            self.known[series.name, *context.items()] = series
        elif set(map(type, context)) == {str} and kinds <= _PLAIN_TYPES:
            self.typed[typed_key(series.name, context)] = series

    def forget(self) -> None:
        """Have all series defined again: a forked process writes another segment."""
        self.plain.clear()
        self.known.clear()
        self.typed.clear()
        for series in self:
            series.defined = False


def typed_key(name: str, context: dict[str, Any]) -> tuple[Any, ...]:
    """Return a key that tells 1, 1.0 and True apart. Raises TypeError if a value has no hash."""
    return (name, *context.items(), *map(type, context.values()))


def is_system(name: str) -> bool:
    """Say whether a series of this name is captured of the machine, and no result of the script."""
    return name.startswith(SYSTEM_PREFIX)


def sequence_label(kind: str, name: str) -> str:
    """Return what stands for a sequence among the names of series: no metric is called so."""
    return f"{kind}\0{name}"


def series_key(name: str, context: dict[str, Any]) -> bytes:
    """Return what a series is known by: its name and its context, in any order of its keys."""
    # Not a hash of the dict: 1, 1.0 and True are different contexts, and order doesn't matter.
    return msgspec.msgpack.encode((name, context), order="deterministic")
