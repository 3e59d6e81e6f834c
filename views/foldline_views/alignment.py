"""Series of runs that were forked from one another.

A fork goes on from a step of its parent. Its series can be shown with the parent's points up to
there before its own, the parent's with those of its parent, and so on. The parent counts as it
was when the fork was made: what it did afterwards, and went back on, is none of the fork's.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldline.series import is_system

from . import buckets
from .buckets import Level
from .exact import EVERYWHERE, ExactPoints
from .reads import Reads, Slots, buckets_of
from .siblings import Siblings

__all__ = ["FORKS_MAX", "Aligned", "Ancestor", "Part", "aligned", "part_of"]

Floats = NDArray[np.float64]

FORKS_MAX = 16  # forks of forks: each costs as much as a series more


class Ancestor(NamedTuple):
    """The same series of a run that this one goes on from."""

    run: str
    slots: Slots
    step: float  # the last one of it that counts
    time: float  # when the fork was made, in unix seconds


class Part(NamedTuple):
    """A series of one run, and where it is inherited from, the parent first."""

    run: str
    name: str
    context: dict[str, Any]
    slots: Slots
    ancestors: tuple[Ancestor, ...] = ()

    @property
    def loads(self) -> list[Slots]:
        """The series whose levels are needed."""
        return [self.slots, *(ancestor.slots for ancestor in self.ancestors)]


class _Piece(NamedTuple):
    """Which steps of a run belong to a series."""

    run: str
    last: float
    before: float
    as_of: float


class Aligned(NamedTuple):
    """A part with what it inherits, put before its own points."""

    part: Part
    level: Level
    inherited_until: float | None  # the last step that is not the run's own
    pieces: tuple[_Piece, ...]

    def exact(self, reads: Reads, span: tuple[float, float] = EVERYWHERE) -> ExactPoints | None:
        """Return the exact points, or None if enough was read for this answer."""
        found = []
        for piece in self.pieces:
            end = min(span[1], piece.last, np.nextafter(piece.before, -math.inf))
            if end < span[0]:
                continue
            series = (piece.run, self.part.name, self.part.context)
            points = reads.exact(series, (span[0], end), as_of=piece.as_of)
            if points is None:
                return None
            found.append(points)
        found.reverse()  # the oldest ancestor's steps come first
        columns = zip(*found, strict=True)
        return ExactPoints(*(np.concatenate(column) for column in columns)) if found else NOTHING


NOTHING = ExactPoints(*np.empty((4, 0)))


def part_of(siblings: Siblings, series: int, *, inherit: bool = False) -> Part:
    """Return a series, by its row, with where it is inherited from if `inherit` says so."""
    catalog = siblings.catalog
    name, context = catalog.series.key(series)
    row = int(catalog.series.run[series])
    own = Part(catalog.ids[row], name, context, tuple(catalog.series.slots_of(series)))
    # What the machine did is each run's own.
    if not inherit or is_system(name):
        return own
    kind = int(catalog.series.kind[series])
    found: list[Ancestor] = []
    seen, step = {row}, math.inf
    while len(seen) <= FORKS_MAX and (forked := catalog.states[row].forked) is not None:
        event, (time, *_) = forked
        parent = catalog.row_of.get(event.run)
        if parent is None or parent in seen:
            break
        row = parent
        seen.add(row)
        step = min(step, math.inf if event.step is None else float(event.step))
        same = siblings.of_kind(row, kind)
        if same is not None:
            slots = tuple(catalog.series.slots_of(same))
            found.append(Ancestor(catalog.ids[row], slots, step, time))
    return own._replace(ancestors=tuple(found))


def aligned(reads: Reads, part: Part) -> Aligned:
    """Return a part with what it inherits; its levels must be loaded."""
    level = reads.level(part.slots)
    pieces = [_Piece(part.run, math.inf, math.inf, math.inf)]
    before = _first(level.buckets)
    inherited: list[Level] = []
    for ancestor in part.ancestors:
        piece = _Piece(ancestor.run, ancestor.step, before, ancestor.time)
        found = _inherited(reads, part, piece, reads.level(ancestor.slots))
        if found.buckets.shape[1]:
            pieces.append(piece)
            inherited.insert(0, found)
            before = _first(found.buckets)
    if not inherited:
        return Aligned(part, level, None, tuple(pieces[:1]))
    until = float(inherited[-1].buckets[buckets.STEP_LAST, -1])
    width = max(one.width for one in (*inherited, level))
    together = np.concatenate([*(one.buckets for one in inherited), level.buckets], axis=1)
    whole = Level(width, buckets.coarsen(together, width))
    return Aligned(part, whole, until, tuple(pieces))


def _first(level: Floats) -> float:
    return float(level[buckets.STEP, 0]) if level.shape[1] else math.inf


def _inherited(reads: Reads, part: Part, piece: _Piece, level: Level) -> Level:
    """Return the part of an ancestor's level that belongs to the fork."""
    series = (piece.run, part.name, part.context)
    end = min(piece.last, np.nextafter(piece.before, -math.inf))
    if _went_back(reads, piece):
        points = reads.exact(series, (-math.inf, end), as_of=piece.as_of)
        if points is not None:
            whole = buckets_of(points)
            width = buckets.fit(whole, buckets.EMPTY.width, buckets.BUCKETS_MAX)
            return Level(width, buckets.coarsen(whole, width))
        reads.warn("some forks are shown without what they inherit: ask for fewer of them")
        return buckets.EMPTY
    whole = level.buckets[:, level.buckets[buckets.STEP_LAST] <= end]
    cut = (level.buckets[buckets.STEP] <= end) & (level.buckets[buckets.STEP_LAST] > end)
    if cut.any():
        # The fork was made within a bucket: only the points tell which of it belongs here.
        span = (float(level.buckets[buckets.STEP, cut][0]), end)
        points = reads.exact(series, span, as_of=piece.as_of)
        if points is None:
            reads.warn("some forks lack the last steps that they inherit: ask for fewer of them")
        else:
            rest = buckets.coarsen(buckets_of(points), level.width)
            whole = np.concatenate((whole, rest), axis=1)
    return Level(level.width, whole)


def _went_back(reads: Reads, piece: _Piece) -> bool:
    """Whether the ancestor has taken back, after the fork, what the fork had of it."""
    end = min(piece.last, piece.before)
    (found,) = reads.db.execute(
        "SELECT EXISTS (SELECT 1 FROM rewind JOIN run ON run.id = run"
        " WHERE uid = ? AND time > ? AND step < ?)",
        (piece.run, piece.as_of, end),
    ).fetchone()
    return bool(found)
