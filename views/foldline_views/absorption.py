"""Levels that a fold adds points to."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import buckets, overview
from .buckets import CHUNK, Level
from .bundles import Bundle, absorb_each, bundled
from .compressed import pack_times
from .levels import BLOCK_SLOTS, raw_levels

__all__ = ["Levels"]

Floats = NDArray[np.float64]
# Levels held in memory: 80 KB each at most.
LEVELS_MAX = 256

# See database.BULK_INSERT.
INSERT = """
    INSERT OR REPLACE INTO level
    SELECT value->>0, value->>1, value->>2, substr(:data, 1 + (value->>3), value->>4),
           substr(:data, 1 + (value->>3) + (value->>4), value->>5),
           substr(:data, 1 + (value->>3) + (value->>4) + (value->>5), value->>6)
    FROM json_each(:rows)
"""


class Levels:
    """The levels of slots, each with its overview; those that moved last are held in memory."""

    def __init__(self) -> None:
        self._held: dict[int, Level] = {}  # by slot; the oldest first

    def absorb(
        self,
        db: sqlite3.Connection,
        slots: Sequence[int],
        points: Sequence[Floats],
        due: Sequence[int],
    ) -> None:
        """Add points to the levels of slots, in order of arrival, and write what becomes of them.

        The first chunk of each has as many points as are due, those after it have CHUNK; what is
        left at the end is a chunk too.
        """
        for begin in range(0, len(slots), BLOCK_SLOTS):
            block = slice(begin, begin + BLOCK_SLOTS)
            bundle = _absorbed(self._read(db, slots[block]), points[block], due[block])
            self._write(db, slots[block], bundle)

    def remove(self, db: sqlite3.Connection, slots: Sequence[int]) -> None:
        """Take the levels of slots away."""
        for slot in slots:
            self._held.pop(slot, None)
        gone = [(slot,) for slot in slots]
        db.executemany("DELETE FROM level WHERE slot = ?", gone)
        db.executemany("DELETE FROM overview WHERE slot = ?", gone)
        db.executemany("DELETE FROM figures WHERE slot = ?", gone)

    def _read(self, db: sqlite3.Connection, slots: Sequence[int]) -> list[Level]:
        missing = [slot for slot in slots if slot not in self._held]
        stored = (raw for block in raw_levels(db, missing, times=True) for raw in block)
        known = {missing[raw.place]: raw.level() for raw in stored}
        return [known.get(slot) or self._held.pop(slot, buckets.EMPTY) for slot in slots]

    def _write(self, db: sqlite3.Connection, slots: Sequence[int], bundle: Bundle) -> None:
        places, at = [], 0
        whole: list[bytes] = []
        times = pack_times(bundle.buckets[buckets.TIME], bundle.counts.tolist())
        for slot, level, time in zip(slots, bundle.levels(), times, strict=True):
            packed = buckets.pack(level.buckets, time)
            sizes = list(map(len, packed))
            places.append((slot, level.width, level.buckets.shape[1], at, *sizes))
            whole += packed
            at += sum(sizes)
            # A copy: what the bundle has is in the memory of all of it.
            self._held[slot] = Level(level.width, level.buckets.copy())
        rows = msgspec.json.encode(places).decode()
        db.execute(INSERT, {"rows": rows, "data": b"".join(whole)})
        overview.save(db, slots, bundle)
        while len(self._held) > LEVELS_MAX:
            del self._held[next(iter(self._held))]


def _absorbed(levels: Sequence[Level], points: Sequence[Floats], due: Sequence[int]) -> Bundle:
    # As long as a level has room its width is not looked at: then chunks are one to it.
    room = [buckets.BUCKETS_MAX - level.buckets.shape[1] for level in levels]
    first = [
        new if new.shape[1] <= free else new[:, :count]
        for new, free, count in zip(points, room, due, strict=True)
    ]
    bundle = absorb_each(levels, first)
    more = [new[:, begun.shape[1] :] for new, begun in zip(points, first, strict=True)]
    places = [place for place, rest in enumerate(more) if rest.shape[1]]
    if not places:
        return bundle
    whole, last = list(bundle.levels()), []
    for place in places:
        rest = more[place]
        end = rest.shape[1] // CHUNK * CHUNK
        whole[place] = buckets.absorb(whole[place], *rest[:, :end])
        last.append(rest[:, end:])
    ended = absorb_each([whole[place] for place in places], last)
    if len(places) == len(whole):
        return ended
    for place, level in zip(places, ended.levels(), strict=True):
        whole[place] = level
    return bundled(whole)
