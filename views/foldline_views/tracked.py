"""The values view: what was tracked beside numbers.

An entry is what one call tracked at one step of a sequence. Entries of a sequence are ordered by
(step, time, writer, seq). What a writer logged as it was killed, who finishes its spool says once
more: that counts once. What a rewind hides stays, and is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from foldline.events import StepsRewound, Value, ValuesTracked
from foldline_ingest.batch import Batch, Fact, facts

from .series import context_key
from .session import Session

__all__ = ["Entry", "Told", "TrackedView", "counted", "decode_entry", "encode_entry", "is_placed"]


class Entry(NamedTuple):
    """What was tracked at one step of a sequence, by one call."""

    step: float
    epoch: float | None
    time: float  # unix seconds
    values: list[Value]


class Told(NamedTuple):
    """An entry as somebody logged it; `data` is the same for entries that are the same."""

    writer: str
    seq: int
    data: bytes


# In one order of keys, so that what is said again is the same bytes.
encode_entry = msgspec.msgpack.Encoder(order="deterministic").encode
decode_entry = msgspec.msgpack.Decoder(Entry).decode

_Place = tuple[int, float, float]
"""A sequence, and the step and the time of entries that may be one told twice."""


class TrackedView:
    """Folds values into rows by sequence and step; `authors` come before it."""

    name = "tracked"
    version = 1
    schema = """
        CREATE TABLE sequence (
            id INTEGER PRIMARY KEY, run INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
            context TEXT NOT NULL, UNIQUE (run, kind, name, context));
        CREATE TABLE entry (
            id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, step REAL NOT NULL,
            time REAL NOT NULL, writer TEXT NOT NULL, seq INTEGER NOT NULL,
            training INTEGER NOT NULL, shown INTEGER NOT NULL, data BLOB NOT NULL);
        CREATE INDEX entry_place ON entry (sequence, shown, step, time, writer, seq);
        CREATE TABLE entry_rewind (
            run INTEGER NOT NULL, time REAL NOT NULL, step REAL NOT NULL,
            PRIMARY KEY (run, time, step)) WITHOUT ROWID;
    """

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Write the batches' entries, and which of those that are there are shown."""
        places: dict[_Place, int] = {}  # and the run
        for batch in batches:
            run = session.runs[batch.segment.run]
            for fact in facts(batch, ValuesTracked, StepsRewound):
                event = fact.event
                if isinstance(event, StepsRewound):
                    _rewind(session, run, fact.time, event.step)
                    session.told.runs[batch.segment.run] = None
                elif isinstance(event, ValuesTracked) and is_placed(event):
                    places[_keep(session, batch, fact, event)] = run
                    session.told.runs[batch.segment.run] = None
        for place, run in places.items():
            _show(session, place, run)

    def forget(self) -> None:
        """Drop what is in memory: there is nothing."""


def is_placed(event: ValuesTracked) -> bool:
    """Say whether an event says where its values belong."""
    return not (math.isnan(event.step) or math.isnan(event.time))


def counted(told: Iterable[Told], training: Iterable[bool]) -> list[bool]:
    """Return which of some entries count, by who told them.

    `training` says whose they are: what others tell is left out where it was told before.
    """
    rows = list(zip(told, training, strict=True))
    first: dict[bytes, tuple[bool, str, int]] = {}  # the one that counts where only one does
    for one, own in rows:
        rank = (not own, one.writer, one.seq)
        first[one.data] = min(rank, first.get(one.data, rank))
    return [own or first[one.data] == (True, one.writer, one.seq) for one, own in rows]


def _keep(session: Session, batch: Batch, fact: Fact, event: ValuesTracked) -> _Place:
    """Write an entry, not shown yet."""
    db = session.db
    key = (session.runs[batch.segment.run], event.kind, event.name, context_key(event.context))
    db.execute("INSERT OR IGNORE INTO sequence (run, kind, name, context) VALUES (?, ?, ?, ?)", key)
    ((sequence,),) = db.execute(
        "SELECT id FROM sequence WHERE run = ? AND kind = ? AND name = ? AND context = ?", key
    )
    place = (sequence, float(event.step), event.time)
    db.execute(
        "INSERT INTO entry (sequence, step, time, writer, seq, training, shown, data)"
        " SELECT ?, ?, ?, ?, ?,"
        " EXISTS (SELECT 1 FROM author WHERE segment = ? AND role = ''), 0, ?",
        (
            *place,
            fact.writer,
            fact.seq,
            session.segments[batch.segment],
            encode_entry((event.step, event.epoch, event.time, event.values)),
        ),
    )
    return place


def _rewind(session: Session, run: int, time: float, step: float) -> None:
    """Hide what was tracked before `time` at larger steps, also where it is folded later."""
    if math.isnan(time) or math.isnan(step):
        return
    session.db.execute(
        "INSERT OR IGNORE INTO entry_rewind VALUES (?, ?, ?)", (run, time, float(step))
    )
    session.db.execute(
        "UPDATE entry SET shown = 0 WHERE sequence IN (SELECT id FROM sequence WHERE run = ?)"
        " AND shown AND step > ? AND time < ?",
        (run, float(step), time),
    )


def _show(session: Session, place: _Place, run: int) -> None:
    """Decide which of the entries of one step and time are shown."""
    db = session.db
    ((hidden,),) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM entry_rewind WHERE run = ? AND step < ? AND time > ?)",
        (run, place[1], place[2]),
    )
    rows = db.execute(
        "SELECT id, training, writer, seq FROM entry"
        " WHERE sequence = ? AND shown IN (0, 1) AND step = ? AND time = ?",
        place,
    ).fetchall()
    counts = [True]
    if len(rows) > 1:
        told = [
            Told(writer, seq, *db.execute("SELECT data FROM entry WHERE id = ?", (row,)).fetchone())
            for row, _, writer, seq in rows
        ]
        counts = counted(told, [bool(own) for _, own, _, _ in rows])
    db.executemany(
        "UPDATE entry SET shown = ? WHERE id = ?",
        [(not hidden and count, row[0]) for count, row in zip(counts, rows, strict=True)],
    )
