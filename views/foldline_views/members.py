"""The members of groups, block by block."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from . import buckets, newest
from .aggregate import CELLS_MAX, Block, Grid, grid_of
from .levels import BLOCK_SLOTS, Raw, raw_levels, widths_of
from .overview import OVERVIEW_MAX
from .overviews import places_of
from .reads import Reads, Slots
from .tracing import Line, along, trace

__all__ = ["StoredMembers", "traced_members"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Span = tuple[float, float] | None

# The rows of buckets that a block is made of, in its order.
BLOCK_ROWS = [
    buckets.STEP, buckets.SUM, buckets.COUNT, buckets.MIN, buckets.MAX, buckets.NONFINITE,
]  # fmt: skip


class StoredMembers:
    """Series by their steps, straight from their levels: twice through the file, no loop a bucket.

    The levels are read once to find the grid and once to fill it, so that no more than a block
    of them is in memory.
    """

    def __init__(self, db: sqlite3.Connection, series: Sequence[Slots], span: Span) -> None:
        self._db = db
        self._series = series
        self._span = span
        self._slots = [slot for slots in series for slot in slots]
        self._first = np.cumsum([0, *map(len, series)])  # slot of each series
        self._fresh = newest.waiting(db, self._slots)

    def grid(self, points: int) -> Grid:
        """Return the grid of at most so many buckets, and no more than the longest member has."""
        if not self._slots:
            return Grid(buckets.EMPTY.width, np.empty(0))
        widths, counts = widths_of(self._db, self._slots)
        counts += np.bincount(self._fresh.owner, minlength=len(counts))
        longest = int(np.add.reduceat(counts, self._first[:-1]).max())
        limit = min(points, longest, CELLS_MAX // len(self._series))
        if limit <= OVERVIEW_MAX and self._span is None:
            # No member has more buckets in the grid, so none is finer there than in its overview.
            width, stored = places_of(self._db, self._slots)
            return grid_of([stored, self._fresh.points[0]], width, limit)
        places = (block.x for block in self._blocks(steps_only=self._span is None))
        return grid_of(places, int(widths.max()), limit)

    def blocks(self) -> Iterator[Block]:
        """Yield all members."""
        return self._blocks(steps_only=False)

    def _blocks(self, *, steps_only: bool) -> Iterator[Block]:
        first = 0
        while first < len(self._series):
            end = first + 1
            while (
                end < len(self._series) and self._first[end + 1] - self._first[first] <= BLOCK_SLOTS
            ):
                end += 1
            yield self._block(first, end, steps_only=steps_only)
            first = end

    def _block(self, first: int, end: int, *, steps_only: bool) -> Block:
        begin, stop = int(self._first[first]), int(self._first[end])
        slots = self._slots[begin:stop]
        owner_of = np.repeat(np.arange(end - first), np.diff(self._first[first : end + 1]))
        raws = [
            raw for block in raw_levels(self._db, slots, values=not steps_only) for raw in block
        ]
        low, high = np.searchsorted(self._fresh.owner, [begin, stop])
        fresh = buckets.of_points(*self._fresh.points[:, low:high])
        fresh_owner = owner_of[self._fresh.owner[low:high] - begin]
        counts = [len(raw.step) for raw in raws]
        owner = (
            np.repeat(owner_of[[raw.place for raw in raws]], counts) if raws else fresh_owner[:0]
        )
        owner = np.concatenate((owner, fresh_owner))
        if steps_only:
            x = np.concatenate([*(raw.step for raw in raws), fresh[buckets.STEP]])
            return Block(first, owner, end - first, x, *[x] * 5)
        rows = _rows(raws, fresh)
        if self._span is not None:
            last = np.concatenate([*(raw.last_step for raw in raws), fresh[buckets.STEP_LAST]])
            inside = (last >= self._span[0]) & (rows[0] <= self._span[1])
            owner, rows = owner[inside], [row[inside] for row in rows]
        return Block(first, owner, end - first, *rows)


def _rows(levels: list[Raw], fresh: Floats) -> list[Floats]:
    """Return BLOCK_ROWS of all levels, end to end, and of the newest points."""
    tail = fresh[BLOCK_ROWS]
    if not all(level.are_points for level in levels):
        # No block tells times, so it is no matter which are given.
        whole = [buckets.joined(level.step, level.values, level.step) for level in levels]
        return [
            np.concatenate([*(rows[row] for rows in whole), tail[at]])
            for at, row in enumerate(BLOCK_ROWS)
        ]
    step = np.concatenate([*(level.step for level in levels), fresh[buckets.STEP]])
    value = np.concatenate([*(level.values[0] for level in levels), fresh[buckets.LAST]])
    if np.isfinite(value).all():
        # The rule, and several times as fast as to ask each point.
        return [step, value, np.ones(len(value)), value, value, np.zeros(len(value))]
    return [*buckets.of_points(step, value, step)[BLOCK_ROWS]]


def traced_members(
    reads: Reads, lines: Sequence[Line], points: int, span: Span
) -> tuple[list[Block], Grid]:
    """Return lines along any axis as blocks, and the grid of at most so many buckets."""
    most = min(points, max(CELLS_MAX // max(len(lines), 1), 1))
    blocks: list[Block] = []
    width, longest = None, 0
    for begin in range(0, len(lines), BLOCK_SLOTS):
        block = lines[begin : begin + BLOCK_SLOTS]
        reads.load(slots for line in block for slots in line.loads)
        parts, counts = [], []
        for line in block:
            whole = trace(reads, line)
            if line.axis in {"time", "relative"}:
                whole = along(whole, whole.buckets[buckets.TIME] - line.origin)
            level = whole.buckets
            if span is not None:
                inside = (level[buckets.STEP_LAST] >= span[0]) & (level[buckets.STEP] <= span[1])
                level = level[:, inside]
            finest = buckets.fit(level, whole.width, most)
            parts.append(buckets.coarsen(level, finest)[BLOCK_ROWS])
            counts.append(parts[-1].shape[1])
            if counts[-1]:
                width = finest if width is None else max(width, finest)
        longest = max(longest, *counts)
        owner = np.repeat(np.arange(len(block)), counts)
        blocks.append(Block(begin, owner, len(block), *np.concatenate(parts, axis=1)))
    start = buckets.EMPTY.width if width is None else width
    return blocks, grid_of((block.x for block in blocks), start, min(most, longest))
