"""The series view: summaries, levels and the newest points of every series.

Each writer's part of a series is a slot of its own, fed by one segment in one order; slots are
merged when they are read. So writers may interleave in any way and the view stays the same.

The newest points of a slot wait in its open chunk until CHUNK of them are there; then they are
absorbed into its level (see `buckets`), and the overview is made from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from foldline.events import SeriesDefined
from foldline_ingest.announce import ANNOUNCED_SERIES_MAX
from foldline_ingest.batch import Batch, Points, facts
from foldline_ingest.view import SeriesDelta

from . import buckets, overview, summaries
from .database import BULK_INSERT, bulk
from .session import Session

__all__ = ["SeriesView", "context_key"]

Floats = NDArray[np.float64]

# Series numbers in one segment; the SDK counts up from 1. A larger number is damage.
SERIES_PER_SEGMENT_MAX = 1 << 20
# Slots held in memory: 3.2 KB each, so 100 MiB. When there are more, all are forgotten and those
# still in use are read again.
POOL_SLOTS_MAX = 32_768
# Levels held in memory: 80 KB each at most.
LEVELS_MAX = 256


class _Slot(NamedTuple):
    id: int
    series: int


class SeriesView:
    """Folds points into summaries, levels and overviews."""

    name = "series"
    version = 1
    schema = """
        CREATE TABLE series (
            id INTEGER PRIMARY KEY, run INTEGER NOT NULL, name TEXT NOT NULL,
            context TEXT NOT NULL, UNIQUE (run, name, context));
        CREATE TABLE slot (
            id INTEGER PRIMARY KEY, series INTEGER NOT NULL, segment INTEGER NOT NULL,
            number INTEGER NOT NULL, UNIQUE (segment, number));
        CREATE INDEX slot_series ON slot (series);
        CREATE TABLE summary (slot INTEGER PRIMARY KEY, revision INTEGER NOT NULL, data BLOB);
        CREATE INDEX summary_revision ON summary (revision);
        CREATE TABLE chunk (slot INTEGER PRIMARY KEY, count INTEGER NOT NULL, data BLOB);
        CREATE TABLE level (
            slot INTEGER PRIMARY KEY, width INTEGER NOT NULL, count INTEGER NOT NULL, data BLOB);
        CREATE TABLE overview (
            slot INTEGER PRIMARY KEY, width INTEGER NOT NULL, count INTEGER NOT NULL,
            place BLOB, step BLOB, time BLOB, value BLOB);
    """

    def __init__(self) -> None:
        self.touched: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # places in the pools
        self.forget()

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Fold the batches and write what changed, in the session's transaction."""
        if self._used > POOL_SLOTS_MAX:
            self.forget()
        self.touched = self.touched[:0]
        parts = [self._places(session, batch) for batch in batches if len(batch.points)]
        self._define(session, [batch for batch in batches if not len(batch.points)])
        if parts:
            self._fold(session, parts)
        for batch in batches:
            if batch.finished:
                self._tables.pop(session.segments[batch.segment], None)

    def deltas(self, session: Session) -> list[SeriesDelta]:
        """Return the newest point of each series that the last `apply` changed, up to a bound."""
        found = []
        for place in self.touched[:ANNOUNCED_SERIES_MAX]:
            series = self._slots[place].series
            run, name, context = session.db.execute(
                "SELECT run.uid, name, context FROM series JOIN run ON run.id = run"
                " WHERE series.id = ?",
                (series,),
            ).fetchone()
            state = summaries.merge(_summaries_of(session, series))[:, 0].tolist()
            found.append(
                SeriesDelta(
                    series,
                    run,
                    name,
                    msgspec.json.decode(context),
                    int(state[summaries.COUNT]),
                    state[summaries.LAST_STEP],
                    state[summaries.LAST],
                    state[summaries.LAST_TIME],
                )
            )
        return found

    # -- what is in memory: pools with one column a slot, and where each segment's slots are

    def forget(self) -> None:
        """Drop what is in memory: all of it can be read again, as of the last commit."""
        self._slots: list[_Slot] = []
        self._used = 0
        self._summary = summaries.fresh(0)
        self._chunk = np.empty((3, 0, buckets.CHUNK))  # step, value, time of the open chunks
        self._waiting = np.empty(0, dtype=np.int64)  # points in each open chunk
        self._tables: dict[int, NDArray[np.int64]] = {}  # segment -> series number -> place
        self._levels: dict[int, buckets.Level] = {}  # by slot id; the oldest first

    def _reserve(self, count: int) -> None:
        """Make room for `count` more slots."""
        short = self._used + count - self._summary.shape[1]
        if short > 0:
            more = max(short, self._used, 256)
            self._summary = np.concatenate((self._summary, summaries.fresh(more)), axis=1)
            self._chunk = np.concatenate((self._chunk, np.empty((3, more, buckets.CHUNK))), axis=1)
            self._waiting = np.concatenate((self._waiting, np.zeros(more, dtype=np.int64)))

    def _add(self, slots: list[_Slot]) -> NDArray[np.int64]:
        self._reserve(len(slots))
        places = np.arange(self._used, self._used + len(slots))
        self._slots.extend(slots)
        self._used += len(slots)
        return places

    def _table(self, session: Session, segment: int) -> NDArray[np.int64]:
        """Return where a segment's series numbers are in the pools, -1 for unknown ones."""
        if segment in self._tables:
            return self._tables[segment]
        rows = session.db.execute(
            "SELECT slot.id, series, number, summary.data, chunk.count, chunk.data FROM slot"
            " LEFT JOIN summary ON summary.slot = slot.id"
            " LEFT JOIN chunk ON chunk.slot = slot.id"
            " WHERE segment = ? ORDER BY slot.id",
            (segment,),
        ).fetchall()
        table = np.full(max((row[2] for row in rows), default=0) + 1, -1, dtype=np.int64)
        places = self._add([_Slot(row[0], row[1]) for row in rows])
        for place, (_, _, number, summary, waiting, chunk) in zip(places, rows, strict=True):
            table[number] = place
            if summary is None:
                continue  # defined, and no points yet
            self._summary[:, place] = np.frombuffer(summary)
            self._chunk[:, place, :waiting] = np.frombuffer(chunk).reshape(3, waiting)
            self._waiting[place] = waiting
        self._tables[segment] = table
        return table

    # -- definitions

    def _define(self, session: Session, batches: Iterable[Batch]) -> None:
        for batch in batches:
            if any(head.type == SeriesDefined.TYPE for head in batch.events):
                self._define_segment(session, batch)

    def _define_segment(self, session: Session, batch: Batch) -> NDArray[np.int64]:
        """Give a slot to each series number that the batch defines or uses."""
        segment = session.segments[batch.segment]
        table = self._table(session, segment)
        wanted = {
            fact.event.series: (fact.event.name, context_key(fact.event.context))
            for fact in facts(batch)
            if isinstance(fact.event, SeriesDefined)
            and 0 < fact.event.series < SERIES_PER_SEGMENT_MAX
        }
        used = np.unique(batch.points.series)
        used = used[(used > 0) & (used < SERIES_PER_SEGMENT_MAX)]
        unknown = used[table[used] < 0] if len(used) and used[-1] < len(table) else used
        for number in unknown.tolist():
            # The definition was damaged: its points are kept under a name that says so.
            wanted.setdefault(number, (f"series {number} (its definition is damaged)", "{}"))
        new = [n for n in sorted(wanted) if n >= len(table) or table[n] < 0]
        if not new:
            return table
        if new[-1] >= len(table):
            grown = np.full(max(new[-1] + 1, 2 * len(table)), -1, dtype=np.int64)
            grown[: len(table)] = table
            self._tables[segment] = table = grown
        run = session.runs[batch.segment.run]
        slots = [self._insert(session, run, segment, n, *wanted[n]) for n in new]
        table[new] = self._add(slots)
        return table

    def _insert(
        self, session: Session, run: int, segment: int, number: int, name: str, context: str
    ) -> _Slot:
        db = session.db
        key = (run, name, context)
        db.execute("INSERT OR IGNORE INTO series (run, name, context) VALUES (?, ?, ?)", key)
        (series,) = db.execute(
            "SELECT id FROM series WHERE run = ? AND name = ? AND context = ?", key
        ).fetchone()
        slot = db.execute(
            "INSERT INTO slot (series, segment, number) VALUES (?, ?, ?)",
            (series, segment, number),
        ).lastrowid
        assert slot is not None
        return _Slot(slot, series)

    # -- points

    def _places(self, session: Session, batch: Batch) -> tuple[NDArray[np.int64], Points]:
        """Return where in the pools each point of a batch belongs, without those that nowhere."""
        table = self._define_segment(session, batch)
        points = batch.points
        number = points.series
        # A step that is no number has no place on an axis; the SDK does not log such.
        keep = (number > 0) & (number < len(table)) & np.isfinite(points.step)
        if not keep.all():
            points = Points(number[keep], points.step[keep], points.value[keep], points.time[keep])
        return table[points.series], points

    def _fold(self, session: Session, parts: list[tuple[NDArray[np.int64], Points]]) -> None:
        place = np.concatenate([places for places, _ in parts])
        step = np.concatenate([points.step for _, points in parts])
        value = np.concatenate([points.value for _, points in parts])
        time = np.concatenate([points.time for _, points in parts])
        self.touched, local = np.unique(place, return_inverse=True)
        # Sorting 16-bit numbers is a radix sort: several times as fast.
        small = local.astype(np.uint16) if len(self.touched) < 1 << 16 else local
        order = np.argsort(small, kind="stable")
        step, value, time = step[order], value[order], time[order]
        counts = np.bincount(local, minlength=len(self.touched))
        starts = np.cumsum(counts) - counts
        touched = self.touched
        self._summary[:, touched] = summaries.fold(
            self._summary[:, touched], starts, step, value, time
        )
        full = self._waiting[touched] + counts >= buckets.CHUNK
        self._wait(touched, counts, starts, step, value, time, ~full)
        for index in np.flatnonzero(full):
            run = slice(starts[index], starts[index] + counts[index])
            self._absorb(session, int(touched[index]), step[run], value[run], time[run])
        self._save(session)

    def _wait(
        self,
        touched: NDArray[np.int64],
        counts: NDArray[np.int64],
        starts: NDArray[np.int64],
        step: Floats,
        value: Floats,
        time: Floats,
        which: NDArray[np.bool_],
    ) -> None:
        """Put the points of slots whose chunk stays open into it."""
        if not which.any():
            return
        mine = np.repeat(which, counts)
        place = np.repeat(touched, counts)[mine]
        rank = (np.arange(len(step)) - np.repeat(starts, counts))[mine]
        at = self._waiting[place] + rank
        for row, column in enumerate((step, value, time)):
            self._chunk[row, place, at] = column[mine]
        self._waiting[touched[which]] += counts[which]

    def _absorb(
        self, session: Session, place: int, step: Floats, value: Floats, time: Floats
    ) -> None:
        """Add whole chunks to a slot's level; the rest opens the next chunk."""
        slot, waiting = self._slots[place].id, int(self._waiting[place])
        points = np.concatenate(
            (self._chunk[:, place, :waiting], np.stack((step, value, time))), axis=1
        )
        whole = points.shape[1] // buckets.CHUNK * buckets.CHUNK
        level = buckets.absorb(self._level(session, slot), *points[:, :whole])
        rest = points.shape[1] - whole
        self._chunk[:, place, :rest] = points[:, whole:]
        self._waiting[place] = rest
        self._levels[slot] = level
        session.db.execute(
            "INSERT OR REPLACE INTO level VALUES (?, ?, ?, ?)",
            (slot, level.width, level.buckets.shape[1], buckets.pack(level)),
        )
        session.db.execute(overview.INSERT, (slot, *overview.row(level)))
        while len(self._levels) > LEVELS_MAX:
            del self._levels[next(iter(self._levels))]

    def _level(self, session: Session, slot: int) -> buckets.Level:
        held = self._levels.pop(slot, None)
        if held is not None:
            return held
        row = session.db.execute(
            "SELECT width, count, data FROM level WHERE slot = ?", (slot,)
        ).fetchone()
        return buckets.unpack(*row) if row else buckets.EMPTY

    def _save(self, session: Session) -> None:
        touched = self.touched
        data = np.ascontiguousarray(self._summary[:, touched].T).tobytes()
        size = summaries.ROW_BYTES
        ids = [self._slots[place].id for place in touched]
        rows = [
            (slot, session.revision, data[i * size : (i + 1) * size]) for i, slot in enumerate(ids)
        ]
        session.db.execute(BULK_INSERT.format(table="summary"), bulk(rows))
        waiting = self._waiting[touched].tolist()
        chunks = [
            (slot, count, self._chunk[:, place, :count].tobytes())
            for slot, count, place in zip(ids, waiting, touched, strict=True)
        ]
        session.db.execute(BULK_INSERT.format(table="chunk"), bulk(chunks))


def context_key(context: dict[str, object]) -> str:
    """Return the one text for a context, whatever the order of its keys."""
    return msgspec.json.encode(context, order="deterministic").decode()


def _summaries_of(session: Session, series: int) -> Floats:
    """Return the summaries of a series' slots, a column each, in the order of their writers."""
    rows = session.db.execute(
        "SELECT data FROM slot JOIN summary ON summary.slot = slot.id"
        " JOIN segment ON segment.id = segment WHERE series = ? ORDER BY writer, number",
        (series,),
    ).fetchall()
    return np.stack([np.frombuffer(data) for (data,) in rows], axis=1)
