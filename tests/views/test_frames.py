"""Curves as they are sent, byte by byte."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from foldline.errors import QueryError
from foldline.layout import Layout, SegmentName
from foldline_views.asked import FramesRequest
from foldline_views.buckets import CHUNK
from foldline_views.folding import catch_up
from foldline_views.reader import Views
from tests.segment_build import START, SegmentBuild

LINEAR = 0xFFFFFFFF
Floats = NDArray[np.float64]


class Curve(NamedTuple):
    """One curve of a message."""

    series: int
    linear: bool
    x: list[float]
    columns: dict[str, list[float]]


class Message(NamedTuple):
    """A message, decoded as FRAMES.md describes it."""

    head: dict[str, Any]
    curves: list[Curve]


def decode(data: bytes) -> Message:
    magic, json_bytes, curves, points, explicit = struct.unpack_from("<8sIIII", data)
    assert magic == b"FOLDFRM1" and json_bytes % 8 == 0
    head = msgspec.json.decode(data[24 : 24 + json_bytes].rstrip(b" "))
    at = 24 + json_bytes
    table = [struct.unpack_from("<IIIIdd", data, at + 32 * i) for i in range(curves)]
    at += 32 * curves
    xs = struct.unpack_from(f"<{explicit}d", data, at)
    at += 8 * explicit
    columns = {}
    for name in head["columns"]:
        columns[name] = struct.unpack_from(f"<{points}f", data, at)
        at += -(-4 * points // 8) * 8
    assert at == len(data), "no byte is left over"
    found = []
    for series, first, count, first_x, x0, dx in table:
        x = [x0 + i * dx for i in range(count)]
        if first_x != LINEAR:
            x = list(xs[first_x : first_x + count])
        values = {name: list(column[first : first + count]) for name, column in columns.items()}
        found.append(Curve(series, first_x == LINEAR, x, values))
    return Message(head, found)


Row = tuple[float, float]


def log_of(tmp_path: Path, *writers: list[Row], run: str = "run1") -> Layout:
    """Log the (step, value) of each writer to one series of one run, and fold it."""
    layout = Layout(tmp_path / "store")
    layout.create()
    for index, rows in enumerate(writers):
        build = SegmentBuild(run, f"w{index}", window=65536, block=65536, start=START + index)
        build.define(1, "loss")
        for step, value in rows:
            build.point(1, step, value)
        path = layout.segment(SegmentName(run, f"w{index}"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(build.close())
    assert anyio.run(catch_up, layout)
    return layout


ALL = ("last", "min", "max", "mean")


def ask(layout: Layout, **words: Any) -> Message:
    async def scenario() -> bytes:
        views = await Views.open(layout.views)
        try:
            words.setdefault("query", "")
            words.setdefault("columns", ALL)
            return await views.frames(FramesRequest(**words))
        finally:
            await views.close()

    return decode(anyio.run(scenario))


def only(layout: Layout, **words: Any) -> Curve:
    (curve,) = ask(layout, **words).curves
    return curve


def expected(rows: list[Row], width: int) -> list[tuple[float, dict[str, float]]]:
    """Return (x, figures) of each bucket, by plain Python."""
    groups: dict[int, list[Row]] = {}
    for step, value in rows:
        groups.setdefault(math.floor(math.ldexp(step, -width)), []).append((step, value))
    found = []
    for key, group in sorted(groups.items()):
        high = max(step for step, _ in group)
        last = [value for step, value in group if step == high][-1]
        finite = [value for _, value in group if math.isfinite(value)]
        figures = {
            "last": last,
            "min": min(finite, default=last),
            "max": max(finite, default=last),
            "mean": math.fsum(finite) / len(finite) if finite else last,
        }
        found.append((group[0][0] if len(group) == 1 else math.ldexp(key, width), figures))
    return found


def width_of(rows: list[Row], limit: int, at_least: int = -20) -> int:
    width = at_least
    while len({math.floor(math.ldexp(step, -width)) for step, _ in rows}) > limit:
        width += 1
    return width


def assert_is(
    curve: Curve, buckets: list[tuple[float, dict[str, float]]], *, x: bool = True
) -> None:
    assert len(curve.x) == len(buckets)
    if x:
        assert curve.x == [place for place, _ in buckets]
    for name, column in curve.columns.items():
        want = np.array([figures[name] for _, figures in buckets], dtype=np.float32)
        found = np.array(column, dtype=np.float32)
        if name == "mean":
            np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(found, want)


def wave(count: int, start: int = 0) -> list[Row]:
    return [(float(step), math.sin(step / 9) * (step % 13)) for step in range(start, count)]


@pytest.mark.parametrize("count", [1, 2, 3, 100, 256])
def test_a_short_series_is_sent_point_by_point(tmp_path: Path, count: int) -> None:
    """Each point is a bucket of its own: min, max, mean and last are its value, x its step."""
    rows = wave(count)
    curve = only(log_of(tmp_path, rows))
    assert curve.x == [step for step, _ in rows] and curve.linear
    values = np.array([value for _, value in rows], dtype=np.float32).tolist()
    assert all(curve.columns[name] == values for name in ALL)


@pytest.mark.parametrize("count", [8 * CHUNK, 40 * CHUNK])
@pytest.mark.parametrize("points", [16, 255, 256, 300, 511, 512, 1024])
def test_buckets_are_true_at_any_number_of_points(tmp_path: Path, count: int, points: int) -> None:
    """Whatever number of points is asked for, buckets hold what plain Python says."""
    rows = wave(count)
    layout = log_of(tmp_path, rows)
    stored = width_of(rows, 1024)
    shown = 256 if 256 <= points < 512 else points
    curve = only(layout, points=points)
    assert_is(curve, expected(rows, width_of(rows, shown, stored)))
    assert curve.linear and len(curve.x) <= shown
    assert curve.columns["last"][-1] == np.float32(rows[-1][1]), "the last point is always shown"


@pytest.mark.parametrize("extra", [1, 7, 60, CHUNK - 1])
def test_the_newest_points_are_merged_in(tmp_path: Path, extra: int) -> None:
    """Points that wait to be absorbed are in the last bucket, or behind it, not missing."""
    rows = wave(20 * CHUNK + extra)
    curve = only(log_of(tmp_path, rows))
    assert_is(curve, expected(rows, width_of(rows[: 20 * CHUNK], 256)))


def test_a_late_point_among_the_newest(tmp_path: Path) -> None:
    """A late step goes where it belongs, and does not pass for the last one."""
    base = wave(20 * CHUNK)
    edge = base[-1][0]
    for late in ([(edge - 1, 99.0)], [(edge - 3, -99.0), (edge + 1, 5.0)], [(3.0, 77.0)]):
        rows = base + late
        curve = only(log_of(tmp_path, rows, run=f"run{len(late)}{int(late[0][0])}"), ids=None,
                     query=f'run.id == "run{len(late)}{int(late[0][0])}"')  # fmt: skip
        assert_is(curve, expected(rows, width_of(rows, 256)))


def test_repeated_steps_show_the_latest(tmp_path: Path) -> None:
    """Of several points at one step the one that came last is the value; all count for min."""
    rows = [(1.0, 5.0), (1.0, -5.0), (1.0, 2.0), (2.0, 1.0)]
    curve = only(log_of(tmp_path, rows))
    assert curve.columns["last"] == [2, 1] and curve.columns["min"] == [-5, 1]
    assert curve.columns["max"] == [5, 1]


def test_nan_and_infinity_are_kept(tmp_path: Path) -> None:
    """NaN is sent as NaN and infinity as itself; neither hides the finite values beside it."""
    rows = [(0.0, 1.0), (1.0, math.nan), (2.0, math.inf), (3.0, -math.inf), (4.0, 2.0)]
    curve = only(log_of(tmp_path, rows))
    for name in ALL:
        np.testing.assert_array_equal(curve.columns[name], [1, math.nan, math.inf, -math.inf, 2])


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("period", [1, 2, 3])
def test_buckets_with_odd_values(tmp_path: Path, odd: float, period: int) -> None:
    """In a bucket, min and max are of the finite values, the newest among them as well."""
    base = 20 * CHUNK
    rows = [
        (float(step), odd if (step // 5) % period == 0 or step >= base else float(step % 50))
        for step in range(base + 3)
    ]
    rows += [(float(base + 3), 7.0), (float(base + 4), odd)]
    curve = only(log_of(tmp_path, rows))
    assert_is(curve, expected(rows, width_of(rows[:base], 256)))


def test_several_writers_of_one_series(tmp_path: Path) -> None:
    """What several processes tracked under one name is one curve."""
    parts = [wave(900), wave(2100, start=500), [(5000.0, 1.0)]]
    curve = only(log_of(tmp_path, *parts))
    rows = [row for part in parts for row in part]
    width = width_of(rows, 256, width_of(parts[1][: len(parts[1]) // CHUNK * CHUNK], 1024))
    found = expected(rows, width)
    assert curve.x == [x for x, _ in found]
    for name in ("min", "max"):
        want = np.array([figures[name] for _, figures in found], dtype=np.float32)
        np.testing.assert_array_equal(np.array(curve.columns[name], dtype=np.float32), want)


def test_irregular_steps_travel_with_their_x(tmp_path: Path) -> None:
    """Steps at no regular distance are sent one by one."""
    rows = [(float(step * step), float(step)) for step in range(200)]
    curve = only(log_of(tmp_path, rows))
    assert not curve.linear and curve.x == [step for step, _ in rows]


def test_a_range_brings_its_neighbours(tmp_path: Path) -> None:
    """A zoom has the points in it, exactly, and the next one on either side."""
    rows = wave(1000)
    layout = log_of(tmp_path, rows)
    curve = only(layout, range=(300.5, 340.0))
    assert curve.x == [float(step) for step in range(300, 342)]
    assert_is(curve, expected(rows[300:342], -20))
    assert only(layout, range=(-50.0, -10.0)).x == [0.0]
    assert only(layout, range=(2000.0, 3000.0)).x == [999.0]
    assert only(layout, range=(500.2, 500.4)).x == [500.0, 501.0]


@pytest.mark.parametrize("count", [50, 20 * CHUNK, 20 * CHUNK + 9])
def test_x_may_be_time(tmp_path: Path, count: int) -> None:
    """By time each bucket stands at its last point; relative time counts from the run's start."""
    rows = wave(count)
    layout = log_of(tmp_path, rows)
    # The builder's clock moves by a quarter of a second with each record.
    begin = START + 0.25
    times = {step: START + 0.5 + 0.25 * (i + 1) for i, (step, _) in enumerate(rows)}
    width = width_of(rows[: count // CHUNK * CHUNK] or rows, 256)
    last: dict[int, float] = {}
    for step, _ in rows:
        last[math.floor(math.ldexp(step, -width))] = times[step]
    by_time, relative = only(layout, x="time"), only(layout, x="relative")
    assert by_time.x == list(last.values())
    np.testing.assert_allclose(relative.x, [t - begin for t in last.values()], atol=1e-6)
    assert_is(by_time, expected(rows, width), x=False)


def test_columns_are_those_asked_for(tmp_path: Path) -> None:
    """Only the columns that were asked for are sent, in that order; odd counts are padded."""
    layout = log_of(tmp_path, wave(3))
    message = ask(layout, columns=("mean", "last"))
    assert message.head["columns"] == ["mean", "last"]
    assert list(message.curves[0].columns) == ["mean", "last"]


def test_many_series_at_once(tmp_path: Path) -> None:
    """Curves of every length come in one message, each as it would come alone."""
    layout = Layout(tmp_path / "store")
    layout.create()
    build = SegmentBuild("run1", "w", window=65536, block=65536)
    lengths = [1, 5, 127, 128, 129, 300, 1500]
    for number, length in enumerate(lengths, 1):
        build.define(number, f"m{number}")
        for step in range(length):
            build.point(number, step * 2 if number % 2 else step * step, float(step % 7))
    path = layout.segment(SegmentName("run1", "w"))
    path.parent.mkdir(parents=True)
    path.write_bytes(build.close())
    anyio.run(catch_up, layout)
    for x in ("step", "time", "relative"):
        together = ask(layout, x=x).curves
        assert len(together) == len(lengths)
        for curve in together:
            assert only(layout, query=None, ids=[curve.series], x=x) == curve
    ids = [7, 2, 5]
    assert [curve.series for curve in ask(layout, query=None, ids=ids).curves] == ids


def test_an_empty_answer(tmp_path: Path) -> None:
    """No match, and a store that was never folded, are messages without curves."""
    layout = log_of(tmp_path, wave(3))
    assert ask(layout, query='metric.name == "nothing"').curves == []
    message = ask(layout, query=None, ids=[1, 77])
    assert len(message.curves) == 1 and message.head["warnings"] == ["1 ids are not known"]
    empty = Layout(tmp_path / "empty")
    empty.create()
    assert ask(empty) == Message({"watermark": 0, "x": "step", "columns": list(ALL),
                                  "warnings": []}, [])  # fmt: skip


def test_a_wrong_query_is_an_error(tmp_path: Path) -> None:
    """A query that can't be read is refused, with its place."""
    layout = log_of(tmp_path, wave(3))
    with pytest.raises(QueryError):
        ask(layout, query="metric.name ==")
