"""The states of all runs, as bytes until asked for.

A decoded state takes ten times the memory of its bytes. What a snapshot holds is left in its file,
and read from there: pages that are shown again and again are in the kernel's cache. The file stays
open, so that it may be replaced or deleted meanwhile.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from foldline.errors import ViewDamaged

from .runs import RunState, decode_state, encode_state

__all__ = ["StateFile", "States"]

# States that are kept decoded, at some 10 KB each with fifty params: the rows of two large pages.
DECODED_MAX = 512

UNSAID = encode_state(RunState())  # of a run of which nothing was folded yet


class StateFile:
    """States in a file, one behind another; closed when nobody refers to it any more."""

    def __init__(self, file: int, ends: NDArray[np.int64], start: int) -> None:
        self._file = file
        self._ends = ends  # of each state, from the first one's start
        self._start = start

    def __len__(self) -> int:
        """Return how many states there are."""
        return len(self._ends)

    def __del__(self) -> None:
        os.close(self._file)

    def read(self, row: int) -> bytes:
        """Return the bytes of a state. Raises ViewDamaged if the file was cut short."""
        begin = int(self._ends[row - 1]) if row else 0
        size = int(self._ends[row]) - begin
        found = os.pread(self._file, size, self._start + begin)
        if len(found) < size:
            raise ViewDamaged(
                "the snapshot of the catalog was cut short while it was in use",
                hint="nothing is lost: restart the server, and it is made again",
            )
        return found


class States:
    """The states of runs by row."""

    def __init__(self, file: StateFile | None = None) -> None:
        self._file = file
        self._count = 0 if file is None else len(file)
        self._held: dict[int, bytes] = {}  # what no file has, or has in an older form
        self._decoded: OrderedDict[int, RunState] = OrderedDict()

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._count

    @property
    def unsaved(self) -> int:
        """How many states no file has."""
        return len(self._held)

    def add(self, rows: int) -> None:
        """Add rows of which nothing is known yet."""
        self._held.update(dict.fromkeys(range(self._count, self._count + rows), UNSAID))
        self._count += rows

    def put(self, row: int, state: bytes) -> None:
        """Set the state of a row."""
        self._held[row] = state
        self._decoded.pop(row, None)

    def __getitem__(self, row: int) -> RunState:
        """Return a state; it is not to be changed. Raises ViewDamaged if it can't be read."""
        found = self._decoded.get(row)
        if found is None:
            found = self._decoded[row] = decode_state(self.read(row))
            while len(self._decoded) > DECODED_MAX:
                self._decoded.popitem(last=False)
        return found

    def read(self, row: int) -> bytes:
        """Return the bytes of a state. Raises ViewDamaged if they can't be read."""
        held = self._held.get(row)
        if held is not None:
            return held
        if self._file is None or not 0 <= row < self._count:
            raise IndexError(row)
        return self._file.read(row)

    def frozen(self) -> States:
        """Return the states as they are now, for another thread to read."""
        copy = States(self._file)
        copy._count, copy._held = self._count, dict(self._held)
        return copy

    def settle(self, file: StateFile, written: States) -> None:
        """Leave what was `written` in a file to that file, but for what has changed since."""
        self._file = file
        for row, state in written._held.items():
            if self._held.get(row) is state:
                del self._held[row]

    def __iter__(self) -> Iterator[RunState]:
        """Yield all states."""
        return (decode_state(self.read(row)) for row in range(self._count))
