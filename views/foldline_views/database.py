"""The SQLite file that holds all views, and its generations.

`views/CURRENT` names the generation in use: `views/<generation>/views.db`. A rebuild fills the
next generation beside it and then moves CURRENT, so readers always see a whole one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite
import anyio
import msgspec

__all__ = [
    "BULK_INSERT",
    "Database",
    "bulk",
    "connect",
    "current_generation",
    "database_path",
]

T = TypeVar("T")

# Larger pages suit blobs of a few KiB; with the default of 4,096 the file is a fifth larger.
PAGE_BYTES = 8192
# How much of the file is read through the page cache without copying it.
MMAP_BYTES = 256 * 1024 * 1024
# The WAL is folded back into the file after so many pages (32 MiB): commits stay short, and a
# reader never walks a long WAL.
CHECKPOINT_PAGES = 4000
# How long a reader waits for the short exclusive moments of a checkpoint, in milliseconds.
BUSY_MS = 5000

# Writes many rows in one statement. One call per row would hand the GIL back and forth per row:
# beside a busy thread that was measured at 250 times the time.
BULK_INSERT = (
    "INSERT OR REPLACE INTO {table} "
    "SELECT value->>0, value->>1, substr(:data, 1 + (value->>2), value->>3) FROM json_each(:rows)"
)


class Database(aiosqlite.Connection):
    """A connection whose jobs are functions, each run whole on the connection's own thread.

    aiosqlite makes a thread hop for every statement; a fold or a read of many statements costs
    one here.
    """

    @classmethod
    async def create(cls, path: Path) -> Database:
        """Open the file for reading and writing, and make it if need be."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = cls(lambda: connect(path, write=True), 1)
        await database._opened()
        try:
            await database.run(_prepare)
        except BaseException:
            # Whatever it was: a connection left open keeps its thread, and that the process.
            await database.close()
            raise
        return database

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Open the file for reading only."""
        database = cls(lambda: connect(path, write=False), 1)
        await database._opened()
        return database

    async def close(self) -> None:
        """Close the file, also where the task is being cancelled: its thread must end."""
        with anyio.CancelScope(shield=True):
            await super().close()

    async def _opened(self) -> None:
        # aiosqlite does not wait for its own clean-up if it is cancelled here.
        with anyio.CancelScope(shield=True):
            await self

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job on the connection's thread and return what it returns."""
        # The public API only takes single statements; this is the call that all of it is made of.
        result: T = await self._execute(job, self._conn)  # type: ignore[no-untyped-call] # theirs
        return result


def database_path(views: Path, generation: int) -> Path:
    """Return the file of a generation."""
    return views / str(generation) / "views.db"


def current_generation(views: Path) -> int | None:
    """Return the generation that readers use, or None before the first fold."""
    try:
        return int((views / "CURRENT").read_text())
    except FileNotFoundError:
        return None


def bulk(rows: list[tuple[int, int, bytes]]) -> dict[str, bytes | str]:
    """Return the parameters of BULK_INSERT for rows of (key, number, blob)."""
    places, at = [], 0
    for key, number, data in rows:
        places.append((key, number, at, len(data)))
        at += len(data)
    return {
        "rows": msgspec.json.encode(places).decode(),
        "data": b"".join(data for _, _, data in rows),
    }


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open the file on this thread. Raises sqlite3.OperationalError if it can't be."""
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}"
    # Transactions are begun and ended by hand: isolation_level None.
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    db.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
    return db


def _prepare(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.execute("PRAGMA journal_mode = WAL")
    # A power cut may cost the last commits, never the file; the log gives them back.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
