"""Lines with bands, against plain Python."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.errors import QueryError
from foldline.events import ParamsSet
from foldline.layout import Layout, SegmentName
from foldline_views.aggregate import Block, Grid, aggregated, grid_of
from foldline_views.buckets import CHUNK
from foldline_views.folding import catch_up
from foldline_views.styles import Aggregate
from tests.segment_build import SegmentBuild
from tests.views.test_frames import Curve, Row, ask

WAYS: list[tuple[Any, Any]] = [
    ("mean", "min-max"), ("mean", "std"), ("mean", "stderr"), ("mean", "ci95"), ("median", "none"),
    ("min", (0.25, 0.75)), ("max", (0.0, 1.0)), ("median", (0.1, 0.5)),
]  # fmt: skip


def naive(members: Sequence[Sequence[Row]], key: int, width: int, how: Aggregate) -> dict[str, Any]:
    """Return the figures of one bucket, straight from all points of all members."""
    means, lows, highs, odd = [], [], [], 0
    for rows in members:
        inside = [v for step, v in rows if math.floor(math.ldexp(step, -width)) == key]
        finite = [v for v in inside if math.isfinite(v)]
        odd += len(finite) < len(inside)
        if finite:
            means.append(math.fsum(finite) / len(finite))
            lows.append(min(finite))
            highs.append(max(finite))
    count = len(means)
    if not count:
        return {"line": math.nan, "low": math.nan, "high": math.nan, "members": 0, "nonfinite": odd}
    centre = statistics.fmean(means)
    line = {
        "mean": centre, "median": statistics.median(means), "min": min(lows), "max": max(highs),
    }[how.line]  # fmt: skip
    if not isinstance(how.band, str):
        low, high = (float(np.quantile(means, q)) for q in how.band)
    elif how.band == "min-max":
        low, high = min(lows), max(highs)
    elif how.band == "none" or count < 2:
        low = high = math.nan
    else:
        away = statistics.stdev(means)
        if how.band != "std":
            away /= math.sqrt(count)
        if how.band == "ci95":
            away *= {2: 12.7062, 3: 4.3027, 4: 3.1824, 5: 2.7764}.get(count, math.nan)
        low, high = centre - away, centre + away
    return {"line": line, "low": low, "high": high, "members": count, "nonfinite": odd}


def check(curve: Curve, members: Sequence[Sequence[Row]], bucket: float, how: Aggregate) -> None:
    width = round(math.log2(bucket))
    keys = sorted({math.floor(math.ldexp(step, -width)) for rows in members for step, _ in rows})
    assert curve.x == [math.ldexp(key, width) for key in keys]
    want = [naive(members, key, width, how) for key in keys]
    for name, column in curve.columns.items():
        scale = max((abs(v) for rows in members for _, v in rows if math.isfinite(v)), default=1.0)
        np.testing.assert_allclose(
            column,
            [figures[name] for figures in want],
            rtol=3e-6,
            atol=1e-6 * scale + 1e-37,
            err_msg=name,
        )


def store_of(
    tmp_path: Path, runs: Sequence[tuple[dict[str, Any], Sequence[Sequence[Row]]]]
) -> Layout:
    """Log runs, each with its params and the rows of each of its writers, and fold them."""
    layout = Layout(tmp_path / "store")
    layout.create()
    for number, (params, writers) in enumerate(runs):
        for index, rows in enumerate(writers):
            build = SegmentBuild(f"r{number:04}", f"w{index}", window=1 << 18, block=65536)
            build.event(ParamsSet([], params))
            build.define(1, "loss")
            for step, value in rows:
                build.point(1, step, value)
            path = layout.segment(SegmentName(f"r{number:04}", f"w{index}"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(build.close())
    assert anyio.run(catch_up, layout)
    return layout


def wave(count: int, seed: int, start: int = 0, stride: int = 1) -> list[Row]:
    numbers = np.random.default_rng(seed)
    values = np.cumsum(numbers.normal(size=count)).tolist()
    return [(float(start + stride * n), value) for n, value in enumerate(values)]


@pytest.mark.parametrize(("line", "band"), WAYS)
@pytest.mark.parametrize("points", [16, 256, 1024])
def test_a_group_is_all_its_members(tmp_path: Path, line: Any, band: Any, points: int) -> None:
    """Of long, short, sparse and odd members each counts once in each bucket where it has values.

    They are more than a chunk long and end between two, so levels and newest points are both there.
    """
    odd = wave(3 * CHUNK + 5, 4)
    odd[10:60] = [(step, math.nan) for step, _ in odd[10:60]]
    odd[100] = (100.0, math.inf)
    members = [
        wave(9 * CHUNK + 7, 1), wave(9 * CHUNK, 2), wave(40, 3), odd, wave(50, 5, stride=17),
    ]  # fmt: skip
    layout = store_of(tmp_path, [({}, [rows]) for rows in members])
    how = Aggregate(line=line, band=band)
    message = ask(layout, aggregate=how, points=points)
    (curve,) = message.curves
    assert message.head["groups"] == [{"by": [], "members": 5}]
    assert len(curve.x) <= points
    check(curve, members, message.head["bucket"], how)


def test_groups_by_words_of_the_query_language(tmp_path: Path) -> None:
    """Runs are grouped by params and fields; having none is a value of its own."""
    runs: list[tuple[dict[str, Any], list[list[Row]]]] = [
        ({"lr": 0.1, "net": "a"}, [wave(300, 1)]),
        ({"lr": 0.2, "net": "a"}, [wave(200, 2)]),
        ({"lr": 0.1, "net": "b"}, [wave(300, 3)]),
        ({"net": "a"}, [wave(20, 4)]),
        ({"lr": 0.1, "net": "a"}, [wave(150, 5), wave(290, 6, start=100)]),
    ]
    layout = store_of(tmp_path, runs)
    message = ask(layout, aggregate=Aggregate(("run.lr", "run.net")))
    assert message.head["groups"] == [
        {"by": [0.1, "a"], "members": 2},
        {"by": [0.1, "b"], "members": 1},
        {"by": [0.2, "a"], "members": 1},
        {"by": [None, "a"], "members": 1},
    ]
    of_group = [[0, 4], [2], [1], [3]]
    assert [curve.series for curve in message.curves] == [0, 1, 2, 3]
    for curve, members in zip(message.curves, of_group, strict=True):
        rows = [[row for writer in runs[member][1] for row in writer] for member in members]
        check(curve, rows, message.head["bucket"], Aggregate())
    by_name = ask(layout, aggregate=Aggregate(("metric.name",)))
    assert by_name.head["groups"] == [{"by": ["loss"], "members": 5}]
    with pytest.raises(QueryError):
        ask(layout, aggregate=Aggregate(("run.lr +",)))


def test_more_members_than_a_block(tmp_path: Path) -> None:
    """However members are spread over blocks of the file, all of a group are added up."""
    members = [wave(140 + seed % 3, seed) for seed in range(150)]
    runs = [({"even": seed % 2 == 0}, [rows]) for seed, rows in enumerate(members)]
    message = ask(store_of(tmp_path, runs), aggregate=Aggregate(("run.even",), band="std"))
    assert [group["by"] for group in message.head["groups"]] == [[False], [True]]
    for curve, odd in zip(message.curves, (1, 0), strict=True):
        own = [rows for seed, rows in enumerate(members) if seed % 2 == odd]
        check(curve, own, message.head["bucket"], Aggregate(band="std"))


def test_a_range_of_groups(tmp_path: Path) -> None:
    """A zoom shows the buckets in the range, over all members."""
    members = [wave(1000, 1), wave(700, 2)]
    layout = store_of(tmp_path, [({}, [rows]) for rows in members])
    message = ask(layout, aggregate=Aggregate(), range=(500.0, 800.0))
    (curve,) = message.curves
    assert curve.x[0] >= 496 and curve.x[-1] <= 800
    assert curve.columns["members"][-1] == 1 and curve.columns["members"][0] == 2


@pytest.mark.parametrize("x", ["time", "relative"])
def test_groups_along_time(tmp_path: Path, x: Any) -> None:
    """Along time members share a grid of seconds."""
    members = [wave(200, 1), wave(150, 2)]
    layout = store_of(tmp_path, [({}, [rows]) for rows in members])
    message = ask(layout, aggregate=Aggregate(), x=x)
    (curve,) = message.curves
    assert sum(curve.columns["members"]) <= 350 and max(curve.columns["members"]) == 2
    assert curve.x == sorted(curve.x) and len(curve.x) <= 200
    assert max(curve.columns["high"]) == np.float32(max(v for rows in members for _, v in rows))


def test_a_group_of_nothing(tmp_path: Path) -> None:
    """No match is no group, and no error."""
    layout = store_of(tmp_path, [({}, [wave(10, 1)])])
    for query in ('metric.name == "nothing"', 'run.name == "nobody"'):
        message = ask(layout, query=query, aggregate=Aggregate(("run.lr",), "median", (0.1, 0.9)))
        assert message.curves == [] and message.head["groups"] == []


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.integers(-40, 40).map(float),
                st.one_of(st.floats(-1e3, 1e3), st.sampled_from([math.nan, math.inf])),
            ),
            max_size=12,
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(WAYS),
    st.integers(1, 30),
    st.integers(1, 3),
    st.sets(st.integers(0, 4)),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_points_in_any_blocks(
    members: list[list[Row]], way: tuple[Any, Any], limit: int, size: int, shifted: set[int]
) -> None:
    """Whatever the points, their order and the blocks are, figures are those of plain Python."""
    how = Aggregate(line=way[0], band=way[1])
    blocks = []
    for first in range(0, len(members), size):
        rows = [(at, *row) for at, own in enumerate(members[first : first + size]) for row in own]
        owner = np.array([row[0] for row in rows], dtype=np.int64)
        x, value = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 2).T
        finite = np.isfinite(value)
        blocks.append(
            Block(first, owner, len(members[first : first + size]), x, np.where(finite, value, 0),
                  finite.astype(float), np.where(finite, value, np.inf),
                  np.where(finite, value, -np.inf), (~finite).astype(float))
        )  # fmt: skip
    # Members whose steps are no whole numbers may come at any place.
    blocks = [block._replace(x=block.x + 0.25 * (block.first in shifted)) for block in blocks]
    members = [
        [(step + 0.25 * (at // size * size in shifted), value) for step, value in rows]
        for at, rows in enumerate(members)
    ]
    grid = grid_of((block.x for block in blocks), -3, limit)
    keys = {math.floor(math.ldexp(step, -grid.width)) for rows in members for step, _ in rows}
    assert grid.keys.tolist() == sorted(keys) and (len(keys) <= limit or keys == {-1, 0})
    if grid.width > 0:
        finer = {math.floor(math.ldexp(s, 1 - grid.width)) for rows in members for s, _ in rows}
        assert len(finer) > limit, "no wider than it must be"
    curves, columns = aggregated(blocks, grid, np.zeros(len(members), dtype=np.int64), how)
    x = grid.keys * 2.0**grid.width
    lists = {name: column.tolist() for name, column in columns.items()}
    assert curves.counts.tolist() == [len(x)]
    check(Curve(0, True, x.tolist(), lists), members, 2.0**grid.width, how)


def test_far_apart_steps_share_a_grid() -> None:
    """Keys too far apart to be marked are found all the same, and looked up."""
    places = [np.array([0.0, 1.0, 1e12]), np.array([1.0, 5e11])]
    grid = grid_of(places, 0, 10)
    assert grid == Grid(0, grid.keys) and grid.keys.tolist() == [0, 1, 5e11, 1e12]
    assert grid.cells(np.array([1e12, 3.0, 0.5, -1.0])).tolist() == [3, -1, 0, -1]
