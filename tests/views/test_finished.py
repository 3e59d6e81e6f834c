"""Series whose writers are done."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from foldline.events import StepsRewound
from foldline.layout import Layout, SegmentName
from foldline_ingest.batch import NO_POINTS, Batch
from foldline_ingest.reader import SegmentReader
from foldline_views import compressed, newest, overview
from foldline_views.buckets import CHUNK
from tests.canonical import canonical_dump
from tests.segment_build import SegmentBuild
from tests.views.test_series import Bench

NAME = SegmentName("run1", "w")
COUNTS = (1, 40, CHUNK, 5 * CHUNK + 7)  # points of each series


def segment(store: Path, build: SegmentBuild, name: SegmentName, *, limit: int) -> list[Batch]:
    """Put a finished segment where the store has it, and return it in pieces."""
    path = Layout(store).segment(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.close())
    reader = SegmentReader(name, path)
    found = []
    while (batch := reader.read(limit=limit)).bytes:
        found.append(batch)
    reader.close()
    assert found[-1].finished
    return found


def some_points() -> SegmentBuild:
    build = SegmentBuild(*NAME, window=4096, block=1024, start=1000.0)
    for number, count in enumerate(COUNTS, 1):
        build.define(number, f"m{number}")
        for step in range(count):
            build.point(number, step if step % 50 else step // 2, float(np.sin(step)))
    return build


def drawn(bench: Bench) -> list[tuple[int, int, int]]:
    """Return of each slot how many points wait, its total, and the points of its overview."""
    ids = [slot for (slot,) in bench.db.execute("SELECT id FROM slot ORDER BY id")]
    held = newest.waiting(bench.db, ids)
    waits = np.bincount(held.owner, minlength=len(ids)).tolist()
    found = []
    for slot, wait, total in zip(ids, waits, newest.summaries_of(bench.db, ids)[0], strict=True):
        row = bench.db.execute(
            "SELECT weight, 4 * count FROM figures JOIN overview USING (slot) WHERE slot = ?",
            (slot,),
        ).fetchone()
        data = b"".join(compressed.unpack(row[0], [len(row[0])], row[1:])) if row else b""
        weight = np.frombuffer(data, np.float32).sum()
        found.append((wait, int(total), int(weight)))
    return found


@pytest.mark.parametrize("limit", [256, 1 << 20])
def test_of_a_finished_segment_no_point_waits(tmp_path: Path, limit: int) -> None:
    """Once the last seal is folded, the overviews have all points, in whatever pieces they came."""
    bench = Bench(tmp_path / "views.db")
    with closing(bench.db):
        for batch in segment(tmp_path, some_points(), NAME, limit=limit):
            bench.apply(batch)
            if not batch.finished and limit == 256:
                assert any(wait for wait, *_ in drawn(bench)) or not drawn(bench)
        assert drawn(bench) == [(0, count, count) for count in COUNTS]


def test_a_killed_writer_is_finished_when_that_is_seen(tmp_path: Path) -> None:
    """A segment without a last seal ends with a batch that has nothing in it, and is absorbed."""
    bench, again = Bench(tmp_path / "views.db"), Bench(tmp_path / "again.db")
    path = Layout(tmp_path).segment(NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(some_points().killed())
    reader = SegmentReader(NAME, path)
    batch = reader.read(limit=1 << 20)
    reader.close()
    dead = Batch(NAME, batch.end, batch.end, NO_POINTS, [], [], finished=True)
    with closing(bench.db), closing(again.db):
        bench.apply(batch)
        assert any(wait for wait, *_ in drawn(bench))
        told = bench.apply(dead)
        assert drawn(bench) == [(0, count, count) for count in COUNTS]
        assert not told.series and not told.truncated, "no point is new"
        again.apply(batch._replace(finished=True))
        assert canonical_dump(again.db) == canonical_dump(bench.db)


def test_a_later_rewind_leaves_none_waiting(tmp_path: Path) -> None:
    """A finished segment that a rewind folds anew is absorbed anew, whichever came first."""
    first = segment(tmp_path, some_points(), NAME, limit=1 << 20)
    other = SegmentName("run1", "x")
    back = SegmentBuild(*other, start=5000.0)
    back.event(StepsRewound(60))
    later = segment(tmp_path, back, other, limit=1 << 20)
    dumps = []
    for place, batches in enumerate(([*first, *later], [*later, *first])):
        bench = Bench(tmp_path / f"views{place}.db")
        with closing(bench.db):
            # Segments get their ids in one order, whatever comes first.
            bench.apply(*(Batch(name, 0, 0, NO_POINTS, [], [], finished=False)
                          for name in (NAME, other)))  # fmt: skip
            for batch in batches:
                bench.apply(batch)
            kept = [min(count, 61) for count in COUNTS]
            found = drawn(bench)
            assert [wait for wait, *_ in found] == [0] * len(COUNTS)
            assert [total for _, total, _ in found][:2] == kept[:2]
            assert all(total == weight for _, total, weight in found)
            dumps.append(canonical_dump(bench.db))
    assert dumps[0] == dumps[1]


def test_what_finished_before_it_was_spread_stays_absorbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether commits are spread at once or late, and memory is lost or not, nothing waits."""
    chance = random.Random(1)
    dumps = []
    for place, commits in enumerate((1, 3, 1000)):
        monkeypatch.setattr(newest, "RECENT_COMMITS_MAX", commits)
        bench = Bench(tmp_path / f"views{place}.db")
        with closing(bench.db):
            for batch in segment(tmp_path, some_points(), NAME, limit=512):
                bench.apply(batch)
                if chance.random() < 0.3:
                    for view in bench.store.views:
                        view.forget()
            assert drawn(bench) == [(0, count, count) for count in COUNTS]
            dumps.append(canonical_dump(bench.db))
    assert dumps[0] == dumps[1] == dumps[2]
    assert COUNTS[-1] > overview.OVERVIEW_MAX, "one of them is longer than its overview"
