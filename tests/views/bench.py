"""Views in a file, without a fold process.

A test gives it batches in any cut and order, and reads what a reader would.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial

from foldline.layout import SEGMENT_SUFFIX, Layout, SegmentName
from foldline_ingest.batch import Batch
from foldline_ingest.reader import SegmentReader
from foldline_ingest.replay import replay
from foldline_ingest.view import View
from foldline_views.session import Session, Told
from tests.segment_build import SegmentBuild

__all__ = ["Bench", "keep", "shuffled"]


class Bench:
    """Some views over one connection."""

    def __init__(self, layout: Layout, views: Sequence[View[Session]]) -> None:
        self.views = views
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self._replay = partial(replay, layout)
        self._revision = 0
        self.db.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE)")
        self.db.execute(
            "CREATE TABLE segment (id INTEGER PRIMARY KEY, run INTEGER, writer TEXT,"
            " UNIQUE (run, writer))"
        )
        for view in views:
            self.db.executescript(view.schema)

    def apply(self, batches: Sequence[Batch]) -> Told:
        """Commit batches; return what watchers are told."""
        runs: dict[str, int] = {}
        segments: dict[SegmentName, int] = {}
        for uid, writer in (batch.segment for batch in batches):
            self.db.execute("INSERT OR IGNORE INTO run (uid) VALUES (?)", (uid,))
            ((runs[uid],),) = self.db.execute("SELECT id FROM run WHERE uid = ?", (uid,))
            key = (runs[uid], writer)
            self.db.execute("INSERT OR IGNORE INTO segment (run, writer) VALUES (?, ?)", key)
            ((segments[SegmentName(uid, writer)],),) = self.db.execute(
                "SELECT id FROM segment WHERE run = ? AND writer = ?", key
            )
        self._revision += 1
        session = Session(self.db, self._revision, runs, segments, self._replay, Told())
        for view in self.views:
            view.apply(session, batches)
        return session.told


def keep(layout: Layout, build: SegmentBuild, writer: str, run: str = "run1") -> None:
    """Put a segment where the store has it, as a process leaves it that was killed."""
    path = layout.segment(SegmentName(run, writer))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.killed(4096))


def shuffled(layout: Layout, run: str, chance: random.Random) -> Iterable[list[Batch]]:
    """Yield what a run's segments hold in commits, cut and mixed at random."""
    folder = layout.segment(SegmentName(run, "")).parent
    readers = [
        SegmentReader(SegmentName(run, file.stem), file, events_only=True)
        for file in sorted(folder.glob(f"*{SEGMENT_SUFFIX}"))
    ]
    waiting: list[Batch] = []
    while readers:
        reader = chance.choice(readers)
        batch = reader.read(final=True, limit=chance.choice([512, 2048, 8192]))
        if not batch.bytes:
            reader.close()
            readers.remove(reader)
            continue
        waiting.append(batch)
        if chance.random() < 0.5:
            yield waiting
            waiting = []
    yield waiting
