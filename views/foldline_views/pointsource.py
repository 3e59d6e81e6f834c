"""Exact points, from the points view and the log.

What is in whole stretches comes from the view, what is newer from the log: together they are all
points that were logged up to the call. Without the view, or where it is damaged, the log has them.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from foldline.errors import ViewDamaged
from foldline.events import SeriesDefined
from foldline.layout import Layout, SegmentName
from foldline.packs import segments
from foldline.series import is_system
from foldline_ingest.batch import NO_POINTS, Batch, Points, facts
from foldline_ingest.replay import replay

from .exact import ExactPoints
from .opened import read
from .pieces import decode
from .points import NOTHING
from .rewinds import Rewind, Rewinds, pass_by, rewinds_of
from .series import context_key
from .shelves import POINTS

__all__ = ["PointsSource"]

Key = tuple[str, str]
Span = tuple[float, float]

OFFSET_MAX = (1 << 63) - 1  # SQLite has no larger number


class _Kept(NamedTuple):
    """What the view has of a series in one segment."""

    numbers: list[int]
    stretches: list[tuple[int, Points]]  # the offset of the last point of each, and its points
    rewinds: list[tuple[int, Rewind]]  # the offset of the last point before each
    start: int  # where in the log the rest begins
    after: int  # the offset of the last point that is none of the rest


class PointsSource:
    """Exact points of a store's series: see `exact.ExactSource`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def points(
        self,
        series: tuple[str, str, dict[str, Any]],
        span: Span = (-math.inf, math.inf),
        *,
        as_of: float = math.inf,
        ends: Mapping[str, int] | None = None,
    ) -> ExactPoints:
        """Return the points of a series, as (run, name, context), whose steps are in the span.

        `as_of` leaves out what was logged later than that, in unix seconds, rewinds among it;
        `ends` what lies behind these bytes of each writer's segment: what is not folded yet.
        """
        run, name, context = series
        asked = _Asked(self._layout, run, (name, context_key(context)), span, as_of)
        kept = self._kept(asked, ends)
        writers = ends if ends is not None else _writers(self._layout, run)
        for writer in sorted(writers):
            asked.take(writer, kept.get(writer), None if ends is None else ends[writer])
        return asked.points(in_sight_only=not is_system(name))

    def _kept(self, asked: _Asked, ends: Mapping[str, int] | None) -> dict[str, _Kept]:
        try:
            with read(self._layout.views, POINTS) as db:
                return {} if db is None else _read(db, asked, ends)
        except (ViewDamaged, sqlite3.OperationalError):
            return {}  # it is made again, and meanwhile the log has all of them


class _Asked:
    """One question, and what was found for it."""

    def __init__(self, layout: Layout, run: str, key: Key, span: Span, as_of: float) -> None:
        self.run = run
        self.key = key
        self.span = span
        self._layout = layout
        self._as_of = as_of
        self._rewinds = Rewinds()
        self._found: list[tuple[Batch, int]] = []  # with the seq of the last rewind before each

    def take(self, writer: str, kept: _Kept | None, end: int | None) -> None:
        """Take over what one segment has."""
        segment = SegmentName(self.run, writer)
        numbers: list[int] = []
        start, after, passed = 0, NOTHING, -1
        if kept is not None:
            numbers, start, after = list(kept.numbers), kept.start, kept.after
            rewinds = [pair for pair in kept.rewinds if pair[1].time <= self._as_of]
            for _, rewind in rewinds:
                self._rewinds.add(rewind)
                passed = rewind.seq
            for last, points in kept.stretches:
                before = [rewind.seq for at, rewind in rewinds if at < last]
                batch = Batch(segment, 0, 0, points, [], [], finished=False)
                self._add(batch, numbers, before[-1] if before else -1)
        if end is not None and start >= end:
            return
        seen = {segment: passed}
        for batch in replay(self._layout, segment, end, start=start):
            numbers += _numbers(batch, self.key)
            known = [(at, head) for at, head in batch.rewinds if head.time <= self._as_of]
            told = batch._replace(rewinds=known).where(batch.offsets > after)
            self._add(told, numbers, seen[segment])
            for rewind in rewinds_of(told):
                self._rewinds.add(rewind)
            pass_by(seen, told)

    def _add(self, batch: Batch, numbers: list[int], passed: int) -> None:
        points = batch.points
        mine = np.isin(points.series, numbers) & (points.time <= self._as_of)
        mine &= (points.step >= self.span[0]) & (points.step <= self.span[1])
        rewinds = [(int(np.count_nonzero(mine[:at])), head) for at, head in batch.rewinds]
        self._found.append((batch._replace(points=points.where(mine), rewinds=rewinds), passed))

    def points(self, *, in_sight_only: bool) -> ExactPoints:
        """Return what was found, in the order of the steps, without what rewinds hide."""
        parts = [NO_POINTS]
        for batch, passed in self._found:
            points = batch.points
            if in_sight_only and self._rewinds:
                points = points.where(~self._rewinds.hide(batch, {batch.segment: passed}))
            parts.append(points)
        found = Points.joined(parts)
        _, step, value, time, epoch = found.where(np.argsort(found.step, kind="stable"))
        return ExactPoints(step, value, time, epoch)


def _read(
    db: sqlite3.Connection, asked: _Asked, ends: Mapping[str, int] | None
) -> dict[str, _Kept]:
    db.execute("BEGIN")  # so that all of it is of one commit
    rows = db.execute(
        "SELECT segment.id, writer, coalesce(start, 0) FROM segment JOIN run ON run.id = run"
        " LEFT JOIN rest ON rest.segment = segment.id WHERE uid = ?",
        (asked.run,),
    ).fetchall()
    return {
        writer: _read_segment(
            db, (segment, writer), asked, start, OFFSET_MAX if ends is None else ends.get(writer, 0)
        )
        for segment, writer, start in rows
    }


def _read_segment(
    db: sqlite3.Connection, segment: tuple[int, str], asked: _Asked, start: int, end: int
) -> _Kept:
    of, writer = segment
    bound = OFFSET_MAX
    if start > end:
        # The view is further than the question: its last stretches are left out, and rewinds after
        # the last one that stays are read from the log.
        (bound,) = db.execute(
            "SELECT coalesce(max(last), ?) FROM piece WHERE segment = ? AND last < ?",
            (NOTHING, of, end),
        ).fetchone()
        start = max(bound, 0)
    numbers = [
        number
        for (number,) in db.execute(
            "SELECT number FROM numbered WHERE name = ? AND context = ? AND segment = ?",
            (*asked.key, of),
        )
    ]
    rewinds = [
        (last, Rewind(writer, seq, time, step))
        for seq, time, step, last in db.execute(
            "SELECT seq, time, step, last FROM rewind WHERE segment = ? AND last < ? ORDER BY seq",
            (of, bound),
        )
    ]
    stretches = [
        (last, _of_series(decode(data), number))
        for number in numbers
        for last, data in db.execute(
            "SELECT last, data FROM piece WHERE segment = ? AND last <= ? AND first_number <= ?"
            " AND last_number >= ? AND low <= ? AND high >= ? ORDER BY last, id",
            (of, bound, number, number, asked.span[1], asked.span[0]),
        )
    ]
    after = NOTHING if bound == OFFSET_MAX else bound
    return _Kept(numbers, stretches, rewinds, start, after)


def _of_series(points: Points, number: int) -> Points:
    """Return the points of one series of a piece, which is in the order of series."""
    first, end = np.searchsorted(points.series, [number, number + 1])
    return points.where(slice(int(first), int(end)))


def _numbers(batch: Batch, key: Key) -> list[int]:
    """Return the series numbers that a batch gives to a name and a context."""
    return [
        fact.event.series
        for fact in facts(batch, SeriesDefined)
        if isinstance(fact.event, SeriesDefined)
        and (fact.event.name, context_key(fact.event.context)) == key
    ]


def _writers(layout: Layout, run: str) -> list[str]:
    return [name.writer for name in segments(layout, run)]
