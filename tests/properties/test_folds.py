"""Folds are pure: any cut gives the same views."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial, reduce
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foldline.events import (
    ArtifactLogged,
    FieldsSet,
    ParamsRemoved,
    ParamsSet,
    PointsDropped,
    SummarySet,
    TagsChanged,
    WriterLost,
)
from foldline.layout import Layout, SegmentName
from foldline_ingest.batch import Batch
from foldline_ingest.reader import SegmentReader
from foldline_ingest.replay import replay
from foldline_views import buckets, compressed, newest, summaries, viewstore
from foldline_views.database import connect
from foldline_views.shelves import CATALOG
from tests.canonical import canonical_dump
from tests.segment_build import SegmentBuild

Floats = NDArray[np.float64]

finite_steps = st.one_of(
    st.integers(-50, 3000).map(float),
    st.floats(-1e4, 1e4),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 2.0**53, -(2.0**62), 1e300, -1e300]),
)
any_values = st.one_of(
    st.floats(), st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e308, -1e308])
)
few = st.integers(-1, 1).map(float)  # the same steps, or values, over and over
points_of_four = st.one_of(
    *(
        st.lists(st.tuples(st.integers(0, 3), steps, values), min_size=1, max_size=120)
        for steps, values in ((few, few), (finite_steps, any_values))
    )
)
MIN_AND_MAX = (summaries.MIN, summaries.MIN_STEP, summaries.MAX, summaries.MAX_STEP)
Row = tuple[int, float, float, float]  # a point: whose it is, step, value, time
SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def points_from(seed: int, count: int) -> Floats:
    """Return points of one of the shapes that trainings have: step, value, time."""
    chance = np.random.default_rng(seed)
    step: NDArray[Any] = np.arange(count, dtype=np.float64)
    match seed % 8:
        case 1:
            step = chance.permutation(count) * 1.0
        case 2:
            step = np.repeat(step, 3)[:count]
        case 3:
            step = np.floor(chance.normal(0, 1e6, count)).astype(np.float64)
        case 4:
            step = step / 1000 - 1
        case 5:
            step *= np.exp(chance.uniform(0, 600, count)) * chance.choice([-1.0, 1.0], count)
        case 6:
            step = np.where(chance.random(count) < 0.05, -step, step)
        case 7:
            step = np.sort(chance.integers(0, 2**60, count)).astype(np.float64)
    value = chance.choice([0.0, -0.0, 1.0, -1.0], count) * chance.choice([1.0, 1e-9, 1e300], count)
    value[chance.random(count) < 0.05] = chance.choice([np.nan, np.inf, -np.inf])
    return np.stack((step, value, 1e9 + np.arange(count)))


def absorbed(points: Floats, cuts: Sequence[int]) -> buckets.Level:
    level = buckets.EMPTY
    for begin, end in pairwise([0, *sorted(cuts), points.shape[1]]):
        level = buckets.absorb(level, *points[:, begin:end])
    return level


def truth(points: Floats, width: int) -> dict[float, list[int]]:
    """Return which points belong in each bucket, in the order of arrival."""
    found: dict[float, list[int]] = {}
    for place, step in enumerate(points[0].tolist()):
        found.setdefault(key_of(step, width), []).append(place)
    return found


def key_of(step: float, width: int) -> float:
    try:
        return float(math.floor(math.ldexp(step, -width)))
    except OverflowError:
        return math.copysign(math.inf, step)


def assert_true(level: buckets.Level, points: Floats) -> None:
    """Assert that every bucket of a level is what plain Python says of its points."""
    groups = truth(points, level.width)
    assert level.buckets.shape[1] == len(groups) <= buckets.BUCKETS_MAX
    step, value, time = (row.tolist() for row in points)
    for column, key in enumerate(sorted(groups)):
        places = groups[key]
        bucket = level.buckets[:, column].tolist()
        low, high = min(step[p] for p in places), max(step[p] for p in places)
        first = next(p for p in places if step[p] == low)
        last = next(p for p in reversed(places) if step[p] == high)
        finite = [value[p] for p in places if math.isfinite(value[p])]
        assert bucket[buckets.STEP] == low and bucket[buckets.STEP_LAST] == high
        assert same(bucket[buckets.FIRST], value[first]) and same(bucket[buckets.LAST], value[last])
        assert bucket[buckets.TIME] == time[last]
        assert bucket[buckets.COUNT] == len(finite)
        assert bucket[buckets.NONFINITE] == len(places) - len(finite)
        assert bucket[buckets.MIN] == min(finite, default=math.inf), "a spike was lost"
        assert bucket[buckets.MAX] == max(finite, default=-math.inf), "a spike was lost"


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def stored(level: buckets.Level) -> buckets.Packed:
    """Return the stored form of a level."""
    time = compressed.pack_times(level.buckets[buckets.TIME])[0]
    return buckets.pack(level.buckets, time)


def unpacked(level: buckets.Level) -> Floats:
    """Return the buckets that a reader finds in the stored form of a level."""
    step, value, time = stored(level)
    count = level.buckets.shape[1]
    steps = buckets.unpack_steps(count, memoryview(step))
    values = buckets.unpack_values(count, memoryview(value))
    return buckets.joined(steps, values, compressed.unpack_times(time, [len(time)], [count]))


@SETTINGS
@given(
    seed=st.integers(0, 10_000),
    chunks=st.integers(1, 40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
def test_levels_do_not_depend_on_the_cutting(seed: int, chunks: int, cuts: list[int]) -> None:
    """Absorbing in any number of calls gives the same bytes, and true buckets."""
    points = points_from(seed, chunks * buckets.CHUNK)
    at_once = absorbed(points, [])
    in_parts = absorbed(points, [min(cut, chunks) * buckets.CHUNK for cut in cuts])
    assert at_once.width == in_parts.width
    assert stored(at_once) == stored(in_parts)
    assert np.array_equal(unpacked(at_once), at_once.buckets, equal_nan=True)
    assert_true(at_once, points)


@SETTINGS
@given(
    data=st.lists(st.tuples(finite_steps, any_values), min_size=1, max_size=60),
    repeats=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_levels_of_odd_points(data: list[tuple[float, float]], repeats: int, seed: int) -> None:
    """NaN, infinities, signed zeros, huge, tiny, negative and repeated steps: true, and pure."""
    chosen = random.Random(seed).choices(data, k=repeats * buckets.CHUNK)
    columns = [*np.array(chosen).T, 1e9 + np.arange(len(chosen))]
    points = np.stack(columns)
    at_once = absorbed(points, [])
    one_by_one = absorbed(points, range(buckets.CHUNK, points.shape[1], buckets.CHUNK))
    assert stored(at_once) == stored(one_by_one)
    assert np.array_equal(unpacked(at_once), at_once.buckets, equal_nan=True)
    if np.all(np.abs(points[0]) < 1e290):
        assert_true(at_once, points)


@SETTINGS
@given(seed=st.integers(0, 10_000), chunks=st.integers(9, 30))
def test_the_width_is_the_smallest_that_fitted(seed: int, chunks: int) -> None:
    """A level is never coarser than its points at that time asked for."""
    points = points_from(seed, chunks * buckets.CHUNK)
    level = absorbed(points, [])
    assert level.buckets.shape[1] <= buckets.BUCKETS_MAX
    if level.width > buckets.WIDTH_MIN:
        finer = len(truth(points, level.width - 1))
        assert finer > buckets.BUCKETS_MAX


@SETTINGS
@given(
    data=points_of_four,
    cuts=st.lists(st.integers(0, 100), max_size=6),  # in percent of the points
)
def test_summaries_do_not_depend_on_the_cutting(
    data: list[tuple[int, float, float]], cuts: list[int]
) -> None:
    """Folded at once or in parts, many series together or alone, figures are bit for bit equal."""
    at_once = folded(data, [])
    in_parts = folded(data, cuts)
    assert at_once.tobytes() == in_parts.tobytes()
    rows = timed(data)
    for series in {row[0] for row in rows}:
        expected_of([row for row in rows if row[0] == series], at_once[:, series].tolist())


@SETTINGS
@given(points_of_four)
def test_summaries_of_writers_are_one_as_if_one_had_written_after_the_other(
    data: list[tuple[int, float, float]],
) -> None:
    """Of equal steps the first writer's is first and the last one's last; sums are added up."""
    rows = sorted(timed(data), key=lambda row: row[0])
    parts = folded(data, [])[:, sorted({row[0] for row in rows})]
    expected_of(rows, summaries.merge(parts)[:, 0].tolist())


def timed(data: list[tuple[int, float, float]]) -> list[Row]:
    """Return whose each point is, its step, its value, and a time that no other has."""
    return [(whose, step, value, 1e9 + at) for at, (whose, step, value) in enumerate(data)]


def folded(data: list[tuple[int, float, float]], cuts: list[int]) -> Floats:
    state, rows = summaries.fresh(4), timed(data)
    edges = [0, *sorted(cut * len(data) // 100 for cut in cuts), len(data)]
    for begin, end in pairwise(edges):
        part = sorted(rows[begin:end], key=lambda row: row[0])
        if not part:
            continue
        owner = np.array([row[0] for row in part])
        touched, starts = np.unique(owner, return_index=True)
        columns = (np.array([row[i] for row in part]) for i in (1, 2, 3))
        state[:, touched] = summaries.fold(state[:, touched], starts, *columns)
    return state


def expected_of(mine: list[Row], found: list[float]) -> None:
    """Assert that a summary is what plain Python says of its points."""
    finite = [(value, step) for _, step, value, _ in mine if math.isfinite(value)]
    odd = [step for _, step, value, _ in mine if not math.isfinite(value)]
    low, high = min(row[1] for row in mine), max(row[1] for row in mine)
    *_, first, first_time = next(row for row in mine if row[1] == low)
    *_, last, last_time = next(row for row in reversed(mine) if row[1] == high)
    assert found[summaries.COUNT] == len(mine)
    assert found[summaries.NONFINITE] == len(odd)
    assert found[summaries.NONFINITE_STEP] == min(odd, default=math.inf)
    assert found[summaries.FIRST_STEP] == low and same(found[summaries.FIRST], first)
    assert found[summaries.LAST_STEP] == high and same(found[summaries.LAST], last)
    assert found[summaries.FIRST_TIME] == first_time and found[summaries.LAST_TIME] == last_time
    if finite:
        least, most = min(v for v, _ in finite), max(v for v, _ in finite)
        assert found[summaries.MIN] == least and found[summaries.MAX] == most
        assert found[summaries.MIN_STEP] == min(s for v, s in finite if v == least)
        assert found[summaries.MAX_STEP] == min(s for v, s in finite if v == most)
        sums: dict[int, float] = {}  # each writer's, in the order of arrival
        for whose, _, value, _ in mine:
            sums[whose] = sums.get(whose, 0.0) + (value if math.isfinite(value) else 0.0)
        exact = [*MIN_AND_MAX, summaries.FIRST_STEP, summaries.LAST_STEP]
        assert "-0.0" not in {str(found[row]) for row in exact}  # of two zeros there is one
        assert same(found[summaries.SUM], reduce(add, sums.values()))


# -- whole views


def writers() -> list[tuple[SegmentName, bytes]]:
    """Return the segments of two runs: one of three writers who say things about it at once."""
    files = []
    for index, writer in enumerate(("wa", "wb", "wc")):
        build = SegmentBuild("shared", writer, salt=index, window=4096, block=1024,
                             start=1_700_000_000.0 + index * 0.125)  # fmt: skip
        build.define(1, "loss", {"subset": "train", "fold": 1})
        build.define(2, f"own of {writer}")
        for step in range(150 + 70 * index):
            build.point(1, step, math.nan if step % 41 == 0 else step * (0.1 + index))
            if step % 3 == 0:
                build.point(2, step / 4, -0.0 if step % 2 else 0.0)
            if step % 40 == index:
                build.event(FieldsSet({"name": f"{writer} {step}", "notes": None}))
                build.event(ParamsSet(["a", "b"] if step % 80 else ["a"], {"k": step}))
                build.event(TagsChanged([f"t{step % 3}"], [f"t{(step + index) % 3}"]))
                build.event(SummarySet(["best"] if step % 80 else [], {"k": step}))
                build.event(ArtifactLogged(f"net{step % 3}", f"d{step}", aliases=["last"]))
            if step % 55 == index:
                build.event(ParamsRemoved(["a", "b"]))
                build.wide(1, step - 100, 9.5)
        if writer == "wb":
            build.event(PointsDropped(3, "full"))
            files.append((SegmentName("shared", writer), build.killed(4096)))
        else:
            files.append((SegmentName("shared", writer), build.close()))
    lost = SegmentBuild("shared", "zz", salt=9, start=1_700_000_900.0)
    lost.event(WriterLost("wb", 1_700_000_050.0))
    files.append((SegmentName("shared", "zz"), lost.close()))
    single = SegmentBuild("single", "w", salt=5, window=4096, block=1024)
    for number in range(1, 8):
        single.define(number, f"m{number}")
    for step in range(700):
        single.point(1 + step % 7, step, math.inf if step == 300 else math.sin(step))
    files.append((SegmentName("single", "w"), single.close()))
    return files


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[SegmentName, Path]]:
    folder = tmp_path_factory.mktemp("log")
    paths = []
    for name, data in writers():
        path = folder / f"{name.run}-{name.writer}.fold"
        path.write_bytes(data)
        paths.append((name, path))
    return paths


Pick = Callable[[int], int]


def batches_of(log: list[tuple[SegmentName, Path]], limit: Callable[[], int]) -> list[list[Batch]]:
    """Return what each segment's reader gives, read in pieces of any size."""
    found = []
    for name, path in log:
        reader = SegmentReader(name, path)
        mine = []
        while True:
            batch = reader.read(final=True, limit=limit())
            if not batch.bytes:
                break
            mine.append(batch)
        reader.close()
        found.append(mine)
    return found


def fold_all(path: Path, commits: list[list[Batch]], *, forget: float = 0.0) -> bytes:
    """Fold the commits into a new file; return the dump. Memory is lost now and then.

    What a rewind asks for again is read from the store that the file lies in.
    """
    again = partial(replay, Layout(path.parent))
    store = viewstore.SqliteViewStore.__new__(viewstore.SqliteViewStore)
    store.__init__(None, CATALOG, 1, again)  # type: ignore[misc]  # no thread
    chance = random.Random(3)
    with closing(connect(path, write=True)) as db:
        viewstore._create(db, CATALOG)
        for commit in commits:
            store._apply(db, commit)
            if chance.random() < forget:
                for view in store.views:
                    view.forget()
        return canonical_dump(db)


def interleaved(parts: list[list[Batch]], chance: random.Random) -> list[list[Batch]]:
    """Mix the batches of the segments, each segment's own in order, and group them to commits."""
    waiting = [list(part) for part in parts if part]
    commits: list[list[Batch]] = []
    while waiting:
        commit = []
        for _ in range(chance.randint(1, 6)):
            if not waiting:
                break
            part = chance.choice(waiting)
            commit.append(part.pop(0))
            waiting = [part for part in waiting if part]
        commits.append(commit)
    return commits


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 1 << 30))
def test_views_depend_on_the_log_alone(
    log: list[tuple[SegmentName, Path]], tmp_path: Path, seed: int
) -> None:
    """Any cutting into batches and any interleaving of writers gives the views of a replay."""
    chance = random.Random(seed)
    for file in tmp_path.glob("*.db*"):
        file.unlink()
    whole = batches_of(log, lambda: 1 << 20)
    replay = fold_all(tmp_path / "replay.db", [[batch] for part in whole for batch in part])
    sizes = chance.choice([(64, 256), (512, 4096), (96, 20_000)])
    parts = batches_of(log, lambda: chance.randint(*sizes) // 32 * 32)
    mixed = fold_all(tmp_path / "mixed.db", interleaved(parts, chance), forget=chance.random() / 2)
    assert mixed == replay


def test_views_hold_every_point_once(log: list[tuple[SegmentName, Path]], tmp_path: Path) -> None:
    """The counts of the views are those of the segments."""
    parts = batches_of(log, lambda: 640)
    fold_all(tmp_path / "views.db", interleaved(parts, random.Random(1)))
    tracked = sum(len(batch.points) for part in parts for batch in part)
    with closing(sqlite3.connect(tmp_path / "views.db")) as db:
        ids = [row[0] for row in db.execute("SELECT id FROM slot")]
        assert newest.summaries_of(db, ids)[summaries.COUNT].sum() == tracked


def test_points_without_a_definition_are_kept(tmp_path: Path) -> None:
    """If damage took a series' definition, its points stay, under a name that says so."""
    build = SegmentBuild("run1", "w", window=4096, block=1024)
    build.point(3, 1, 1.0)
    build.point(2**31, 1, 1.0)
    path = tmp_path / "a.fold"
    path.write_bytes(build.close())
    parts = batches_of([(SegmentName("run1", "w"), path)], lambda: 4096)
    fold_all(tmp_path / "views.db", parts)
    with closing(sqlite3.connect(tmp_path / "views.db")) as db:
        names = [row[0] for row in db.execute("SELECT name FROM series")]
    assert names == ["series 3 (its definition is damaged)"]


def test_a_step_that_is_no_number_has_no_place(tmp_path: Path) -> None:
    """Points at NaN or infinite steps are left out, alone in a batch or among others."""
    build = SegmentBuild("run1", "w", window=4096, block=1024)
    build.define(1, "a")
    for step in (math.nan, math.inf, -math.inf):
        build.point(1, step, 1.0)
    path = tmp_path / "a.fold"
    path.write_bytes(build.close())
    parts = batches_of([(SegmentName("run1", "w"), path)], lambda: 4096)
    fold_all(tmp_path / "alone.db", parts)
