"""The series view: summaries, levels, newest points.

Each writer's part of a series is a slot of its own, fed by one segment in one order; slots are
merged when they are read. So writers may interleave in any way and the view stays the same.

The newest points of a slot wait in its open chunk until CHUNK of them are there; then they are
absorbed into its level (see `buckets`), and the overview is made from it. The first chunk of a slot
is shorter, by its number: series that move together would all be absorbed in one commit otherwise,
and a few neighbours are, because their rows lie side by side.
When its segment is finished the rest is absorbed, however little it is. `newest` says how what
waits is stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from foldline.events import SeriesDefined
from foldline.layout import SegmentName
from foldline.series import is_system
from foldline_ingest.announce import ANNOUNCED_SERIES_MAX
from foldline_ingest.batch import Batch, Points, facts
from foldline_ingest.view import SeriesDelta

from . import buckets, newest, overview, summaries
from .absorption import Levels
from .rewinds import Rewind, Rewinds, pass_by, rewinds_of
from .session import Session
from .slots import Slot, Slots, first_chunk, rank

__all__ = ["SeriesView", "context_key"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Series numbers in one segment; the SDK counts up from 1. A larger number is damage.
SERIES_PER_SEGMENT_MAX = 1 << 20
# Slots held in memory: 3.2 KB each, so 100 MiB. When there are more, all are forgotten and those
# still in use are read again.
POOL_SLOTS_MAX = 32_768

# What is announced of a summary.
NEWEST = [summaries.COUNT, summaries.LAST_STEP, summaries.LAST, summaries.LAST_TIME]


class _Folded(NamedTuple):
    """New points by slot: those of one after those of another, in order of arrival."""

    touched: Ints  # places in the pools
    counts: Ints
    starts: Ints
    points: Floats  # three rows: step, value, time


_Part = tuple[Ints, Points]  # where in the pools each point belongs
NONE = np.empty(0, dtype=np.int64)
NOTHING = _Folded(NONE, NONE, NONE, np.empty((3, 0)))


class SeriesView:
    """Folds points into summaries, levels and overviews."""

    name = "series"
    version = 8
    schema = (
        newest.SCHEMA
        + overview.SCHEMA
        + """
        CREATE TABLE series (
            id INTEGER PRIMARY KEY, run INTEGER NOT NULL, name TEXT NOT NULL,
            context TEXT NOT NULL, shared INTEGER NOT NULL DEFAULT 0,
            UNIQUE (run, name, context));
        CREATE INDEX series_shared ON series (id) WHERE shared;
        CREATE TABLE slot (
            id INTEGER PRIMARY KEY, series INTEGER NOT NULL, segment INTEGER NOT NULL,
            number INTEGER NOT NULL, UNIQUE (segment, number));
        CREATE INDEX slot_series ON slot (series);
        CREATE TABLE rewind (
            run INTEGER NOT NULL, writer TEXT NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL,
            step REAL NOT NULL, PRIMARY KEY (run, writer, seq)) WITHOUT ROWID;
        CREATE TABLE level (
            slot INTEGER PRIMARY KEY, width INTEGER NOT NULL, count INTEGER NOT NULL,
            step BLOB, value BLOB, time BLOB);
    """
    )

    def __init__(self) -> None:
        self.touched: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # places in the pools
        self.forget()

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Fold the batches and write what changed, in the session's transaction."""
        if len(self._slots) > POOL_SLOTS_MAX:
            self.forget()
        if not len(self._slots):
            # Slots are read from their own rows, one segment at a time: cheaper than from commits.
            newest.spread_all(session.db, session.revision - 1)
        passed = self._rewind(session, batches)
        parts = []
        for batch in batches:  # in their order: a later one may use what an earlier one defines
            if len(batch.points):
                parts.append(self._places(session, batch, passed))
            elif any(head.type == SeriesDefined.TYPE for head in batch.events):
                self._define_segment(session, batch)
            pass_by(passed, batch)
        finished = [session.segments[batch.segment] for batch in batches if batch.finished]
        tables = [NONE, *(self._table(session, segment) for segment in finished)]
        ending = np.concatenate(tables)
        ending = ending[ending >= 0]
        new = self._fold(session, parts, ending) if parts else NOTHING
        closed = self._close(session, ending)
        self._save(session, new, closed)
        for segment in finished:
            self._tables.pop(segment, None)
        session.told.series += self._deltas(session)
        session.told.truncated |= len(self.touched) > len(session.told.series)

    def _deltas(self, session: Session) -> list[SeriesDelta]:
        """Return the newest point of each series that changed, up to a bound."""
        found = []
        places = self.touched[:ANNOUNCED_SERIES_MAX]
        figures = self._slots.summary[NEWEST][:, places].T.tolist()
        for place, newest_of in zip(places.tolist(), figures, strict=True):
            slot = self._slots.known[place]
            if slot.series in self._shared:
                merged = summaries.merge(_summaries_of(session, slot.series))
                newest_of = merged[NEWEST, 0].tolist()  # noqa: PLW2901  # those of all writers
            count, step, value, time = newest_of
            if count:  # else a rewind has hidden all of it
                found.append(
                    SeriesDelta(
                        slot.series,
                        slot.run,
                        slot.name,
                        slot.context,
                        int(count),
                        step,
                        value,
                        time,
                    )
                )
        return found

    # -- what is in memory: pools with one column a slot, and where each segment's slots are

    def forget(self) -> None:
        """Drop what is in memory: all of it can be read again, as of the last commit."""
        self._slots = Slots()
        self._shared: set[int] = set()  # series that several of the slots belong to
        self._tables: dict[int, Ints] = {}  # segment -> series number -> place
        self._levels = Levels()
        self._rewinds: dict[int, Rewinds] | None = None  # by run; None: not read yet
        self._refolded: Ints = np.empty(0, dtype=np.int64)  # by this commit, since it rewinds

    def _table(self, session: Session, segment: int) -> NDArray[np.int64]:
        """Return where a segment's series numbers are in the pools, -1 for unknown ones."""
        if segment in self._tables:
            return self._tables[segment]
        rows = session.db.execute(
            "SELECT number, slot.id, series, run.uid, name, context, shared, writer"
            " FROM slot JOIN series ON series.id = series JOIN run ON run.id = series.run"
            " JOIN segment ON segment.id = segment WHERE segment = ? ORDER BY slot.id",
            (segment,),
        ).fetchall()
        table = np.full(max((row[0] for row in rows), default=0) + 1, -1, dtype=np.int64)
        slots = [
            Slot(
                slot,
                number,
                series,
                run,
                name,
                msgspec.json.decode(context),
                first_chunk(writer, number),
            )
            for number, slot, series, run, name, context, _, writer in rows
        ]
        self._shared.update(row[2] for row in rows if row[6])
        self._tables[segment] = table
        if rows:
            table[[row[0] for row in rows]] = self._slots.load(session.db, slots)
        return table

    # -- definitions

    def _define_segment(self, session: Session, batch: Batch) -> NDArray[np.int64]:
        """Give a slot to each series number that the batch defines or uses."""
        segment = session.segments[batch.segment]
        table = self._table(session, segment)
        numbers = batch.points.series
        if not any(head.type == SeriesDefined.TYPE for head in batch.events) and (
            not len(numbers) or (int(numbers.max()) < len(table) and (table[numbers] >= 0).all())
        ):
            return table
        wanted = {
            fact.event.series: (fact.event.name, context_key(fact.event.context))
            for fact in facts(batch, SeriesDefined)
            if isinstance(fact.event, SeriesDefined)
            and 0 < fact.event.series < SERIES_PER_SEGMENT_MAX
        }
        used = np.unique(numbers)
        used = used[(used > 0) & (used < SERIES_PER_SEGMENT_MAX)]
        unknown = used[table[used] < 0] if len(used) and used[-1] < len(table) else used
        for number in unknown.tolist():
            # The definition was damaged: its points are kept under a name that says so.
            wanted.setdefault(number, (f"series {number} (its definition is damaged)", "{}"))
        new = [n for n in sorted(wanted) if n >= len(table) or table[n] < 0]
        if not new:
            return table
        if new[-1] >= len(table):
            ample = min(2 * len(table), SERIES_PER_SEGMENT_MAX)
            grown = np.full(max(new[-1] + 1, ample), -1, dtype=np.int64)
            grown[: len(table)] = table
            self._tables[segment] = table = grown
        slots = self._insert(session, batch.segment, [(n, *wanted[n]) for n in new])
        table[new] = self._slots.add(slots)
        return table

    def _insert(
        self, session: Session, of: SegmentName, new: list[tuple[int, str, str]]
    ) -> list[Slot]:
        """Write the rows of slots, each a number, a name and a context, and of their series."""
        db, run, segment = session.db, session.runs[of.run], session.segments[of]
        (last,) = db.execute("SELECT coalesce(max(id), 0) FROM slot").fetchone()
        slots, made, shared = [], [], []
        (next_series,) = db.execute("SELECT coalesce(max(id), 0) + 1 FROM series").fetchone()
        ids: dict[tuple[str, str], int] = {}
        for number, name, context in new:
            known = ids.get((name, context)) or _series_id(db, run, name, context)
            if known is None:
                known = next_series
                next_series += 1
                made.append((known, run, name, context))
            else:
                shared.append((known,))
            ids[name, context] = known
            last += 1
            decoded = msgspec.json.decode(context)
            first = first_chunk(of.writer, number)
            slots.append(Slot(last, number, known, of.run, name, decoded, first))
        db.executemany("INSERT INTO series (id, run, name, context) VALUES (?, ?, ?, ?)", made)
        db.executemany("UPDATE series SET shared = 1 WHERE id = ?", shared)
        self._shared.update(series for (series,) in shared)
        db.executemany(
            "INSERT INTO slot (id, series, segment, number) VALUES (?, ?, ?, ?)",
            [(slot.id, slot.series, segment, slot.number) for slot in slots],
        )
        return slots

    # -- points

    def _places(self, session: Session, batch: Batch, passed: dict[SegmentName, int]) -> _Part:
        """Return where in the pools each point of a batch belongs, without those that nowhere."""
        table = self._define_segment(session, batch)
        points = batch.points
        number = points.series
        # A step that is no number has no place on an axis; the SDK does not log such.
        keep = (number > 0) & (number < len(table)) & np.isfinite(points.step)
        rewinds = self._rewinds_of(session, session.runs[batch.segment.run])
        if rewinds:
            keep &= ~self._hidden(rewinds, batch, table, passed)
        if not keep.all():
            points = points.where(keep)
        return table[points.series], points

    def _fold(self, session: Session, parts: list[_Part], ending: Ints) -> _Folded:
        """Fold points into their slots; all of those of `ending` slots are absorbed."""
        slots = self._slots
        place = np.concatenate([places for places, _ in parts])
        step = np.concatenate([points.step for _, points in parts])
        value = np.concatenate([points.value for _, points in parts])
        time = np.concatenate([points.time for _, points in parts])
        counts = np.bincount(place, minlength=len(slots))
        touched = np.flatnonzero(counts)
        if not len(touched):
            return NOTHING
        # Sorting 16-bit numbers is a radix sort: several times as fast.
        small = place.astype(np.uint16) if len(slots) < 1 << 16 else place
        order = np.argsort(small, kind="stable")
        points = np.stack((step[order], value[order], time[order]))
        counts = counts[touched]
        starts = np.cumsum(counts) - counts
        slots.summary[:, touched] = summaries.fold(slots.summary[:, touched], starts, *points)
        ends = np.isin(touched, ending)
        full = ends | (slots.waiting[touched] + counts >= slots.due[touched])
        self._wait(touched, counts, starts, points, ~full)
        whole = points if full.all() else points[:, np.repeat(full, counts)]
        self._absorb(session, touched[full], whole, counts[full], ends[full])
        return _Folded(touched, counts, starts, points)

    def _wait(
        self, touched: Ints, counts: Ints, starts: Ints, points: Floats, which: NDArray[np.bool_]
    ) -> None:
        """Put the points of slots whose chunk stays open into it."""
        mine = np.repeat(which, counts)
        place = np.repeat(touched, counts)[mine]
        within = (np.arange(points.shape[1]) - np.repeat(starts, counts))[mine]
        self._slots.chunk[:, self._slots.waiting[place] + within, place] = points[:, mine]
        self._slots.waiting[touched[which]] += counts[which]

    def _absorb(
        self,
        session: Session,
        places: Ints,
        points: Floats,
        counts: Ints,
        ends: NDArray[np.bool_],
    ) -> None:
        """Add what waits in slots and their new points to their levels, all whole chunks of it.

        What is left of them opens the next chunk, but where a slot ends.
        """
        if not len(places):
            return
        slots = self._slots
        due, waiting = slots.due[places], slots.waiting[places]
        total = waiting + counts
        absorbed = due + (total - due) // buckets.CHUNK * buckets.CHUNK
        absorbed[ends] = total[ends]
        upto = np.cumsum(counts).tolist()
        whole = []
        for at, place in enumerate(places.tolist()):
            new = points[:, upto[at] - counts[at] : upto[at]]
            if waiting[at]:
                new = np.concatenate((slots.chunk[:, : waiting[at], place], new), axis=1)
            whole.append(new[:, : absorbed[at]])
            slots.chunk[:, : total[at] - absorbed[at], place] = new[:, absorbed[at] :]
        slots.waiting[places] = total - absorbed
        slots.due[places] = buckets.CHUNK
        self._levels.absorb(session.db, slots.ids(places).tolist(), whole, due.tolist())

    def _close(self, session: Session, ending: Ints) -> Ints:
        """Absorb what waits in slots after which nothing comes, and return those that had some."""
        slots = self._slots
        places = ending[slots.waiting[ending] > 0]
        none = np.zeros(len(places), dtype=np.int64)
        self._absorb(session, places, np.empty((3, 0)), none, np.ones(len(places), dtype=bool))
        return places

    def _save(self, session: Session, new: _Folded, closed: Ints) -> None:
        """Write the summaries, and of the new points those that wait now."""
        slots, again = self._slots, self._refolded
        # What was folded anew is written whole: what earlier commits wrote of it is void.
        plain = ~np.isin(new.touched, again) if len(again) else slice(None)
        touched, counts = new.touched[plain], new.counts[plain]
        # Of a slot that absorbed, only what is left after its last whole chunk.
        kept = np.minimum(counts, slots.waiting[touched])
        first = new.starts[plain] + counts - kept
        points = new.points[:, np.repeat(first, kept) + rank(kept)]
        self.touched = touched
        if len(again):
            waiting = slots.waiting[again]
            whole = slots.chunk[:, rank(waiting), np.repeat(again, waiting)]
            self.touched = np.concatenate((touched, again))
            kept, points = np.concatenate((kept, waiting)), np.concatenate((points, whole), axis=1)
        still = np.setdiff1d(closed, self.touched)  # nothing new came, and nothing waits any more
        places, kept = np.concatenate((self.touched, still)), np.append(kept, 0 * still)
        if not len(places):
            return
        recent = newest.Recent(
            slots.ids(places), slots.summary[:, places], slots.waiting[places], kept, points
        )
        newest.save(session.db, session.revision, recent)
        slots.moved(places)
        if newest.is_due(session.db, session.revision):
            slots.spread(session.db, session.revision)

    # -- rewinds

    def _rewinds_of(self, session: Session, run: int) -> Rewinds | None:
        """Return the rewinds of a run that were committed or are in this commit."""
        if self._rewinds is None:
            self._rewinds = {}
            for of, *rewind in session.db.execute(
                "SELECT run, writer, seq, time, step FROM rewind ORDER BY run, writer, seq"
            ):
                self._rewinds.setdefault(of, Rewinds()).add(Rewind(*rewind))
        return self._rewinds.get(run)

    def _rewind(self, session: Session, batches: Sequence[Batch]) -> dict[SegmentName, int]:
        """Take over the rewinds of this commit, and fold anew what they hide of earlier ones.

        Returns the last rewind of each segment that was committed before.
        """
        self._refolded = self._refolded[:0]
        passed: dict[SegmentName, int] = {}
        lowest: dict[str, float] = {}
        for batch in batches:
            run = session.runs[batch.segment.run]
            rewinds = self._rewinds_of(session, run)
            if rewinds:
                passed.setdefault(batch.segment, rewinds.last_seq(batch.segment.writer))
            if not batch.rewinds:
                continue
            for rewind in rewinds_of(batch):
                passed.setdefault(batch.segment, -1)
                assert self._rewinds is not None  # read above
                self._rewinds.setdefault(run, Rewinds()).add(rewind)
                session.db.execute("INSERT INTO rewind VALUES (?, ?, ?, ?, ?)", (run, *rewind))
                lowest[batch.segment.run] = min(
                    rewind.step, lowest.get(batch.segment.run, rewind.step)
                )
        for uid, step in lowest.items():
            self._fold_anew(session, uid, step)
        return passed

    def _fold_anew(self, session: Session, uid: str, step: float) -> None:
        """Fold those slots of a run again that have points after a step."""
        run = session.runs[uid]
        rewinds = self._rewinds_of(session, run)
        assert rewinds is not None  # that is why
        segments = session.db.execute(
            "SELECT id, writer, offset, finished FROM segment WHERE run = ? ORDER BY writer",
            (run,),
        ).fetchall()
        for segment, writer, offset, finished in segments:
            whole = self._table(session, segment)
            if segment not in session.segments.values():
                self._tables.pop(segment)  # most are finished: nothing will ask for it again
            slots = [self._slots.known[place] for place in whole.tolist() if place >= 0]
            places = whole[whole >= 0]
            late = self._slots.summary[summaries.LAST_STEP, places] > step
            late &= ~np.array([is_system(slot.name) for slot in slots], dtype=bool)
            if not late.any():
                continue
            self._empty(session, places[late])
            table = np.where(np.isin(whole, places[late]), whole, -1)
            passed: dict[SegmentName, int] = {}
            for batch in session.replay(SegmentName(uid, writer), offset):
                hidden = self._hidden(rewinds, batch, whole, passed)
                pass_by(passed, batch)
                number = batch.points.series
                keep = (number < len(table)) & np.isfinite(batch.points.step) & ~hidden
                points = batch.points.where(keep)
                points = points.where(table[points.series] >= 0)
                self._fold(session, [(table[points.series], points)], NONE)
            if finished:
                self._close(session, places[late])

    def _empty(self, session: Session, places: Ints) -> None:
        """Take back everything that was folded into these slots."""
        self._slots.empty(places)
        self._refolded = np.concatenate((self._refolded, places))
        self._levels.remove(session.db, self._slots.ids(places).tolist())

    def _hidden(
        self, rewinds: Rewinds, batch: Batch, table: Ints, passed: dict[SegmentName, int]
    ) -> NDArray[np.bool_]:
        """Return which points of a batch are hidden, those of the machine never."""
        hidden = rewinds.hide(batch, passed)
        numbers = np.unique(batch.points.series[hidden])
        system = [
            number
            for number in numbers[numbers < len(table)].tolist()
            if table[number] >= 0 and is_system(self._slots.known[table[number]].name)
        ]
        return hidden & ~np.isin(batch.points.series, system) if system else hidden


def _series_id(db: sqlite3.Connection, run: int, name: str, context: str) -> int | None:
    row = db.execute(
        "SELECT id FROM series WHERE run = ? AND name = ? AND context = ?", (run, name, context)
    ).fetchone()
    return row[0] if row else None


def context_key(context: dict[str, object]) -> str:
    """Return the one text for a context, whatever the order of its keys."""
    return msgspec.json.encode(context, order="deterministic").decode()


def _summaries_of(session: Session, series: int) -> Floats:
    """Return the summaries of a series' slots, a column each, in the order of their writers."""
    rows = session.db.execute(
        "SELECT slot.id FROM slot JOIN segment ON segment.id = segment WHERE series = ?"
        " ORDER BY writer, number",
        (series,),
    )
    return newest.summaries_of(session.db, [slot for (slot,) in rows])
