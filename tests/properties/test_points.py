"""The points view says what the log says."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from foldline.errors import ViewDamaged
from foldline.layout import Layout, SegmentName
from foldline_ingest.batch import Batch, Points
from foldline_ingest.replay import replay
from foldline_views import pieces, points, viewstore
from foldline_views.database import connect
from foldline_views.exact import EVERYWHERE, ExactPoints, LoggedPoints
from foldline_views.generation import database_path, publish
from foldline_views.pointsource import PointsSource
from foldline_views.shelves import POINTS
from foldline_views.viewstore import SqliteViewStore
from tests.properties.test_folds import batches_of, interleaved
from tests.properties.test_rewinds import SYSTEM, Made, in_sight, make
from tests.segment_build import SegmentBuild

SETTINGS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

any_float = st.floats(width=64)
columns = st.integers(1, 60).flatmap(
    lambda count: st.tuples(
        arrays.arrays(np.uint32, count, elements=st.integers(0, 5)).map(np.sort),
        *(arrays.arrays(np.float64, count, elements=any_float) for _ in range(4)),
    )
)


@given(columns.map(lambda five: Points(*five)))
def test_a_piece_comes_back_to_the_bit(some: Points) -> None:
    """Whatever the numbers are, NaNs with their bits among them, a piece has them all."""
    back = pieces.decode(pieces.encode(some))
    assert back.series.tobytes() == some.series.tobytes()
    for before, after in zip(some[1:4], back[1:4], strict=True):
        assert before.tobytes() == after.tobytes()
    if np.isnan(some.epoch).all():  # none was given
        assert np.isnan(back.epoch).all()
    else:
        assert some.epoch.tobytes() == back.epoch.tobytes()


@given(columns.map(lambda five: Points(*five)), st.data())
def test_a_damaged_piece_is_found_out(some: Points, data: st.DataObject) -> None:
    """A piece of which a byte was changed, or that was cut, is never taken for points."""
    whole = pieces.encode(some)
    at = data.draw(st.integers(0, len(whole) - 1))
    hurt = bytearray(whole)
    hurt[at] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (bytes(hurt), whole[:at]):
        try:
            back = pieces.decode(bad)
        except ViewDamaged:
            continue
        # A bit of the frame's head that means nothing.
        assert all(a.tobytes() == b.tobytes() for a, b in zip(some[1:4], back[1:4], strict=True))


@SETTINGS
@given(seed=st.integers(0, 1 << 30))
def test_the_view_says_what_the_log_says(tmp_path: Path, seed: int) -> None:
    """Cut, interleaved, forgotten and let go at random, the view and the log have one answer."""
    chance = random.Random(seed)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    made = make(tmp_path, chance)
    sizes = chance.choice([(64, 256), (512, 4096), (96, 20_000)])
    parts = batches_of(made.files, lambda: chance.randint(*sizes) // 32 * 32)
    commits = interleaved(parts, chance)
    kept = chance.randint(0, len(commits))
    with (
        patch.object(points, "STRETCH_POINTS", chance.choice([1, 7, 40])),
        patch.object(points, "ENDED_POINTS_MIN", chance.choice([1, 10, 100])),
        patch.object(points, "HELD_POINTS_MAX", chance.choice([0, 10, 10_000])),
        patch.object(pieces, "PIECE_POINTS", chance.choice([1, 5, 1000])),
    ):
        fold(Layout(tmp_path), commits[:kept], chance)
        check_all(Layout(tmp_path), made)
        check_parts(Layout(tmp_path), commits, chance)


@pytest.mark.parametrize(("least", "stretches"), [(40, 1), (41, 0)])
def test_a_small_segment_has_no_pieces(tmp_path: Path, least: int, stretches: int) -> None:
    """Once it is finished, its points are found in the log; a larger one has pieces of all."""
    name = SegmentName("r", "w")
    build = SegmentBuild(*name, window=4096, block=1024)
    build.define(1, "loss")
    for step in range(40):
        build.point(1, step, step / 4)
    path = Layout(tmp_path).segment(name)
    path.parent.mkdir(parents=True)
    path.write_bytes(build.close())
    with patch.object(points, "ENDED_POINTS_MIN", least):
        commits = [[batch] for batch in batches_of([(name, path)], lambda: 512)[0]]
        fold(Layout(tmp_path), commits, random.Random(1))
    views = database_path(POINTS.folder(Layout(tmp_path).views), 1)
    with closing(connect(views, write=False)) as db:
        assert db.execute("SELECT count(*) FROM piece").fetchone() == (stretches,)
    assert PointsSource(Layout(tmp_path)).points(("r", "loss", {})).steps.tolist() == [*range(40)]


def fold(layout: Layout, commits: list[list[Batch]], chance: random.Random) -> None:
    """Fold commits into the points view of a store; memory is lost now and then."""
    path = database_path(POINTS.folder(layout.views), 1)
    path.parent.mkdir(parents=True)
    store = SqliteViewStore.__new__(SqliteViewStore)
    store.__init__(None, POINTS, 1, partial(replay, layout))  # type: ignore[misc]  # no thread
    with closing(connect(path, write=True)) as db:
        viewstore._create(db, POINTS)
        for commit in commits:
            store._apply(db, commit)
            if chance.random() < 0.2:
                store.views[0].forget()
    publish(POINTS.folder(layout.views), 1)


def check_all(layout: Layout, made: Made) -> None:
    """Assert that what is found is what plain Python says."""
    for number, name in ((1, "loss"), (2, SYSTEM)):
        mine = [p for p in in_sight(made.said) if p.series == number]
        mine.sort(key=lambda p: (p.step, p.writer))
        found = PointsSource(layout).points(("r", name, {}))
        assert np.array_equal(found.steps, [p.step for p in mine])
        assert np.array_equal(found.values, [p.value for p in mine])
        assert np.array_equal(found.times, [p.time for p in mine])
        same(found, LoggedPoints(layout).points(("r", name, {})))


def check_parts(layout: Layout, commits: list[list[Batch]], chance: random.Random) -> None:
    """Assert that a span, a time and ends of segments choose what they choose of the log."""
    view, log = PointsSource(layout), LoggedPoints(layout)
    times = [time for commit in commits for batch in commit for time in batch.points.time]
    for name in ("loss", SYSTEM):
        series: tuple[str, str, dict[str, Any]] = ("r", name, {})
        low = chance.uniform(-10, 400)
        span = (low, low + chance.uniform(0, 100))
        same(view.points(series, span), log.points(series, span))
        as_of = chance.choice(times) if times else 0.0
        same(view.points(series, as_of=as_of), log.points(series, as_of=as_of))
        ends: dict[str, int] = {}
        for commit in commits[: chance.randint(0, len(commits))]:
            ends.update({batch.segment.writer: batch.end for batch in commit})
        asked = chance.choice([span, EVERYWHERE])
        same(view.points(series, asked, ends=ends), log.points(series, asked, ends=ends))


def same(one: ExactPoints, other: ExactPoints) -> None:
    for name, left, right in zip(ExactPoints._fields, one, other, strict=True):
        assert np.array_equal(left, right, equal_nan=True), name


def test_a_damaged_view_costs_no_points(tmp_path: Path) -> None:
    """Where the view can't be read the log is, and the fold is told to make it again."""
    made = make(tmp_path, random.Random(5))
    parts = batches_of(made.files, lambda: 4096)
    with patch.object(points, "STRETCH_POINTS", 10):
        fold(Layout(tmp_path), [part for part in parts if part], random.Random(5))
    path = database_path(POINTS.folder(Layout(tmp_path).views), 1)
    for part in (0.0, 0.5):
        data = bytearray(path.read_bytes())
        at = int(len(data) * part)
        data[at : at + 20_000] = b"\xaa" * 20_000
        path.write_bytes(data)
        check_all(Layout(tmp_path), made)
    assert (path.parent / "damaged").exists()


def test_another_version_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view whose rows mean something else is left to the fold; the log has the points."""
    made = make(tmp_path, random.Random(6))
    fold(Layout(tmp_path), batches_of(made.files, lambda: 4096), random.Random(6))
    monkeypatch.setattr(points.PointsView, "version", 99)
    check_all(Layout(tmp_path), made)
