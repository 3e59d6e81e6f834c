"""The points view: exact points, compressed.

A segment's points are cut into stretches of STRETCH_POINTS, in the order of the log, and each
stretch into pieces by series (see `pieces`). What is not yet a whole stretch stays in the log,
which has it anyway: `pointsource` reads it from there. So a commit writes nothing for a series that
moves slowly, and thousands of series cost no more than one. A segment that is finished and small
gets no stretch: its points are nearly as soon read from the log as from pieces.

A rewind ends a stretch, so that all points of one were tracked before it, or none. `POINTS.md`
describes the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldline.events import SeriesDefined
from foldline_ingest.batch import Batch, Points, facts

from .pieces import split
from .rewinds import placed_rewinds
from .series import context_key
from .session import Session

__all__ = ["NOTHING", "STRETCH_POINTS", "PointsView"]

# Points of a stretch: 2 MiB of log, which a reader looks through in 3 ms for what is newest.
STRETCH_POINTS = 65_536
# A finished segment of fewer points has no pieces: it takes 2 ms to read in place of 1 ms, and 3 ms
# where it is packed; of many small runs pieces would be a quarter of all views. See decision 12.
ENDED_POINTS_MIN = 16_384
# Points held in memory for stretches that are not whole, over all segments: 66 MB. When there are
# more they are let go, and read from the log again once their stretch is whole.
HELD_POINTS_MAX = 1_500_000

NOTHING = -1  # in place of an offset: no point has one so small


class _Part(NamedTuple):
    points: Points
    offsets: NDArray[np.int64]


class _Open:
    """The points of a segment that are in no stretch yet."""

    def __init__(self, last: int, start: int) -> None:
        self.last = last  # the offset of the last point that is in a stretch
        self.start = start  # no point lies between that one and here
        self.count = 0
        self.parts: list[_Part] = []  # has `count` points, or fewer if they were let go

    @property
    def held(self) -> int:
        """How many of them are in memory."""
        return sum(len(part.offsets) for part in self.parts)


class PointsView:
    """Folds points into compressed pieces."""

    name = "points"
    version = 2
    schema = """
        CREATE TABLE numbered (
            segment INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
            context TEXT NOT NULL, PRIMARY KEY (segment, number)) WITHOUT ROWID;
        CREATE INDEX numbered_name ON numbered (name, context, segment);
        CREATE TABLE piece (
            id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, last INTEGER NOT NULL,
            first_number INTEGER NOT NULL, last_number INTEGER NOT NULL,
            low REAL NOT NULL, high REAL NOT NULL, data BLOB NOT NULL);
        CREATE TABLE rest (segment INTEGER PRIMARY KEY, start INTEGER NOT NULL);
        CREATE INDEX piece_of
            ON piece (segment, last, first_number, last_number, low, high);
        CREATE TABLE rewind (
            segment INTEGER NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL,
            step REAL NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (segment, seq)) WITHOUT ROWID;
    """

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._held = 0

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Fold the batches, and write the stretches that are whole."""
        for batch in batches:
            segment = session.segments[batch.segment]
            self._define(session, segment, batch)
            opened = self._of(session, segment, batch)
            was = opened.start
            begin = 0
            for at, rewind in placed_rewinds(batch):
                self._take(session, opened, batch, slice(begin, at))
                begin = at
                self._end(session, opened, batch)
                session.db.execute(
                    "INSERT OR REPLACE INTO rewind VALUES (?, ?, ?, ?, ?)",
                    (segment, rewind.seq, rewind.time, rewind.step, opened.last),
                )
            self._take(session, opened, batch, slice(begin, None))
            if batch.finished:
                if opened.last != NOTHING or opened.count >= ENDED_POINTS_MIN:
                    self._end(session, opened, batch)
                self._held -= opened.held
                del self._open[segment]
            if not opened.count:
                opened.start = batch.end
            if opened.start != was:
                session.db.execute(
                    "INSERT OR REPLACE INTO rest VALUES (?, ?)", (segment, opened.start)
                )
        if self._held > HELD_POINTS_MAX:
            for opened in self._open.values():
                opened.parts.clear()
            self._held = 0

    def forget(self) -> None:
        """Drop what is in memory: all of it can be read again, as of the last commit."""
        self._open.clear()
        self._held = 0

    def _define(self, session: Session, segment: int, batch: Batch) -> None:
        for fact in facts(batch, SeriesDefined):
            assert isinstance(fact.event, SeriesDefined)  # no other was asked for
            name, context = fact.event.name, context_key(fact.event.context)
            session.db.execute(
                "INSERT OR IGNORE INTO numbered VALUES (?, ?, ?, ?)",
                (segment, fact.event.series, name, context),
            )

    def _of(self, session: Session, segment: int, batch: Batch) -> _Open:
        """Return what a segment has in no stretch before this batch."""
        opened = self._open.get(segment)
        if opened is None:
            last, start = session.db.execute(
                "SELECT coalesce((SELECT max(last) FROM piece WHERE segment = :segment), :none),"
                " coalesce((SELECT start FROM rest WHERE segment = :segment), 0)",
                {"segment": segment, "none": NOTHING},
            ).fetchone()
            opened = self._open[segment] = _Open(last, start)
            if start < batch.start:
                self._complete(session, opened, batch)
        return opened

    def _complete(self, session: Session, opened: _Open, batch: Batch) -> None:
        """Read from the log what is in no stretch and was let go."""
        end = int(opened.parts[0].offsets[0]) if opened.parts else batch.start
        before = []
        for earlier in session.replay(batch.segment, end, start=opened.start):
            new = earlier.where(earlier.offsets > opened.last)
            if len(new.points):
                before.append(_Part(new.points, new.offsets))
                self._held += len(new.points)
        opened.parts[:0] = before
        # Damage may have taken some of them since.
        opened.count = opened.held

    def _take(self, session: Session, opened: _Open, batch: Batch, which: slice) -> None:
        """Take over some of a batch's points, and write the stretches that they fill."""
        points = batch.points.where(which)
        if not len(points):
            return
        offsets = batch.offsets[which]
        if not opened.count:
            opened.start = int(offsets[0])
        opened.parts.append(_Part(points, offsets))
        opened.count += len(points)
        self._held += len(points)
        while opened.count >= STRETCH_POINTS:
            if opened.held < opened.count:
                self._complete(session, opened, batch)
            else:
                self._write(session, opened, session.segments[batch.segment], STRETCH_POINTS)

    def _end(self, session: Session, opened: _Open, batch: Batch) -> None:
        """Make a stretch of all that is in none."""
        if opened.held < opened.count:
            self._complete(session, opened, batch)
        self._write(session, opened, session.segments[batch.segment], opened.count)

    def _write(self, session: Session, opened: _Open, segment: int, count: int) -> None:
        """Make a stretch of the first points that are in none."""
        if not count:
            return
        points = Points.joined([part.points for part in opened.parts])
        offsets = np.concatenate([part.offsets for part in opened.parts])
        opened.last = int(offsets[count - 1])
        session.db.executemany(
            "INSERT INTO piece (segment, last, first_number, last_number, low, high, data)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(segment, opened.last, *piece) for piece in split(points.where(slice(count)))],
        )
        rest = _Part(points.where(slice(count, None)), offsets[count:])
        if len(rest.offsets):
            opened.start = int(rest.offsets[0])
        opened.parts = [rest] if len(rest.offsets) else []
        opened.count -= count
        self._held -= count
