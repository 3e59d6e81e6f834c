"""What the last commits brought, held back.

Thousands of series may move with every commit, and a row for each would be rewritten every time.
So a commit writes one row, `recent`, with the summaries of all slots that it touched and the
points that wait in their open chunks. After RECENT_COMMITS_MAX commits these are spread to
`summary` and `chunk`, which have a row a slot. Rows already spread are kept for as many commits
again, for readers that follow from commit to commit.

Each commit says how many of a slot's last points wait in its open chunk; what comes before them
has been absorbed into the level meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import summaries
from .database import BULK_INSERT

__all__ = [
    "SCHEMA",
    "Recent",
    "Waiting",
    "changed",
    "is_due",
    "save",
    "spread",
    "spread_all",
    "summaries_of",
    "waiting",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SCHEMA = """
    CREATE TABLE recent (
        revision INTEGER PRIMARY KEY, slots BLOB, summaries BLOB, waiting BLOB, counts BLOB,
        points BLOB);
    CREATE TABLE summary (slot INTEGER PRIMARY KEY, data BLOB);
    CREATE TABLE chunk (slot INTEGER PRIMARY KEY, total INTEGER NOT NULL, data BLOB);
    CREATE TABLE spread (revision INTEGER NOT NULL);
    INSERT INTO spread VALUES (0);
"""

# Commits, and bytes, between two spreads. A reader of curves looks through that much, so this
# bounds what a look costs. Spreading 5,000 slots costs as much as two or three commits.
RECENT_COMMITS_MAX = 64
RECENT_BYTES_MAX = 16 * 1024 * 1024

POINT_BYTES = 24  # step, value, time

# One row with everything in it: the interpreter is not handed back and forth for each slot. See
# `overviews` on why there are two.
READ_CHUNKS = """
    SELECT json_group_array(json_array(list.key, total, length(chunk.data)))
    FROM json_each(?) AS list CROSS JOIN chunk ON slot = list.value
"""
READ_POINTS = """
    SELECT CAST(group_concat(chunk.data, '') AS BLOB)
    FROM json_each(?) AS list CROSS JOIN chunk ON slot = list.value
"""

# Many rows in one statement: see database.BULK_INSERT.
SPREAD_SUMMARIES = """
    INSERT OR REPLACE INTO summary SELECT value, substr(:data, 112 * key + 1, 112)
    FROM json_each(:slots)
"""


class Recent(NamedTuple):
    """What commits wrote of the slots they touched, one commit after the other."""

    slots: Ints
    summaries: Floats  # a column for each of `slots`
    waiting: Ints  # how many points of each slot wait, with those of earlier commits
    counts: Ints  # how many of the points are each slot's
    points: Floats  # three rows: step, value, time


class Waiting(NamedTuple):
    """The points of open chunks end to end, each with the place of its slot in the request."""

    owner: Ints
    points: Floats  # three rows: step, value, time
    totals: Ints  # how many points each slot has, those of its level among them


def save(db: sqlite3.Connection, revision: int, recent: Recent) -> None:
    """Write what a commit touched."""
    db.execute(
        "INSERT OR REPLACE INTO recent VALUES (?, ?, ?, ?, ?, ?)",
        (
            revision,
            recent.slots.tobytes(),
            np.ascontiguousarray(recent.summaries.T).tobytes(),
            recent.waiting.tobytes(),
            recent.counts.tobytes(),
            np.ascontiguousarray(recent.points).tobytes(),
        ),
    )


def changed(db: sqlite3.Connection, since: int) -> tuple[Ints, Floats]:
    """Return the slots touched after a revision, each once, and their summaries, a column each."""
    oldest, spread_at = db.execute(
        "SELECT (SELECT coalesce(min(revision), 0) FROM recent), revision FROM spread"
    ).fetchone()
    if since + 1 >= oldest and since > 0:
        return _latest(_read(db, since))
    # A slot's recent summary comes behind the one that was spread, and wins.
    (ids, data) = db.execute(
        "SELECT json_group_array(slot), CAST(group_concat(data, '') AS BLOB)"
        " FROM (SELECT slot, data FROM summary ORDER BY slot)"
    ).fetchone()
    recent = _read(db, spread_at)
    slots = np.concatenate((np.array(msgspec.json.decode(ids), dtype=np.int64), recent.slots))
    columns = np.frombuffer(data or b"").reshape(-1, summaries.ROWS).T
    whole = np.concatenate((columns, recent.summaries), axis=1)
    return _latest(recent._replace(slots=slots, summaries=whole))


def summaries_of(db: sqlite3.Connection, slots: Sequence[int]) -> Floats:
    """Return the summaries of these slots, a column each; those without points are fresh."""
    found = summaries.fresh(len(slots))
    place = {slot: index for index, slot in enumerate(slots)}
    for slot, data in db.execute(
        "SELECT slot, data FROM json_each(?) JOIN summary ON slot = value", (_json(slots),)
    ):
        found[:, place[slot]] = np.frombuffer(data)
    recent_slots, recent = _latest(_read(db, _spread_at(db)))
    for index in np.flatnonzero(np.isin(recent_slots, slots)).tolist():
        found[:, place[int(recent_slots[index])]] = recent[:, index]
    return found


def waiting(db: sqlite3.Connection, slots: Sequence[int]) -> Waiting:
    """Return the points that wait in the open chunks of these slots, in order of arrival."""
    asked = np.array(slots, dtype=np.int64)
    totals, held = np.zeros((2, len(asked)), dtype=np.int64)
    owner, points = _spread_chunks(db, slots, totals, held)
    recent = _read(db, _spread_at(db))
    if len(recent.slots):
        # Where each recent slot stands in the request, or -1.
        order = np.argsort(asked)
        found = np.searchsorted(asked, recent.slots, sorter=order)
        place = order[np.minimum(found, len(asked) - 1)] if len(asked) else found
        place = np.where(asked[place] == recent.slots, place, -1) if len(asked) else place * 0 - 1
        mine = place >= 0
        # Later commits win.
        totals[place[mine]] = recent.summaries[summaries.COUNT, mine]
        held[place[mine]] = recent.waiting[mine]
        recent_owner = np.repeat(place, recent.counts)
        keep = recent_owner >= 0
        owner = np.concatenate((owner, recent_owner[keep]))
        points = np.concatenate((points, recent.points[:, keep]), axis=1)
        # Sorting 16-bit numbers is a radix sort: several times as fast.
        small = owner.astype(np.uint16) if len(asked) < 1 << 16 else owner
        arrival = np.argsort(small, kind="stable")
        owner, points = owner[arrival], points[:, arrival]
    counts = np.bincount(owner, minlength=len(asked))
    from_end = np.repeat(np.cumsum(counts), counts) - np.arange(len(owner))
    keep = from_end <= held[owner]
    return Waiting(owner[keep], points[:, keep], totals)


def is_due(db: sqlite3.Connection, revision: int) -> bool:
    """Say whether enough commits up to `revision` have come together to be spread."""
    spread_at = _spread_at(db)
    (size,) = db.execute(
        "SELECT coalesce(sum(length(summaries) + length(points)), 0) FROM recent"
        " WHERE revision > ?",
        (spread_at,),
    ).fetchone()
    return revision - spread_at >= RECENT_COMMITS_MAX or size >= RECENT_BYTES_MAX


def spread_all(db: sqlite3.Connection, revision: int) -> None:
    """Give each slot its row, of what has not been spread up to `revision`."""
    slots, columns = _latest(_read(db, _spread_at(db)))
    open_chunks = waiting(db, slots.tolist())
    counts = np.bincount(open_chunks.owner, minlength=len(slots))
    spread(db, revision, slots, columns, counts, open_chunks.points)


def spread(
    db: sqlite3.Connection,
    revision: int,
    slots: Ints,
    columns: Floats,
    counts: Ints,
    points: Floats,
) -> None:
    """Give slots their rows, which have all that commits up to `revision` have not spread.

    Each has a column of figures, and so many of the points in its open chunk, which lie slot after
    slot.
    """
    spread_at = _spread_at(db)
    data = np.ascontiguousarray(columns.T).tobytes()
    db.execute(SPREAD_SUMMARIES, {"slots": _json(slots.tolist()), "data": data})
    flat = np.zeros(3 * points.shape[1] + 1)  # one more: of no bytes SQLite makes NULL
    for place, column in zip(_thirds(counts), points, strict=True):
        flat[place] = column
    totals = columns[summaries.COUNT].astype(np.int64)
    begins = np.cumsum(counts) - counts
    rows = np.stack((slots, totals, POINT_BYTES * begins, POINT_BYTES * counts), axis=1)
    chunks = {"rows": msgspec.json.encode(rows.tolist()).decode(), "data": flat.tobytes()}
    db.execute(BULK_INSERT.format(table="chunk"), chunks)
    db.execute("DELETE FROM recent WHERE revision <= ?", (spread_at,))
    db.execute("UPDATE spread SET revision = ?", (revision,))


def _thirds(counts: Ints) -> tuple[Ints, Ints, Ints]:
    """Return where step, value and time of each point are in chunks of these counts, end to end."""
    before = np.cumsum(counts) - counts
    size = np.repeat(counts, counts)
    # Each chunk is three columns, one after the other.
    first = np.repeat(2 * before, counts) + np.arange(counts.sum())
    return first, first + size, first + 2 * size


def _spread_at(db: sqlite3.Connection) -> int:
    (revision,) = db.execute("SELECT revision FROM spread").fetchone()
    return int(revision)


def _read(db: sqlite3.Connection, after: int) -> Recent:
    """Return what the commits after a revision wrote, end to end."""
    rows = db.execute(
        "SELECT slots, summaries, waiting, counts, points FROM recent WHERE revision > ?"
        " ORDER BY revision",
        (after,),
    ).fetchall()
    none = [np.empty(0)]
    return Recent(
        np.concatenate([np.frombuffer(row[0], dtype=np.int64) for row in rows] or none).astype(
            np.int64
        ),
        np.concatenate(
            [np.frombuffer(row[1]).reshape(-1, summaries.ROWS).T for row in rows]
            or [summaries.fresh(0)],
            axis=1,
        ),
        np.concatenate([np.frombuffer(row[2], dtype=np.int64) for row in rows] or none).astype(
            np.int64
        ),
        np.concatenate([np.frombuffer(row[3], dtype=np.int64) for row in rows] or none).astype(
            np.int64
        ),
        np.concatenate(
            [np.frombuffer(row[4]).reshape(3, -1) for row in rows] or [np.empty((3, 0))], axis=1
        ),
    )


def _latest(recent: Recent) -> tuple[Ints, Floats]:
    """Return each slot once, with its latest summary."""
    slots, first_from_end = np.unique(recent.slots[::-1], return_index=True)
    return slots, recent.summaries[:, len(recent.slots) - 1 - first_from_end]


def _spread_chunks(
    db: sqlite3.Connection, slots: Sequence[int], totals: Ints, held: Ints
) -> tuple[Ints, Floats]:
    """Return the points of the slots' rows.

    How many points each slot has is put into `totals`, and how many of them wait into `held`.
    """
    wanted = (_json(slots),)
    (places,) = db.execute(READ_CHUNKS, wanted).fetchone()
    (data,) = db.execute(READ_POINTS, wanted).fetchone()
    rows = np.array(msgspec.json.decode(places), dtype=np.int64).reshape(-1, 3)
    counts = rows[:, 2] // POINT_BYTES
    totals[rows[:, 0]], held[rows[:, 0]] = rows[:, 1], counts
    flat = np.frombuffer(data or b"", dtype=np.float64)
    points = np.stack([flat[place] for place in _thirds(counts)])
    return np.repeat(rows[:, 0], counts), points


def _json(slots: Sequence[int]) -> str:
    return msgspec.json.encode(slots).decode()
