"""Whose points are whose in the series view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from foldline.events import StepsRewound
from foldline.layout import Layout, SegmentName
from foldline_ingest.announce import ANNOUNCED_SERIES_MAX
from foldline_ingest.batch import Batch
from foldline_ingest.reader import SegmentReader
from foldline_ingest.replay import replay
from foldline_ingest.view import Applied
from foldline_views import absorption, newest, viewstore
from foldline_views import series as series_module
from foldline_views.buckets import CHUNK
from foldline_views.database import connect
from foldline_views.series import context_key
from foldline_views.shelves import CATALOG
from foldline_views.slots import GROUP, first_chunk
from foldline_views.viewstore import SqliteViewStore
from tests.canonical import canonical_dump
from tests.segment_build import SegmentBuild


class Bench:
    """A view store without its thread: the test has the connection."""

    def __init__(self, path: Path) -> None:
        self.db = connect(path, write=True)
        viewstore._create(self.db, CATALOG)
        self.store = SqliteViewStore.__new__(SqliteViewStore)
        replaying = partial(replay, Layout(path.parent))
        self.store.__init__(None, CATALOG, 1, replaying)  # type: ignore[misc]  # see above

    def apply(self, *batches: Batch) -> Applied:
        return self.store._apply(self.db, list(batches))

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Return how many points each series has, by run, name and context."""
        rows = self.db.execute(
            "SELECT uid, name, context, slot.id FROM slot JOIN series ON series.id = series"
            " JOIN run ON run.id = run ORDER BY slot.id"
        ).fetchall()
        figures = newest.summaries_of(self.db, [row[3] for row in rows])
        found: dict[tuple[str, str, str], int] = {}
        for row, count in zip(rows, figures[0].tolist(), strict=True):
            found[row[:3]] = found.get(row[:3], 0) + int(count)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "views.db")
    with closing(bench.db):
        yield bench


def batches(folder: Path, build: SegmentBuild, name: SegmentName, limit: int) -> list[Batch]:
    path = folder / f"{name.run}-{name.writer}.fold"
    path.write_bytes(build.close())
    reader = SegmentReader(name, path)
    found = []
    while (batch := reader.read(limit=limit)).bytes:
        found.append(batch)
    reader.close()
    return found


def test_a_name_and_a_context_are_a_series(bench: Bench, tmp_path: Path) -> None:
    """The same name with another context, or in another run, is another series."""
    for run in ("run1", "run2"):
        build = SegmentBuild(run, "w", window=8192, block=1024)
        build.define(1, "loss", {"subset": "train", "fold": 1})
        build.define(2, "loss", {"subset": "val"})
        build.define(3, "loss")
        for step in range(12):
            build.point(1 + step % 3 * (step % 2), step, 1.0)
        bench.apply(*batches(tmp_path, build, SegmentName(run, "w"), 1 << 16))
    counts = bench.counts()
    for run in ("run1", "run2"):
        mine = {context: count for (uid, _, context), count in counts.items() if uid == run}
        assert mine == {'{"fold":1,"subset":"train"}': 8, '{"subset":"val"}': 2, "{}": 2}


def test_the_order_of_a_contexts_keys_does_not_matter() -> None:
    """A context has one text, nested ones too."""
    one = {"b": {"y": 1, "x": [1, None]}, "a": True}
    other = {"a": True, "b": {"x": [1, None], "y": 1}}
    assert context_key(one) == context_key(other)
    assert context_key({}) == "{}" and context_key(one) != context_key({"a": True})


def test_a_definition_may_come_in_an_earlier_batch_of_the_same_commit(
    bench: Bench, tmp_path: Path
) -> None:
    """Batches of one commit are taken in their order, with points or without."""
    build = SegmentBuild("run1", "w", window=4096, block=1024)
    build.define(1, "loss")
    for step in range(40):
        build.point(1, step, 1.0)
    bench.apply(*batches(tmp_path, build, SegmentName("run1", "w"), 128))
    assert bench.counts() == {("run1", "loss", "{}"): 40}


def test_the_newest_point_is_told(bench: Bench, tmp_path: Path) -> None:
    """After a commit each series that changed is told with its count and newest point."""
    build = SegmentBuild("run1", "w", window=16384, block=4096)
    build.define(1, "a", {"k": 1})
    build.define(2, "b")
    for step in range(150):
        build.point(1, step, float(step))
    build.point(1, 3, 77.0)
    first = bench.apply(*batches(tmp_path, build, SegmentName("run1", "w"), 1 << 16))
    (delta,) = first.series
    assert (delta.run, delta.name, delta.context) == ("run1", "a", {"k": 1})
    assert (delta.count, delta.step, delta.value) == (151, 149.0, 149.0)
    other = SegmentBuild("run1", "x", start=1_800_000_000.0)
    other.define(1, "a", {"k": 1})
    other.point(1, 149, -1.0)
    second = bench.apply(*batches(tmp_path, other, SegmentName("run1", "x"), 1 << 16))
    (delta,) = second.series
    assert (delta.count, delta.step, delta.value) == (152, 149.0, -1.0), "both writers' points"
    assert not second.truncated and second.runs == ["run1"]


def test_too_many_changes_are_told_in_part(bench: Bench, tmp_path: Path) -> None:
    """More series than are announced: some are, and that it is not all is said."""
    build = SegmentBuild("run1", "w", window=65536, block=65536)
    for number in range(1, ANNOUNCED_SERIES_MAX + 3):
        build.define(number, f"m{number}")
        build.point(number, 1, 1.0)
    applied = bench.apply(*batches(tmp_path, build, SegmentName("run1", "w"), 1 << 20))
    assert applied.truncated and len(applied.series) == ANNOUNCED_SERIES_MAX


@pytest.mark.parametrize(
    ("module", "bound"), [(series_module, "POOL_SLOTS_MAX"), (absorption, "LEVELS_MAX")]
)
def test_what_is_forgotten_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, bound: str
) -> None:
    """With more series than are held in memory the views are the same."""
    parts = []
    for number in range(4):
        name = SegmentName(f"run{number}", "w")
        build = SegmentBuild(*name, window=65536, block=65536)
        for series in range(1, 6):
            build.define(series, f"m{series}")
        for step in range(6 * CHUNK):
            build.point(1 + step % 5, step, float(np.sin(step)))
        parts.append(batches(tmp_path, build, name, 4096))
    rounds = [batch for group in zip(*parts, strict=True) for batch in group]
    dumps = []
    for value in (10_000, 2):
        monkeypatch.setattr(module, bound, value)
        bench = Bench(tmp_path / f"views{value}.db")
        with closing(bench.db) as db:
            for batch in rounds:
                bench.apply(batch)
            dumps.append(canonical_dump(db))
    assert dumps[0] == dumps[1]


def test_a_series_number_beyond_all_is_no_series(bench: Bench, tmp_path: Path) -> None:
    """A definition or a point with a number that no SDK gives is left out, and costs nothing."""
    build = SegmentBuild("run1", "w", window=8192, block=2048)
    for number in (0, -5, series_module.SERIES_PER_SEGMENT_MAX, 2**40):
        build.define(number, f"odd {number}")
    for number in (0, series_module.SERIES_PER_SEGMENT_MAX, 2**32 - 1):
        build.point(number, 1, 1.0)
    build.define(1, "good")
    build.point(1, 1, 1.0)
    bench.apply(*batches(tmp_path, build, SegmentName("run1", "w"), 256))
    assert bench.counts() == {("run1", "good", "{}"): 1}


def test_series_that_move_together_are_absorbed_one_after_another(
    bench: Bench, tmp_path: Path
) -> None:
    """Of series that get a point in every commit, few are absorbed in any of them."""
    count = CHUNK
    build = SegmentBuild("run1", "w", window=1 << 20, block=1 << 16)
    for number in range(1, count + 1):
        build.define(number, f"m{number}")
    for step in range(CHUNK):
        for number in range(1, count + 1):
            build.point(number, step, 1.0)
    # A batch is one step of all series.
    whole = batches(tmp_path, build, SegmentName("run1", "w"), 1 << 22)
    absorbed = []
    for batch in whole:
        for at in range(0, len(batch.points), count):
            chosen = np.zeros(len(batch.points), dtype=bool)
            chosen[at : at + count] = True
            bench.apply(batch.where(chosen)._replace(finished=False))
            (levels,) = bench.db.execute("SELECT count(*) FROM level").fetchone()
            absorbed.append(levels)
    assert absorbed[-1] == count
    assert 0 < max(np.diff(absorbed)) <= GROUP
    every = {first_chunk("w", number) for number in range(1, GROUP * CHUNK + 1, GROUP)}
    assert every == set(range(1, CHUNK + 1))
    assert len({first_chunk(f"w{number}", 1) for number in range(CHUNK)}) > CHUNK / 2


def test_slots_that_are_loaded_twice_are_spread_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rewinds of another writer hid, twice before it was spread, stays hidden."""
    bench = Bench(tmp_path / "views.db")
    ended = SegmentBuild("run1", "wa", window=65536, block=65536, start=1000.0)
    ended.define(1, "loss")
    for step in range(300):
        ended.point(1, step, 1.0)
    builds = {"wa": ended}
    for writer, step in (("wb", 200), ("wc", 50)):
        builds[writer] = SegmentBuild("run1", writer, start=2000.0 + step)
        builds[writer].event(StepsRewound(step))
    parts = []
    for writer, build in builds.items():
        path = Layout(tmp_path).segment(SegmentName("run1", writer))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(build.close())
        reader = SegmentReader(SegmentName("run1", writer), path)
        parts.append(reader.read())
        reader.close()
    monkeypatch.setattr(newest, "RECENT_COMMITS_MAX", len(parts))
    with closing(bench.db):
        for batch in parts:
            bench.apply(batch)
        assert bench.counts() == {("run1", "loss", "{}"): 51}
        assert bench.db.execute("SELECT total FROM chunk").fetchall() == [(51,)]
