"""Values of runs, by sequence and step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from foldline.errors import QueryError
from foldline.events import Value

from .answers import Number, number
from .contents import (
    EntryRow,
    SequenceRow,
    StepsPage,
    StepsRequest,
    ValueRow,
    ValuesPage,
    ValuesRequest,
)
from .placemark import read_placemark, write_placemark
from .series import context_key
from .tracked import decode_entry

__all__ = ["Kept", "kept", "runs_entries", "steps_page", "values_page"]

# Bytes of values that stand in the event itself, of one answer: what is larger is a blob.
PAGE_BYTES_MAX = 8 << 20

FORWARD = """
    SELECT step, time, writer, seq, data FROM entry
    WHERE sequence = ? AND shown = 1 AND step BETWEEN ? AND ?
    AND (step, time, writer, seq) > (?, ?, ?, ?)
    ORDER BY step, time, writer, seq LIMIT ?
"""
BACKWARD = """
    SELECT step, time, writer, seq, data FROM entry
    WHERE sequence = ? AND shown = 1 AND step BETWEEN ? AND ?
    AND (step, time, writer, seq) < (?, ?, ?, ?)
    ORDER BY step DESC, time DESC, writer DESC, seq DESC LIMIT ?
"""
HAVING = "SELECT uid FROM run WHERE EXISTS (SELECT 1 FROM sequence WHERE run = run.id)"
INFINITY = float("inf")
FIRST = (-INFINITY, -INFINITY, "", -1)  # before every entry
LAST = (INFINITY, INFINITY, "\U0010ffff", 0)  # behind every one

_Key = tuple[str, str, str]
"""Kind, name and context of a sequence: what a run's are ordered by."""
_Place = tuple[float, float, str, int]
"""Step, time, writer and seq of an entry."""


class Kept(NamedTuple):
    """A sequence of a run."""

    id: int
    kind: str
    name: str
    context: str  # as JSON, in one order of its keys

    @property
    def key(self) -> _Key:
        """What a run's sequences are ordered by."""
        return (self.kind, self.name, self.context)


class _Mark(msgspec.Struct, frozen=True, array_like=True):
    """The last entry of a page, and how many of its sequence were given so far."""

    run: str
    sequence: _Key
    entry: _Place
    given: int


def kept(db: sqlite3.Connection, run: str, asked: ValuesRequest) -> list[Kept]:
    """Return the sequences of a run that are asked for, in their order."""
    context = None if asked.context is None else context_key(asked.context)
    rows = db.execute(
        "SELECT sequence.id, kind, name, context FROM sequence JOIN run ON run.id = run"
        " WHERE uid = :run AND kind = coalesce(:kind, kind) AND name = coalesce(:name, name)"
        " AND context = coalesce(:context, context) ORDER BY kind, name, context",
        {"run": run, "kind": asked.kind, "name": asked.name, "context": context},
    )
    return [Kept(*row) for row in rows]


def values_page(
    db: sqlite3.Connection, run: str, asked: ValuesRequest, watermark: int = 0
) -> ValuesPage:
    """Return entries of a run, by kind, name, context and step. Raises QueryError."""
    entries, cursor = runs_entries(db, [run], asked)
    sequences = [row for one in kept(db, run, asked) if (row := _sequence(db, one)) is not None]
    return ValuesPage(entries, sequences, cursor, watermark)


def runs_entries(
    db: sqlite3.Connection, runs: Sequence[str], asked: ValuesRequest
) -> tuple[list[EntryRow], str | None]:
    """Return entries of runs, those of one after those of another, and how to go on."""
    mark = None if asked.cursor is None else read_placemark(asked.cursor, _Mark)
    if mark is not None and mark.run not in runs:
        hint = "ask for the first page again"
        raise QueryError("the cursor belongs to another question", at=(0, 0), hint=hint)
    found: list[EntryRow] = []
    size = 0
    last: _Mark | None = None
    for row, mark_ in _entries(db, runs, asked, mark):
        if len(found) == asked.limit or size > PAGE_BYTES_MAX:
            return found, _written(last)
        found.append(row)
        size += sum(len(value.inline) + len(value.text or "") for value in row.values)
        last = mark_
    return found, None


def steps_page(
    db: sqlite3.Connection, run: str, asked: StepsRequest, watermark: int = 0
) -> StepsPage:
    """Return the steps of a sequence of a run; one that it does not have has none."""
    chosen = ValuesRequest(asked.kind, asked.name, asked.context)
    (one,) = kept(db, run, chosen) or [Kept(-1, "", "", "")]
    low = -INFINITY if asked.from_step is None else asked.from_step
    rows = db.execute(
        "SELECT DISTINCT step FROM entry WHERE sequence = ? AND shown = 1 AND step >= ?"
        " ORDER BY step LIMIT ?",
        (one.id, low, asked.limit),
    )
    steps = [number(step) for (step,) in rows]
    ((total,),) = db.execute(
        "SELECT count(DISTINCT step) FROM entry WHERE sequence = ? AND shown = 1", (one.id,)
    )
    return StepsPage(steps, total, watermark)


def _entries(
    db: sqlite3.Connection, runs: Sequence[str], asked: ValuesRequest, mark: _Mark | None
) -> Iterator[tuple[EntryRow, _Mark]]:
    """Yield the entries behind a mark, each with its own."""
    statement = BACKWARD if asked.newest else FORWARD
    low = -INFINITY if asked.from_step is None else asked.from_step
    high = INFINITY if asked.to_step is None else asked.to_step
    every = asked.limit + 1 if asked.each is None else asked.each
    begun = mark is None
    having = {run for (run,) in db.execute(HAVING)} if len(runs) > 1 else set(runs)
    for run in runs:
        if run not in having:
            continue
        if not begun and mark is not None and run != mark.run:
            continue
        for one in kept(db, run, asked):
            place, given = (LAST if asked.newest else FIRST), 0
            if not begun and mark is not None:
                if one.key < mark.sequence:
                    continue
                if one.key == mark.sequence:
                    place, given = mark.entry, mark.given
            left = every - given if asked.each is not None else every
            for step, time, writer, seq, data in db.execute(
                statement, (one.id, low, high, *place, max(0, left))
            ):
                given += 1
                entry_mark = _Mark(run, one.key, (step, time, writer, seq), given)
                yield _entry(run, one, data), entry_mark
        begun = True


def _written(mark: _Mark | None) -> str | None:
    return None if mark is None else write_placemark(msgspec.structs.astuple(mark))


def _entry(run: str, sequence: Kept, data: bytes) -> EntryRow:
    entry = decode_entry(data)
    return EntryRow(
        run=run,
        kind=sequence.kind,
        name=sequence.name,
        context=msgspec.json.decode(sequence.context),
        step=number(entry.step),
        epoch=None if entry.epoch is None else number(entry.epoch),
        time=entry.time,
        values=[_value(value) for value in entry.values],
    )


def _value(value: Value) -> ValueRow:
    row = ValueRow(value.media_type, value.size, value.blob, value.inline, None, value.attributes)
    if not value.blob and value.media_type.startswith("text/"):
        row.text, row.inline = value.inline.decode("utf-8", "replace"), b""
    return row


def _sequence(db: sqlite3.Connection, one: Kept) -> SequenceRow | None:
    """Return what there is of a sequence, or None if a rewind hides all of it."""
    (row,) = db.execute(
        "SELECT count(*), min(step), max(step) FROM entry WHERE sequence = ? AND shown = 1",
        (one.id,),
    )
    count, first, last = row
    if not count:
        return None
    context: dict[str, Any] = msgspec.json.decode(one.context)
    steps: list[Number] = [number(first), number(last)]
    return SequenceRow(one.kind, one.name, context, count, *steps)
