"""The views of one shelf, with their checkpoints.

Rows, offsets and damage found move in one transaction: after a crash the fold goes on exactly
where the committed rows end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from foldline.errors import StoreBusy
from foldline.layout import SegmentName
from foldline_ingest.batch import Batch, Damage
from foldline_ingest.view import Applied, Progress, Replay

from .database import Database
from .session import Session, Told
from .shelf import Shelf

__all__ = ["SqliteViewStore", "read_progress", "read_version", "was_committed"]

# `shelf.STORE_VERSION` is that of these tables.
SCHEMA = """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE);
    CREATE TABLE segment (
        id INTEGER PRIMARY KEY, run INTEGER NOT NULL, writer TEXT NOT NULL,
        offset INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0,
        UNIQUE (run, writer));
    CREATE TABLE tenure (epoch INTEGER PRIMARY KEY, revision INTEGER NOT NULL);
    CREATE TABLE damage (
        segment TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
        reason TEXT NOT NULL, PRIMARY KEY (segment, offset)) WITHOUT ROWID;
"""

# Tenures that are remembered: what was derived under an older one is made anew.
TENURES_MAX = 1000
# Row ids of segments held in memory, at some 200 bytes each; when there are more, they are read
# again.
IDS_MAX = 50_000


def read_progress(db: sqlite3.Connection) -> dict[SegmentName, Progress]:
    """Return how far each known segment has been folded."""
    rows = db.execute("SELECT uid, writer, offset, finished FROM segment JOIN run ON run.id = run")
    return {SegmentName(uid, w): Progress(offset, bool(done)) for uid, w, offset, done in rows}


def was_committed(db: sqlite3.Connection, epoch: int, revision: int) -> bool:
    """Whether a commit of a holder of the lease is among those that the file is made of.

    A power cut may take the last commits of a holder, and the next one's have their revisions again
    with other rows: but each tenure tells the revision that it began after.
    """
    (known,) = db.execute(
        "SELECT count(*) FROM tenure WHERE epoch = ? AND revision <= ?", (epoch, revision)
    ).fetchone()
    (lost,) = db.execute(
        "SELECT count(*) FROM tenure WHERE epoch > ? AND revision < ?", (epoch, revision)
    ).fetchone()
    return bool(known) and not lost and int(_meta(db, "revision")) >= revision


def read_version(db: sqlite3.Connection) -> str:
    """Return what the rows of the file mean: compare with `Shelf.version`."""
    return _meta(db, "version")


class SqliteViewStore:
    """Folds batches into the views of a shelf, and commits them.

    `epoch` is that of the lease its process holds: a commit fails with StoreBusy once a later
    holder has committed. `replay` gives what was folded before again: a rewind changes the past.
    Every method raises ViewDamaged if the file is not what it was.
    """

    def __init__(self, database: Database, shelf: Shelf, epoch: int, replay: Replay) -> None:
        self._database = database
        self._epoch = epoch
        self._replay = replay
        self.views = [view() for view in shelf.views]
        self._runs: dict[str, int] = {}
        self._segments: dict[SegmentName, int] = {}

    @classmethod
    async def open(cls, path: Path, shelf: Shelf, epoch: int, replay: Replay) -> SqliteViewStore:
        """Open the file at `path`, and make its tables if it is new."""
        database = await Database.create(path)
        try:
            await database.run(lambda db: _create(db, shelf))
        except BaseException:
            # Whatever it was: a connection left open keeps its thread, and that the process.
            await database.close()
            raise
        return cls(database, shelf, epoch, replay)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    async def close(self) -> None:
        """Close the file, and what views keep beside it."""
        with anyio.CancelScope(shield=True):
            await self._database.run(lambda _: self._forget())
        await self._database.close()

    def _forget(self) -> None:
        self._runs.clear()
        self._segments.clear()
        for view in self.views:
            view.forget()

    async def version(self) -> str:
        """Return what the rows of the file mean: compare with `Shelf.version`."""
        return await self._database.run(read_version)

    async def progress(self) -> Mapping[SegmentName, Progress]:
        """Return how far each known segment has been folded."""
        return await self._database.run(read_progress)

    async def damage(self) -> Sequence[Damage]:
        """Return what was found damaged so far."""
        return await self._database.run(
            lambda db: [Damage(*row) for row in db.execute("SELECT * FROM damage")]
        )

    async def apply(self, batches: Sequence[Batch]) -> Applied:
        """Fold and commit batches; on return they are what readers see."""
        return await self._database.run(lambda db: self._apply(db, batches))

    def _apply(self, db: sqlite3.Connection, batches: Sequence[Batch]) -> Applied:
        db.execute("BEGIN IMMEDIATE")
        try:
            self._check_epoch(db)
            session = self._session(db, batches)
            for view in self.views:
                view.apply(session, batches)
            watermark = self._advance(session, batches)
            db.execute("COMMIT")
        except BaseException:
            # Whatever it was, what is in memory is ahead of the file now.
            self._forget()
            if db.in_transaction:  # SQLite itself has ended it if the disk was full
                db.execute("ROLLBACK")
            raise
        told = session.told
        return Applied(watermark, list(told.runs), told.series, told.truncated)

    def _check_epoch(self, db: sqlite3.Connection) -> None:
        """Raise StoreBusy if a later holder has committed; note where a new one begins."""
        before = int(_meta(db, "epoch"))
        if before > self._epoch:
            raise StoreBusy(
                "another process took over the folding of this store",
                hint="this one was stopped for too long; start it again",
            )
        if before == self._epoch:
            return
        db.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (self._epoch,))
        db.execute(
            "INSERT INTO tenure SELECT ?, value FROM meta WHERE key = 'revision'", (self._epoch,)
        )
        db.execute(
            "DELETE FROM tenure WHERE epoch <= (SELECT epoch FROM tenure ORDER BY epoch DESC"
            " LIMIT 1 OFFSET ?)",
            (TENURES_MAX,),
        )

    def _session(self, db: sqlite3.Connection, batches: Sequence[Batch]) -> Session:
        revision = int(_meta(db, "revision")) + bool(batches)
        db.execute("UPDATE meta SET value = ? WHERE key = 'revision'", (revision,))
        runs: dict[str, int] = {}
        segments: dict[SegmentName, int] = {}
        for batch in batches:
            uid = batch.segment.run
            runs[uid] = self._runs.get(uid) or _run_id(db, uid)
            segments[batch.segment] = self._segments.get(batch.segment) or _segment_id(
                db, runs[uid], batch.segment.writer
            )
        if len(self._segments) > IDS_MAX:
            self._runs.clear()
            self._segments.clear()
        self._runs.update(runs)
        self._segments.update(segments)
        return Session(db, revision, runs, segments, self._replay, Told(), _file(db))

    def _advance(self, session: Session, batches: Sequence[Batch]) -> int:
        db = session.db
        db.executemany(
            "UPDATE segment SET offset = ?, finished = ? WHERE id = ?",
            [(batch.end, batch.finished, session.segments[batch.segment]) for batch in batches],
        )
        db.executemany(
            "INSERT OR IGNORE INTO damage VALUES (?, ?, ?, ?)",
            [(d.segment, d.offset, d.length, d.reason) for b in batches for d in b.damage],
        )
        watermark = int(_meta(db, "watermark")) + sum(batch.bytes for batch in batches)
        db.execute("UPDATE meta SET value = ? WHERE key = 'watermark'", (watermark,))
        return watermark


def _create(db: sqlite3.Connection, shelf: Shelf) -> None:
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return
    db.execute("BEGIN IMMEDIATE")
    for script in (SCHEMA, *(view.schema for view in shelf.views)):
        for statement in filter(str.strip, script.split(";")):
            db.execute(statement)
    start = {"version": shelf.version, "epoch": 0, "revision": 0, "watermark": 0}
    db.executemany("INSERT INTO meta VALUES (?, ?)", start.items())
    db.execute("COMMIT")


def _run_id(db: sqlite3.Connection, uid: str) -> int:
    """Return the row id of a run, which is made if need be."""
    db.execute("INSERT OR IGNORE INTO run (uid) VALUES (?)", (uid,))
    (found,) = db.execute("SELECT id FROM run WHERE uid = ?", (uid,)).fetchone()
    return int(found)


def _segment_id(db: sqlite3.Connection, run: int, writer: str) -> int:
    """Return the row id of a segment, which is made if need be."""
    db.execute("INSERT OR IGNORE INTO segment (run, writer) VALUES (?, ?)", (run, writer))
    (found,) = db.execute(
        "SELECT id FROM segment WHERE run = ? AND writer = ?", (run, writer)
    ).fetchone()
    return int(found)


def _file(db: sqlite3.Connection) -> Path:
    """Return the file that a connection has open."""
    _, _, file = db.execute("PRAGMA database_list").fetchone()
    return Path(file)


def _meta(db: sqlite3.Connection, key: str) -> str:
    (value,) = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(value)
