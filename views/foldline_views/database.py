"""An SQLite file of views, opened and asked."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import aiosqlite
import anyio
import msgspec

from foldline.errors import StoreUnwritable, ViewDamaged

__all__ = ["BULK_INSERT", "Database", "bulk", "connect", "guarded", "unwritable"]

T = TypeVar("T")

# Larger pages suit blobs of a few KiB; with the default of 4,096 the file is a fifth larger.
PAGE_BYTES = 8192
# The WAL is folded back into the file after so many pages (32 MiB): commits stay short, and a
# reader never walks a long WAL.
CHECKPOINT_PAGES = 4000
# What a reader's connection keeps of the file: the overviews of 10,000 curves. Without mapping,
# each page that is not kept is a system call.
CACHE_KIB = 65_536
# Codes of SQLite for a file that is not what it was. With the last one SQLite itself has seen that
# the file was deleted. A disk that is full, or a right that is missing, is none of them.
DAMAGE_CODES = {
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
    sqlite3.SQLITE_READONLY_DBMOVED,
}
DAMAGE_KINDS = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}  # in the lowest byte
# Those of a disk that is full or refuses, in the lowest byte: the file is what it was.
REFUSAL_KINDS = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
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
    one here. Raises ViewDamaged if the file is not what it was, and, opened for writing,
    StoreUnwritable where its disk is full or refuses.
    """

    path: Path
    writes = False

    @classmethod
    async def create(cls, path: Path) -> Database:
        """Open the file for reading and writing, and make it if need be."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = cls(lambda: connect(path, write=True), 1)
        database.path = path
        database.writes = True
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
        database.path = path
        await database._opened()
        return database

    async def close(self) -> None:
        """Close the file, also where the task is being cancelled: its thread must end."""
        with anyio.CancelScope(shield=True):
            await super().close()

    async def _opened(self) -> None:
        # aiosqlite does not wait for its own clean-up if it is cancelled here.
        with anyio.CancelScope(shield=True), guarded(self.path, write=self.writes):
            await self

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job on the connection's thread and return what it returns."""
        with guarded(self.path, write=self.writes):
            # The public API only takes single statements; all of it is made of this call.
            result: T = await self._execute(job, self._conn)  # type: ignore[no-untyped-call] # its
        return result


@contextmanager
def guarded(path: Path, *, write: bool = False) -> Iterator[None]:
    """Turn what SQLite, or the decoder of a row, says of a damaged file into ViewDamaged.

    With `write`, also what SQLite says of a disk that is full, or refuses, into StoreUnwritable.
    """
    try:
        yield
    except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
        if not _is_damage(error):
            if write and getattr(error, "sqlite_errorcode", 0) & 0xFF in REFUSAL_KINDS:
                raise unwritable(path, str(error)) from error
            raise
        raise ViewDamaged(
            f"{path}: the views can't be read: {error}",
            hint="nothing is lost: they are made again from the log; ask again in a moment",
        ) from error


def unwritable(path: Path, reason: str) -> StoreUnwritable:
    """Return the error of views whose disk is full or refuses, and why."""
    return StoreUnwritable(
        f"{path}: the views can't be written: {reason}",
        hint="free some space, or check whom the folder belongs to; what was logged is safe",
    )


def _is_damage(error: Exception) -> bool:
    if not isinstance(error, sqlite3.DatabaseError):
        return True
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    # A file that was emptied is a database without tables.
    emptied = code == sqlite3.SQLITE_ERROR and str(error).startswith("no such table")
    return emptied or code in DAMAGE_CODES or code & 0xFF in DAMAGE_KINDS


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
    if write:
        # SQLite would make the file for whoever the umask lets in, and its journals likewise. One
        # that is there is not opened: to close it would give up this process's locks of it.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            os.close(os.open(path, flags, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise unwritable(path, error.strerror or str(error)) from error
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}"
    # Transactions are begun and ended by hand: isolation_level None.
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    # A file that is mapped and cut short by somebody else kills the process that reads it.
    db.execute("PRAGMA mmap_size = 0")
    # The file may be somebody else's, and so what it says is to be done with its rows.
    db.execute("PRAGMA trusted_schema = OFF")
    if not write:
        db.execute("PRAGMA query_only = ON")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return db


def _prepare(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.execute("PRAGMA journal_mode = WAL")
    # A power cut may cost the last commits, never the file; the log gives them back.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
