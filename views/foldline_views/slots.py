"""The slots that a fold has in memory."""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import buckets, newest, summaries

__all__ = ["PHASE", "Slot", "Slots", "first_chunk", "rank"]

Ints = NDArray[np.int64]

# How much shorter the first chunk is from one group of series to the next, modulo CHUNK. An odd one
# comes by all lengths, and this one leaves no two neighbours near each other.
PHASE = 49
# Series of neighbouring numbers that are absorbed together: their rows lie on the same pages. For
# each by itself a commit was measured to write 1.7 times as many: see decision 10.
GROUP = 8


class Slot(NamedTuple):
    """One writer's part of a series."""

    id: int
    number: int  # of the series in the writer's segment
    series: int
    run: str
    name: str
    context: dict[str, Any]
    first: int  # points of its first chunk


class Slots:
    """Pools with a column for each slot; a slot is known by its place in them.

    Of the open chunks the first points of all slots lie next to one another, then the second ones:
    memory that no slot has filled yet is never touched, and a hundred thousand slots of a few
    points take no more than their points.
    """

    def __init__(self) -> None:
        self.known: list[Slot] = []
        self.summary = summaries.fresh(0)
        self.chunk = np.empty((3, buckets.CHUNK, 0))  # step, value, time of the open chunks
        self.waiting: Ints = np.empty(0, dtype=np.int64)  # points in each open chunk
        self.due: Ints = np.empty(0, dtype=np.int64)  # points at which it is whole
        self._unspread = np.empty(0, dtype=np.bool_)  # slots that have moved since the last spread
        self._place_of: dict[int, int] = {}  # by row id; a slot may be loaded again

    def __len__(self) -> int:
        return len(self.known)

    def add(self, slots: list[Slot]) -> Ints:
        """Take in slots that have no points yet, and return their places."""
        used = len(self.known)
        self._reserve(len(slots))
        places = np.arange(used, used + len(slots))
        self.known.extend(slots)
        self.due[places] = [slot.first for slot in slots]
        self._place_of.update((slot.id, used + at) for at, slot in enumerate(slots))
        return places

    def load(self, db: sqlite3.Connection, slots: list[Slot]) -> Ints:
        """Take in slots as of the last commit, and return their places.

        What was in memory of them is void: their rows have it.
        """
        ids = [slot.id for slot in slots]
        before = [self._place_of.get(slot) for slot in ids]
        places = self.add(slots)
        for old, new in zip(before, places.tolist(), strict=True):
            if old is not None:
                self._unspread[new], self._unspread[old] = self._unspread[old], False
        self.summary[:, places] = newest.summaries_of(db, ids)
        held = newest.waiting(db, ids)
        counts = np.bincount(held.owner, minlength=len(ids))
        self.chunk[:, rank(counts), places[held.owner]] = held.points
        self.waiting[places] = counts
        absorbed = self.summary[summaries.COUNT, places] > counts
        self.due[places[absorbed]] = buckets.CHUNK
        return places

    def empty(self, places: Ints) -> None:
        """Take back all points of some slots."""
        self.summary[:, places] = summaries.fresh(len(places))
        self.waiting[places] = 0
        self.due[places] = [self.known[place].first for place in places.tolist()]

    def ids(self, places: Ints) -> Ints:
        """Return the row ids of slots."""
        return np.array([self.known[place].id for place in places.tolist()], dtype=np.int64)

    def moved(self, places: Ints) -> None:
        """Note that a commit has written points of these slots."""
        self._unspread[places] = True

    def spread(self, db: sqlite3.Connection, revision: int) -> None:
        """Give each slot that has moved since the last time its own row."""
        places = np.flatnonzero(self._unspread)
        ids = self.ids(places)
        order = np.argsort(ids)
        ids, places = ids[order], places[order]
        counts = self.waiting[places]
        points = self.chunk[:, rank(counts), np.repeat(places, counts)]
        newest.spread(db, revision, ids, self.summary[:, places], counts, points)
        self._unspread[:] = False

    def _reserve(self, count: int) -> None:
        """Make room for `count` more slots."""
        used = len(self.known)
        room = self.summary.shape[1]
        if used + count > room:
            more = max(used + count - room, room, 256)
            none = np.zeros(more, dtype=np.int64)
            self.summary = np.concatenate((self.summary, summaries.fresh(more)), axis=1)
            chunk = np.empty((3, buckets.CHUNK, room + more))
            filled = int(self.waiting.max(initial=0))
            chunk[:, :filled, :used] = self.chunk[:, :filled, :used]
            self.chunk = chunk
            self.waiting = np.concatenate((self.waiting, none))
            self.due = np.concatenate((self.due, none))
            self._unspread = np.concatenate((self._unspread, none.astype(np.bool_)))


def first_chunk(writer: str, number: int) -> int:
    """Return how many points the first chunk has of a writer's series with this number.

    Series that move together are not all absorbed at once, nor are writers that do.
    """
    phase = PHASE * ((number - 1) // GROUP) + zlib.crc32(writer.encode())
    return buckets.CHUNK - phase % buckets.CHUNK


def rank(counts: Ints) -> Ints:
    """Return each point's place within its slot, of slots of these counts end to end."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
