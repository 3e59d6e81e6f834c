"""What every view keeps to, whatever it holds.

A shelf is checked by standing in the registry; nothing has to be written here for a new one, but
for columns of its tables that depend on how commits came.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import foldline
from foldline.layout import Layout, SegmentName
from foldline_ingest import log, reader
from foldline_ingest.batch import NO_POINTS, Batch
from foldline_ingest.replay import replay
from foldline_views import viewstore
from foldline_views.database import connect
from foldline_views.folding import catch_up, rebuild
from foldline_views.generation import current
from foldline_views.shelf import Shelf
from foldline_views.shelves import SHELVES, named
from foldline_views.viewstore import SqliteViewStore
from tests.forked import forked, was_killed
from tests.properties.test_folds import batches_of, interleaved
from tests.views.contract import dump, make

Log = list[tuple[SegmentName, Path]]
all_shelves = pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.name)
COMMITS = 20  # of an example, about
WHOLE = (1 << 20, 1 << 20)
SETTINGS = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Crash(Exception):
    """What the test injects."""


class Bench:
    """The views of a shelf without their thread: the test has the connection."""

    def __init__(self, folder: Path, shelf: Shelf, store: Path, log: Log) -> None:
        self.shelf = shelf
        folder.mkdir()  # a view may keep something beside the file
        self.db = connect(folder / "views.db", write=True)
        self.db.execute("PRAGMA synchronous = OFF")
        viewstore._create(self.db, shelf)
        self.store = SqliteViewStore.__new__(SqliteViewStore)
        replaying = partial(replay, Layout(store))
        self.store.__init__(None, shelf, 1, replaying)  # type: ignore[misc]  # see above
        # Runs and segments get their ids in one order, whatever comes first afterwards.
        self.apply([Batch(name, 0, 0, NO_POINTS, [], [], finished=False) for name, _ in log])

    def apply(self, batches: Sequence[Batch]) -> None:
        cut = [as_followed(batch, self.shelf) for batch in batches]
        self.store._apply(self.db, cut)

    def forget(self) -> None:
        for view in self.store.views:
            view.forget()

    def dump(self) -> bytes:
        return dump(self.db, self.shelf)


def as_followed(batch: Batch, shelf: Shelf) -> Batch:
    """Return a batch as a shelf gets it that needs no points."""
    if not shelf.events_only:
        return batch
    bare = [(0, head) for _, head in batch.rewinds]
    return Batch(*batch[:3], NO_POINTS, *batch[4:7], bare)


@contextmanager
def bench(folder: Path, shelf: Shelf, store: Path, log: Log) -> Iterator[Bench]:
    made = Bench(folder, shelf, store, log)
    with closing(made.db):
        yield made
        made.forget()


def whole(store: Path, shelf: Shelf, log: Log, commits: list[list[Batch]]) -> bytes:
    """Fold commits one after the other; return what there is in the end."""
    with bench(store / f"whole {random.random()}", shelf, store, log) as made:
        for commit in commits:
            made.apply(commit)
        return made.dump()


def one_by_one(log: Log) -> list[list[Batch]]:
    return [[batch] for part in batches_of(log, lambda: 1 << 20) for batch in part]


def grouped(commits: list[list[Batch]]) -> list[list[Batch]]:
    """Return fewer commits of more batches: some views take 10 ms for one of any size."""
    size = 1 + len(commits) // COMMITS
    return [
        [batch for commit in commits[at : at + size] for batch in commit]
        for at in range(0, len(commits), size)
    ]


@all_shelves
@SETTINGS
@given(seed=st.integers(0, 1 << 30))
def test_any_cutting_and_any_order_gives_the_same(tmp_path: Path, shelf: Shelf, seed: int) -> None:
    """Replayed or live, in any pieces, writers mixed in any way, memory lost: the same rows."""
    chance = random.Random(seed)
    with TemporaryDirectory(dir=tmp_path, ignore_cleanup_errors=True) as folder:
        store = Path(folder)
        hurt = chance.random() < 0.3
        log = make(store, chance, hurt=hurt)
        replayed = whole(store, shelf, log, one_by_one(log))
        # A seal tells of damage to who reads all that it covers at once, as the log does.
        sizes = chance.choice([(64, 256), (512, 4096), (96, 20_000)] if not hurt else [WHOLE])
        parts = batches_of(log, lambda: chance.randint(*sizes) // 32 * 32)
        with bench(store / "live", shelf, store, log) as made:
            for commit in grouped(interleaved(parts, chance)):
                made.apply(commit)
                if chance.random() < 0.2:
                    made.forget()
            assert made.dump() == replayed


@all_shelves
def test_nothing_is_nothing(tmp_path: Path, shelf: Shelf) -> None:
    """Folding no batches, or batches with nothing in them, changes no row and tells nobody."""
    log = make(tmp_path, random.Random(1))
    with bench(tmp_path / "bench", shelf, tmp_path, log) as made:
        empty = made.dump()
        made.apply([])
        made.apply([Batch(name, 0, 0, NO_POINTS, [], [], finished=False) for name, _ in log])
        assert made.dump() == empty
        for commit in one_by_one(log):
            made.apply(commit)
        before = made.dump()
        made.apply([])
        assert made.dump() == before != empty


@all_shelves
def test_a_commit_that_fails_anywhere_costs_nothing(tmp_path: Path, shelf: Shelf) -> None:
    """Whatever is refused in a commit, nothing of it stays, and the next try has all of it."""
    log = make(tmp_path, random.Random(2))
    commits = [batch for commit in one_by_one(log) for batch in commit]
    parts = [batch for part in batches_of(log, lambda: 2048) for batch in part]
    expected = whole(tmp_path, shelf, log, [commits])
    middle = len(parts) // 2
    step, failures = 0, 0
    while True:
        with bench(tmp_path / f"views{step}", shelf, tmp_path, log) as made:
            made.apply(parts[:middle])
            before = made.dump()
            step += 1 + step // 5
            asked = refuse(made.db, step)
            try:
                made.apply(parts[middle:])
            except sqlite3.DatabaseError:
                failures += 1
                made.db.set_authorizer(None)
                assert made.dump() == before
                made.apply(parts[middle:])
            made.db.set_authorizer(None)
            assert made.dump() == expected
            if asked() < step:
                break
    assert failures > 3


def refuse(db: sqlite3.Connection, step: int) -> Callable[[], int]:
    """Make the step-th thing that is asked of SQLite fail; return a count of what was asked."""
    asked = 0

    def authorize(*_: object) -> int:
        nonlocal asked
        asked += 1
        return sqlite3.SQLITE_DENY if asked == step else sqlite3.SQLITE_OK

    db.set_authorizer(authorize)
    return lambda: asked


@all_shelves
def test_a_view_that_raises_takes_back_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    """If one view of a shelf raises, nothing of the commit stays in the file or in memory."""
    log = make(tmp_path, random.Random(3))
    commits = one_by_one(log)
    with bench(tmp_path / "bench", shelf, tmp_path, log) as made:
        made.apply(commits[0])
        before = made.dump()
        for view in made.store.views:
            real = view.apply

            def crash(session: object, batches: Sequence[Batch], real: object = real) -> None:
                real(session, batches)  # type: ignore[operator]  # it is the view's own
                raise Crash

            with monkeypatch.context() as patch:
                patch.setattr(view, "apply", crash)
                with pytest.raises(Crash):
                    made.apply([batch for commit in commits[1:] for batch in commit])
            assert made.dump() == before
        for commit in commits[1:]:
            made.apply(commit)
        assert made.dump() == whole(tmp_path, shelf, log, commits)


def live_dump(store: Path, shelf: Shelf) -> bytes:
    """Return what readers of a store see; runs are there in one order."""
    generation = current(shelf.folder(Layout(store).views))
    assert generation is not None
    with closing(connect(generation.path, write=False)) as db:
        return dump(db, shelf)


def some_log(store: Path) -> None:
    with foldline.Run(id="one", store=store, params={"lr": 0.1}) as run:
        for step in range(3000):
            run.track({"a": step * 0.5, "b": -step}, step=step)
            if step % 100 == 0:
                run.log_info(f"at {step}")
                run.track(foldline.Text(f"text {step}"), name="texts", step=step)


@all_shelves
def test_killed_at_any_moment_it_goes_on(tmp_path: Path, shelf: Shelf) -> None:
    """A process that is killed while it folds leaves commits; the next one goes on from there."""
    store = tmp_path / "store"
    some_log(store)
    caught_up = partial(catch_up, Layout(store), shelves=(shelf,))

    def fold() -> None:
        log.BATCH_BYTES_MAX = reader.READ_BYTES = 4096
        anyio.run(caught_up)

    kills, moment_s = 0, 0.01
    while was_killed(forked(fold, kill_after_s=moment_s)):
        kills, moment_s = kills + 1, moment_s * 1.6  # until one gets to its end
    assert kills > 0
    assert anyio.run(caught_up)
    after_kills = live_dump(store, shelf)
    anyio.run(partial(rebuild, Layout(store), shelves=(shelf,)))
    assert live_dump(store, shelf) == after_kills


@all_shelves
def test_it_is_rebuilt_alone(tmp_path: Path, shelf: Shelf) -> None:
    """A shelf that is made again is as it was, and no other is touched."""
    store = tmp_path / "store"
    some_log(store)
    anyio.run(partial(catch_up, Layout(store), shelves=SHELVES))
    before = {other.name: current(other.folder(Layout(store).views)) for other in SHELVES}
    folded = live_dump(store, shelf)
    anyio.run(partial(rebuild, Layout(store), shelves=(shelf,)))
    assert live_dump(store, shelf) == folded
    for other in SHELVES:
        same = current(other.folder(Layout(store).views)) == before[other.name]
        assert same == (other != shelf)


@all_shelves
def test_rows_of_another_version_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    """Raising a view's version makes its shelf again from the log, and no other one."""
    store = tmp_path / "store"
    some_log(store)
    anyio.run(partial(catch_up, Layout(store), shelves=SHELVES))
    folded = live_dump(store, shelf)
    numbers = {other.name: number_of(store, other) for other in SHELVES}
    monkeypatch.setattr(shelf.views[-1], "version", 999)
    anyio.run(partial(catch_up, Layout(store), shelves=SHELVES))
    assert live_dump(store, shelf) == folded
    sharing = {other.name for other in SHELVES if shelf.views[-1] in other.views}
    for other in SHELVES:
        made_again = number_of(store, other) != numbers[other.name]
        assert made_again == (other.name in sharing)


def number_of(store: Path, shelf: Shelf) -> int:
    generation = current(shelf.folder(Layout(store).views))
    assert generation is not None
    return generation.number


def test_shelves_can_be_told_apart() -> None:
    """Names are those of folders, and each shelf's views have tables of their own."""
    assert len({shelf.name for shelf in SHELVES}) == len(SHELVES)
    for shelf in SHELVES:
        assert re.fullmatch(r"[a-z]+", shelf.name)
        assert named(shelf.name) == shelf
        assert shelf.version == Shelf(*shelf).version
        with closing(sqlite3.connect(":memory:")) as db:
            viewstore._create(db, shelf)  # fails where two views have one table
    assert named("no such shelf") is None
