"""What commits changed since a revision, read in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import newest, summaries

__all__ = ["Changes", "Known", "NewSeries", "read_changes"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Row ids asked for one by one, beyond which all rows are read: a scan costs as much as so many
# look-ups in a table of any size that matters.
LOOKED_UP_MAX = 20_000


class Known(NamedTuple):
    """How much a reader has already."""

    revision: int = 0
    runs: int = 0
    series: int = 0
    slots: int = 0


class NewSeries(NamedTuple):
    """Series in row order: each one's run row id, and which of the names and contexts it has."""

    runs: Ints
    codes: Ints  # places in `kinds`
    kinds: list[tuple[str, str]]  # each name and context, as JSON, once

    @classmethod
    def of(cls, rows: Iterable[tuple[int, str, str]]) -> Self:
        """Return series by their runs' row ids, names and contexts."""
        runs: list[int] = []
        codes: list[int] = []
        known: dict[tuple[str, str], int] = {}
        for run, name, context in rows:
            runs.append(run)
            codes.append(known.setdefault((name, context), len(known)))
        return cls(np.array(runs, np.int64), np.array(codes, np.int64), list(known))


class Changes(NamedTuple):
    """Rows that are new or different."""

    revision: int
    watermark: int
    new_runs: list[str]  # ids, in row order
    run_states: list[tuple[int, bytes]]  # (row id, the state as `runs.encode_state` makes it)
    new_series: NewSeries
    slots: Ints  # series and slot row ids in two rows: all slots of a series in order of writers
    slots_known: int
    series: Ints  # row ids of the series whose summaries follow
    summaries: Floats  # a column for each
    epoch: int = 0  # of the lease under which the last commit was made


def read_changes(db: sqlite3.Connection, known: Known) -> Changes | None:
    """Return what has changed, or None if nothing has."""
    db.execute("BEGIN")
    try:
        meta = dict(
            db.execute(
                "SELECT key, value FROM meta WHERE key IN ('epoch', 'revision', 'watermark')"
            )
        )
        if meta["revision"] == known.revision:
            return None
        new_runs = db.execute("SELECT uid FROM run WHERE id > ? ORDER BY id", (known.runs,))
        run_states = db.execute(
            "SELECT run, data FROM run_state WHERE revision > ? ORDER BY run", (known.revision,)
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
            run_states.fetchall(),
            NewSeries.of(new_series),
            _slots(db, known),
            last_slot,
            ids,
            columns,
            meta["epoch"],
        )
    finally:
        db.execute("COMMIT")


def _slots(db: sqlite3.Connection, known: Known) -> Ints:
    """Return all slots of the series that have new ones."""
    fresh = _pairs(db, "SELECT series, id FROM slot WHERE id > ? ORDER BY series", known.slots)
    # A series that was known may have slots already, and the order of several is their writers'.
    several = fresh[0, 1:][fresh[0, 1:] == fresh[0, :-1]] if fresh.size else fresh[0]
    doubted = np.union1d(several, fresh[0][fresh[0] <= known.series])
    alone = fresh[:, ~np.isin(fresh[0], doubted)]
    return np.concatenate((alone, _slots_of(db, doubted)), axis=1)


def _slots_of(db: sqlite3.Connection, series: Ints) -> Ints:
    """Return all slots of these series, those of one together in the order of their writers."""
    return _pairs(
        db,
        "SELECT series, slot.id AS id FROM json_each(?)"
        " JOIN slot ON series = json_each.value JOIN segment ON segment.id = segment"
        " ORDER BY series, writer, number",
        _json(series),
    )


def _changed_summaries(db: sqlite3.Connection, known: Known) -> tuple[Ints, Floats]:
    """Return the changed series and their summaries, those of several slots merged."""
    slots, columns = newest.changed(db, known.revision)
    if len(slots) > LOOKED_UP_MAX:
        owners, ids = _pairs(db, "SELECT series, id FROM slot WHERE id > ? ORDER BY id", 0)
        series = owners[np.searchsorted(ids, slots)]
    else:
        series, _ = _pairs(
            db,
            "SELECT series, slot.id AS id FROM json_each(?) JOIN slot ON slot.id = value"
            " ORDER BY slot.id",
            _json(slots),
        )
    (shared,) = db.execute("SELECT json_group_array(id) FROM series WHERE shared").fetchone()
    touched = np.intersect1d(np.array(msgspec.json.decode(shared), np.int64), series)
    if not len(touched):
        return series, columns
    alone = ~np.isin(series, touched)
    owners, ids = _slots_of(db, touched)
    every = newest.summaries_of(db, ids.tolist())
    ends = np.append(np.flatnonzero(owners[1:] != owners[:-1]) + 1, len(owners))
    starts = [0, *ends[:-1].tolist()]
    merged = [
        summaries.merge(every[:, start:end])
        for start, end in zip(starts, ends.tolist(), strict=True)
    ]
    whole = np.concatenate((columns[:, alone], *merged), axis=1)
    return np.concatenate((series[alone], touched)), whole


def _pairs(db: sqlite3.Connection, query: str, value: object) -> Ints:
    """Return a query's `series` and `id` in two rows: read at once, as an array of JSON each."""
    both = "json_group_array(series), json_group_array(id)"
    found = db.execute(f"SELECT {both} FROM ({query})", (value,))  # noqa: S608  # all of it is ours
    one, other = found.fetchone()
    return np.array([msgspec.json.decode(one), msgspec.json.decode(other)], np.int64)


def _json(ids: Ints) -> str:
    return msgspec.json.encode(ids.tolist()).decode()
