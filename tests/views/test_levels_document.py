"""LEVELS.md against the rows that are written."""

from __future__ import annotations

import math
import struct
import zlib
from contextlib import closing
from pathlib import Path

from foldline_views import newest
from tests.segment_build import SegmentBuild
from tests.views.test_finished import NAME, segment
from tests.views.test_series import Bench

POINTS = 3000  # of the long series: more than a level has buckets
SHORT = 100


def value(step: int) -> float:
    return math.nan if step % 7 == 0 else math.sin(step)


def floats(data: bytes) -> list[float]:
    return [number for (number,) in struct.iter_unpack("<d", data)]


def singles(data: bytes) -> list[float]:
    return [number for (number,) in struct.iter_unpack("<f", data)]


def folded(store: Path, *, finished: bool) -> Bench:
    build = SegmentBuild(*NAME, window=1 << 18, block=1 << 16, start=1000.0)
    build.define(1, "long")
    build.define(2, "short")
    for step in range(POINTS):
        build.point(1, step, value(step))
    for step in range(SHORT):
        build.point(2, step, value(step))
    bench = Bench(store / "views.db")
    batches = segment(store, build, NAME, limit=1 << 20)
    for batch in batches:
        bench.apply(batch._replace(finished=batch.finished and finished))
    newest.spread_all(bench.db, 1000)
    return bench


def test_a_summary_is_what_the_text_says(tmp_path: Path) -> None:
    """14 numbers, in the order of the table."""
    with closing(folded(tmp_path, finished=True).db) as db:
        data = db.execute("SELECT data FROM summary WHERE slot = 2").fetchone()[0]
    assert len(data) == 112
    values = [value(step) for step in range(SHORT)]
    finite = [one for one in values if math.isfinite(one)]
    found = struct.unpack("<14d", data)
    assert found[:4] == (SHORT, len(values) - len(finite), 0.0, 0.0) and math.isnan(found[4])
    assert found[6:8] == (SHORT - 1, values[-1])
    assert found[9:13] == (min(finite), values.index(min(finite)), max(finite),
                           values.index(max(finite)))  # fmt: skip
    total = 0.0
    for one in finite:
        total += one
    assert found[13] == total


def test_what_waits_is_what_the_text_says(tmp_path: Path) -> None:
    """The points after the last whole chunk; the first chunk is shorter, by the series' number."""
    with closing(folded(tmp_path, finished=False).db) as db:
        for slot, count in ((1, POINTS), (2, SHORT)):
            total, data = db.execute(
                "SELECT total, data FROM chunk WHERE slot = ?", (slot,)
            ).fetchone()
            first = 128 - (49 * ((slot - 1) // 8) + zlib.crc32(NAME.writer.encode())) % 128
            waits = (count - first) % 128 if count >= first else count
            columns = floats(data)
            assert total == count and len(columns) == 3 * waits
            assert columns[:waits] == [float(step) for step in range(count - waits, count)]
            assert columns[-1] > columns[2 * waits]


def test_a_level_is_what_the_text_says(tmp_path: Path) -> None:
    """Ten rows of buckets, or three where each bucket has one point."""
    with closing(folded(tmp_path, finished=True).db) as db:
        assert db.execute("SELECT sum(length(data)) FROM chunk").fetchone() == (0,)
        width, count, data = db.execute(
            "SELECT width, count, data FROM level WHERE slot = 1"
        ).fetchone()
        few = db.execute("SELECT width, count, data FROM level WHERE slot = 2").fetchone()
    assert (width, count) == (2, POINTS // 4) and len(data) == 80 * count
    rows = [floats(data[at : at + 8 * count]) for at in range(0, len(data), 8 * count)]
    for bucket in range(count):
        steps = range(4 * bucket, 4 * bucket + 4)
        values = [value(step) for step in steps]
        finite = [one for one in values if math.isfinite(one)]
        found = [row[bucket] for row in rows]
        assert found[:2] == [steps[0], steps[-1]] and found[3:5] == [min(finite), max(finite)]
        assert math.isclose(found[5], sum(finite)) and found[8:] == [len(finite), 4 - len(finite)]
        for one, other in ((found[6], values[0]), (found[7], values[-1])):
            assert one == other or (math.isnan(one) and math.isnan(other))
    assert few[:2] == (-20, SHORT) and len(few[2]) == 24 * SHORT
    assert floats(few[2])[:SHORT] == [float(step) for step in range(SHORT)]


def test_an_overview_is_what_the_text_says(tmp_path: Path) -> None:
    """At most 256 buckets, as they are drawn."""
    with closing(folded(tmp_path, finished=True).db) as db:
        width, count, place, step, *figures, time = db.execute(
            "SELECT width, count, place, step, last, low, high, mean, weight, time"
            " FROM overview WHERE slot = 1"
        ).fetchone()
    assert (width, count) == (4, -(-POINTS // 16)) and step is None
    assert floats(place) == [0.0, 16.0, POINTS - 1]
    last, low, high, mean, weight = map(singles, figures)
    for bucket in range(count):
        steps = range(16 * bucket, min(16 * bucket + 16, POINTS))
        finite = [one for one in map(value, steps) if math.isfinite(one)]
        assert low[bucket] == struct.unpack("<f", struct.pack("<f", min(finite)))[0]
        assert high[bucket] == struct.unpack("<f", struct.pack("<f", max(finite)))[0]
        assert math.isclose(mean[bucket], sum(finite) / len(finite), abs_tol=1e-6)
        assert weight[bucket] == len(finite)
        newest_of = value(steps[-1])
        assert math.isclose(last[bucket], newest_of, rel_tol=1e-6) or math.isnan(newest_of)
    assert len(floats(time)) == count
