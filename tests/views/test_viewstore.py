"""Rows and offsets move together, or not at all."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import pytest

from foldline.events import FieldsSet
from foldline.layout import Layout, SegmentName
from foldline_ingest.batch import Batch, Damage
from foldline_ingest.reader import SegmentReader
from foldline_ingest.replay import replay
from foldline_views import viewstore
from foldline_views.database import connect
from foldline_views.session import Session
from foldline_views.shelves import CATALOG
from foldline_views.viewstore import SqliteViewStore
from tests.canonical import canonical_dump
from tests.segment_build import SegmentBuild


class Crash(Exception):
    """What the test injects."""


def sample(folder: Path) -> list[Batch]:
    """Return the batches of two writers, with points, levels, events and damage."""
    batches = []
    for writer in ("wa", "wb"):
        build = SegmentBuild("run1", writer, window=8192, block=2048)
        build.define(1, "loss")
        for step in range(400):
            build.point(1, step, float(step))
            if step % 90 == 0:
                build.event(FieldsSet({"name": f"{writer}{step}"}))
                build.define(2 + step // 90, f"{step}")
        path = folder / f"{writer}.fold"
        path.write_bytes(build.close())
        reader = SegmentReader(SegmentName("run1", writer), path)
        while (batch := reader.read(limit=4096)).bytes:
            batches.append(batch)
        reader.close()
    hurt = batches[1]
    batches[1] = hurt._replace(damage=[Damage("run1/wa", hurt.start, 32, "for the test")])
    return batches


class Bench:
    """A view store without its thread: the test has the connection."""

    def __init__(self, path: Path) -> None:
        self.db = connect(path, write=True)
        viewstore._create(self.db, CATALOG)
        self.store = SqliteViewStore.__new__(SqliteViewStore)
        replaying = partial(replay, Layout(path.parent))
        self.store.__init__(None, CATALOG, 1, replaying)  # type: ignore[misc]  # see above

    def apply(self, batches: list[Batch]) -> None:
        self.store._apply(self.db, batches)

    def progress(self) -> dict[SegmentName, int]:
        return {name: done.offset for name, done in viewstore.read_progress(self.db).items()}


def expected(folder: Path, batches: list[Batch]) -> bytes:
    bench = Bench(folder / "expected.db")
    with closing(bench.db) as db:
        for batch in batches:
            bench.apply([batch])
        return canonical_dump(db)


def crash_at(db: sqlite3.Connection, step: int) -> Callable[[], int]:
    """Make the step-th thing that is asked of SQLite fail; return a count of what was asked."""
    asked = 0

    def refuse(*_: object) -> int:
        nonlocal asked
        asked += 1
        return sqlite3.SQLITE_DENY if asked == step else sqlite3.SQLITE_OK

    db.set_authorizer(refuse)
    return lambda: asked


def test_a_failure_at_any_statement_costs_nothing(tmp_path: Path) -> None:
    """Whatever statement of a commit fails, the next try gives the views of no failure at all."""
    batches = sample(tmp_path)
    whole = expected(tmp_path, batches)
    step, failures = 0, 0
    while True:
        bench = Bench(tmp_path / f"views{step}.db")
        with closing(bench.db) as db:
            bench.apply(batches[:2])
            before, progress = canonical_dump(db), bench.progress()
            step += random.Random(step).randint(2, 6)
            asked = crash_at(db, step)
            try:
                bench.apply(batches[2:4])
            except sqlite3.DatabaseError:
                failures += 1
                db.set_authorizer(None)
                assert canonical_dump(db) == before and bench.progress() == progress
                bench.apply(batches[2:4])
            db.set_authorizer(None)
            bench.apply(batches[4:])
            assert canonical_dump(db) == whole, step
            if asked() < step:
                break
    assert failures > 10


@pytest.mark.parametrize("view", [0, 1])
def test_a_view_that_raises_moves_no_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: int
) -> None:
    """If a fold raises, nothing of its commit stays, in the file or in memory."""
    batches = sample(tmp_path)
    bench = Bench(tmp_path / "views.db")
    with closing(bench.db) as db:
        bench.apply(batches[:1])
        before = canonical_dump(db)
        part = bench.store.views[view]
        real = part.apply

        def apply_and_crash(session: Session, batches: Sequence[Batch]) -> None:
            real(session, batches)
            raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(part, "apply", apply_and_crash)
            with pytest.raises(Crash):
                bench.apply(batches[1:])
        assert canonical_dump(db) == before
        bench.apply(batches[1:])
        assert canonical_dump(db) == expected(tmp_path, batches)


def test_a_full_disk_is_survived(tmp_path: Path) -> None:
    """If the views' disk is full the commit fails whole, and succeeds once there is room."""
    batches = sample(tmp_path)
    bench = Bench(tmp_path / "views.db")
    with closing(bench.db) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            bench.apply(batches)
        assert not db.in_transaction
        db.execute("PRAGMA max_page_count = 1000000")
        bench.apply(batches)
        assert canonical_dump(db) == expected(tmp_path, batches)


def test_a_process_that_dies_in_a_commit_leaves_the_last_one(tmp_path: Path) -> None:
    """What another process reads after a crash in the middle is the commit before, whole."""
    batches = sample(tmp_path)
    bench = Bench(tmp_path / "views.db")
    bench.apply(batches[:2])
    with closing(connect(tmp_path / "views.db", write=False)) as other:
        before = canonical_dump(other)
        bench.db.execute("BEGIN IMMEDIATE")
        bench.store.views[0].apply(bench.store._session(bench.db, batches[2:]), batches[2:])
        assert canonical_dump(other) == before
    bench.db.close()  # rolls back, as the next opener of a dead process's file does
    again = Bench.__new__(Bench)
    again.db = connect(tmp_path / "views.db", write=True)
    again.store = SqliteViewStore.__new__(SqliteViewStore)
    replaying = partial(replay, Layout(tmp_path))
    again.store.__init__(None, CATALOG, 1, replaying)  # type: ignore[misc]  # see Bench
    with closing(again.db) as db:
        assert canonical_dump(db) == before
        again.apply(batches[2:])
        assert canonical_dump(db) == expected(tmp_path, batches)


def test_opening_a_file_gives_up_no_lock(tmp_path: Path) -> None:
    """Where a reader opens the file to write too, another process does not pass for the last one.

    It would take the WAL away, and the reader would see nothing that is committed from then on.
    """
    batches = sample(tmp_path)
    path = tmp_path / "views.db"
    bench = Bench(path)
    bench.db.execute("PRAGMA journal_mode = WAL")
    bench.apply(batches[:2])
    with closing(connect(path, write=False)) as reader:
        before = canonical_dump(reader)
        bench.db.close()
        connect(path, write=True).close()
        code = "import sys, sqlite3; db = sqlite3.connect(sys.argv[1]); "
        code += "list(db.execute('SELECT * FROM run')); db.close()"
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
        assert path.with_name("views.db-wal").exists()
        assert canonical_dump(reader) == before


def test_offsets_are_those_of_the_rows(tmp_path: Path) -> None:
    """After each commit progress says exactly what was folded, and the watermark its sum."""
    batches = sample(tmp_path)

    async def scenario() -> None:
        store = await SqliteViewStore.open(
            tmp_path / "views.db", CATALOG, 1, partial(replay, Layout(tmp_path))
        )
        try:
            done: dict[SegmentName, int] = {}
            for batch in batches:
                applied = await store.apply([batch])
                done[batch.segment] = batch.end
                progress = await store.progress()
                assert {name: p.offset for name, p in progress.items()} == done
                assert applied.watermark == sum(done.values())
                assert progress[batch.segment].finished == batch.finished
                assert "run1" in applied.runs or not batch.events
            assert await store.damage() == batches[1].damage
        finally:
            await store.close()

    anyio.run(scenario)


def test_an_empty_commit_changes_nothing(tmp_path: Path) -> None:
    """Applying nothing gives the watermark, and makes no new revision."""
    batches = sample(tmp_path)
    bench = Bench(tmp_path / "views.db")
    with closing(bench.db) as db:
        bench.apply(batches)
        before = db.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()
        bench.apply([])
        assert db.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone() == before
        assert canonical_dump(db) == expected(tmp_path, batches)
