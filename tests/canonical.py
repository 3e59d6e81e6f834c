"""All that views hold, as bytes to compare.

Row ids, revisions and what has been spread to rows depend on how commits came; ids are replaced
by what they stand for, and the newest points are read as a reader reads them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from foldline.layout import Layout
from foldline_views import newest
from foldline_views.database import connect
from foldline_views.generation import current
from foldline_views.shelves import CATALOG

__all__ = ["canonical_dump", "dump_of", "points_folded"]

SLOTS = """
    SELECT slot.id, run.uid, segment.writer, slot.number, series.name, series.context
    FROM slot JOIN segment ON segment.id = slot.segment JOIN series ON series.id = slot.series
    JOIN run ON run.id = series.run ORDER BY run.uid, writer, number
"""


def canonical_dump(db: sqlite3.Connection) -> bytes:
    """Return the rows of all views, in one order and with names in the place of ids."""
    slots = db.execute(SLOTS).fetchall()
    ids = [row[0] for row in slots]
    figures = newest.summaries_of(db, ids)
    waiting = newest.waiting(db, ids)
    tables: dict[str, Any] = {
        "runs": db.execute(
            "SELECT uid, data FROM run LEFT JOIN run_state ON run.id = run_state.run ORDER BY uid"
        ).fetchall(),
        "segments": db.execute(
            "SELECT uid, writer, offset, finished FROM segment JOIN run ON run.id = run"
            " ORDER BY uid, writer"
        ).fetchall(),
        "damage": db.execute("SELECT * FROM damage ORDER BY segment, offset").fetchall(),
        "watermark": db.execute("SELECT value FROM meta WHERE key = 'watermark'").fetchone(),
        "artifacts": db.execute(
            "SELECT uid, writer, seq, time, used, name, digest, maker, kind, files, size, aliases,"
            " uri FROM artifact JOIN run ON run.id = run ORDER BY uid, writer, seq"
        ).fetchall(),
        "rewinds": db.execute(
            "SELECT uid, writer, seq, time, step FROM rewind JOIN run ON run.id = run"
            " ORDER BY uid, writer, seq"
        ).fetchall(),
        "series": db.execute(
            "SELECT uid, name, context, shared FROM series JOIN run ON run.id = run"
            " ORDER BY uid, name, context"
        ).fetchall(),
        "slots": [
            (
                slot[1:],
                figures[:, place].tobytes(),
                waiting.points[:, waiting.owner == place].tobytes(),
                _rows(db, "level", slot[0]),
                _rows(db, "overview", slot[0]),
                _rows(db, "figures", slot[0]),
            )
            for place, slot in enumerate(slots)
        ],
    }
    return msgspec.msgpack.encode(tables)


def _rows(db: sqlite3.Connection, table: str, slot: int) -> list[tuple[object, ...]]:
    return [row[1:] for row in db.execute(f"SELECT * FROM {table} WHERE slot = ?", (slot,))]


def dump_of(store: Path) -> bytes:
    """Return the dump of the generation that readers of a store use."""
    generation = current(CATALOG.folder(Layout(store).views))
    assert generation is not None, "nothing has been folded"
    with closing(connect(generation.path, write=False)) as db:
        return canonical_dump(db)


def points_folded(store: Path) -> int:
    """Return how many points the views of a store hold; 0 before the first fold."""
    generation = current(CATALOG.folder(Layout(store).views))
    if generation is None:
        return 0
    try:
        with closing(connect(generation.path, write=False)) as db:
            ids = [row[0] for row in db.execute("SELECT id FROM slot")]
            return int(newest.summaries_of(db, ids)[0].sum())
    except sqlite3.OperationalError:
        return 0  # the file is there, and its tables are not yet
