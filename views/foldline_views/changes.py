"""What commits changed since a revision, read in one transaction."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import newest, summaries
from .runs import RunState

__all__ = ["Changes", "Known", "read_changes"]

_run_state = msgspec.msgpack.Decoder(RunState)


class Known(NamedTuple):
    """How much a reader has already."""

    revision: int = 0
    runs: int = 0
    series: int = 0
    slots: int = 0

    def after(self, changes: Changes) -> Known:
        """Return how much is known once the changes were taken over."""
        return Known(
            changes.revision,
            self.runs + len(changes.new_runs),
            self.series + len(changes.new_series),
            changes.slots_known,
        )


class Changes(NamedTuple):
    """Rows that are new or different."""

    revision: int
    watermark: int
    new_runs: list[str]  # ids, in row order
    run_states: list[tuple[int, RunState]]  # (row id, state)
    new_series: list[tuple[int, str, str]]  # (run row id, name, context), in row order
    slots: list[tuple[int, list[int]]]  # (series row id, all its slots in order of their writers)
    slots_known: int
    series: NDArray[np.int64]  # row ids of the series whose summaries follow
    summaries: NDArray[np.float64]  # a column for each


def read_changes(db: sqlite3.Connection, known: Known) -> Changes | None:
    """Return what has changed, or None if nothing has."""
    db.execute("BEGIN")
    try:
        meta = dict(
            db.execute("SELECT key, value FROM meta WHERE key IN ('revision', 'watermark')")
        )
        if meta["revision"] == known.revision:
            return None
        new_runs = db.execute("SELECT uid FROM run WHERE id > ? ORDER BY id", (known.runs,))
        run_states = db.execute(
            "SELECT run, data FROM run_state WHERE revision > ?", (known.revision,)
        )
        new_series = db.execute(
            "SELECT run, name, context FROM series WHERE id > ? ORDER BY id", (known.series,)
        )
        ids, columns = _changed_summaries(db, known)
        last_slot = db.execute("SELECT coalesce(max(id), 0) FROM slot").fetchone()[0]
        return Changes(
            meta["revision"],
            meta["watermark"],
            [uid for (uid,) in new_runs],
            [(run, _run_state.decode(data)) for run, data in run_states],
            list(new_series),
            _slots(db, known),
            last_slot,
            ids,
            columns,
        )
    finally:
        db.execute("COMMIT")


def _slots(db: sqlite3.Connection, known: Known) -> list[tuple[int, list[int]]]:
    found: dict[int, list[int]] = {}
    rows = db.execute(
        "SELECT series, slot.id FROM slot JOIN segment ON segment.id = segment"
        " WHERE series IN (SELECT series FROM slot WHERE id > ?) ORDER BY series, writer, number",
        (known.slots,),
    )
    for series, slot in rows:
        found.setdefault(series, []).append(slot)
    return list(found.items())


def _changed_summaries(
    db: sqlite3.Connection, known: Known
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the changed series and their summaries, those of several slots merged."""
    slots, columns = newest.changed(db, known.revision)
    (json,) = db.execute(
        "SELECT json_group_array(series) FROM"
        " (SELECT series FROM json_each(?) JOIN slot ON slot.id = value ORDER BY value)",
        (msgspec.json.encode(slots.tolist()).decode(),),
    ).fetchone()
    series = np.array(msgspec.json.decode(json), dtype=np.int64)
    shared = db.execute(
        "SELECT series, json_group_array(id) FROM"
        " (SELECT series, slot.id FROM slot JOIN segment ON segment.id = segment"
        "   WHERE series IN (SELECT id FROM series WHERE shared)"
        "   ORDER BY series, writer, number) GROUP BY series"
    ).fetchall()
    for one, ids in shared:
        touched = series == one
        if touched.any():
            parts = newest.summaries_of(db, msgspec.json.decode(ids))
            columns[:, touched] = summaries.merge(parts)
    return series, columns
