"""LEVELS.md against the rows that are written."""

from __future__ import annotations

import math
import struct
import zlib
from contextlib import closing
from itertools import accumulate
from pathlib import Path

import numpy as np
import zstandard

from foldline_views import newest
from tests.segment_build import SegmentBuild
from tests.views.test_finished import NAME, segment
from tests.views.test_series import Bench

POINTS = 3000  # of the long series: more than a level has buckets
SHORT = 100
FIRST_S, TICK_S = 1001.0, 0.25  # the time of the first point, and how far apart they are


def value(step: int) -> float:
    return math.nan if step % 7 == 0 else math.sin(step)


def floats(data: bytes) -> list[float]:
    return [number for (number,) in struct.iter_unpack("<d", data)]


def singles(data: bytes) -> list[float]:
    return [number for (number,) in struct.iter_unpack("<f", data)]


def times(data: bytes) -> list[float]:
    """Return packed times, by the text of the document alone."""
    planes = zstandard.ZstdDecompressor().decompress(data)
    count = len(planes) // 8
    words = [sum(planes[rank * count + n] << 8 * rank for rank in range(8)) for n in range(count)]
    signed = [word // 2 if word % 2 == 0 else -(word + 1) // 2 for word in words]
    whole = [number % (1 << 64) for number in accumulate(signed)]
    return [struct.unpack("<d", struct.pack("<Q", number))[0] for number in whole]


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
    """Steps, eight rows of buckets or one of points, and times."""
    with closing(folded(tmp_path, finished=True).db) as db:
        assert db.execute("SELECT sum(length(data)) FROM chunk").fetchone() == (0,)
        width, count, step, data, time = db.execute(
            "SELECT width, count, step, value, time FROM level WHERE slot = 1"
        ).fetchone()
        few = db.execute("SELECT width, count, step, value FROM level WHERE slot = 2").fetchone()
    assert (width, count) == (2, POINTS // 4) and len(data) == 64 * count
    assert floats(step) == [0.0, 4.0]
    assert times(time) == [FIRST_S + (4 * bucket + 3) * TICK_S for bucket in range(count)]
    rows = [floats(data[at : at + 8 * count]) for at in range(0, len(data), 8 * count)]
    for bucket in range(count):
        steps = range(4 * bucket, 4 * bucket + 4)
        values = [value(step) for step in steps]
        finite = [one for one in values if math.isfinite(one)]
        found = [row[bucket] for row in rows]
        assert found[0] == steps[-1] and found[1:3] == [min(finite), max(finite)]
        assert math.isclose(found[3], sum(finite)) and found[6:] == [len(finite), 4 - len(finite)]
        for one, other in ((found[4], values[0]), (found[5], values[-1])):
            assert one == other or (math.isnan(one) and math.isnan(other))
    assert few[:2] == (-20, SHORT) and floats(few[2]) == [0.0, 1.0]
    np.testing.assert_array_equal(floats(few[3]), [value(step) for step in range(SHORT)])


def test_values_that_are_singles_are_kept_as_such(tmp_path: Path) -> None:
    """Four bytes a point where each value is a single float; uneven steps are all there."""
    build = SegmentBuild(*NAME, window=1 << 18, block=1 << 16, start=1000.0)
    build.define(1, "loss")
    for step in (0, 1, 5):
        build.point(1, step, step / 4 if step else math.inf)
    bench = Bench(tmp_path / "views.db")
    for batch in segment(tmp_path, build, NAME, limit=1 << 20):
        bench.apply(batch)
    with closing(bench.db) as db:
        step, data = db.execute("SELECT step, value FROM level WHERE slot = 1").fetchone()
    assert floats(step) == [0.0, 1.0, 5.0] and singles(data) == [math.inf, 0.25, 1.25]


def test_an_overview_is_what_the_text_says(tmp_path: Path) -> None:
    """At most 256 buckets, as they are drawn."""
    with closing(folded(tmp_path, finished=True).db) as db:
        width, count, place, step, last = db.execute(
            "SELECT width, count, place, step, last FROM overview WHERE slot = 1"
        ).fetchone()
        *figures, weights, time = db.execute(
            "SELECT low, high, mean, weight, time FROM figures WHERE slot = 1"
        ).fetchone()
        few = db.execute("SELECT low, high, mean FROM figures WHERE slot = 2").fetchone()
    assert (width, count) == (4, -(-POINTS // 16)) and step is None
    assert floats(place) == [0.0, 16.0, POINTS - 1]
    low, high, mean = map(singles, figures)
    weight = singles(zstandard.ZstdDecompressor().decompress(weights))
    for bucket in range(count):
        steps = range(16 * bucket, min(16 * bucket + 16, POINTS))
        finite = [one for one in map(value, steps) if math.isfinite(one)]
        assert low[bucket] == struct.unpack("<f", struct.pack("<f", min(finite)))[0]
        assert high[bucket] == struct.unpack("<f", struct.pack("<f", max(finite)))[0]
        assert math.isclose(mean[bucket], sum(finite) / len(finite), abs_tol=1e-6)
        assert weight[bucket] == len(finite)
        newest_of = value(steps[-1])
        shown = singles(last)[bucket]
        assert math.isclose(shown, newest_of, rel_tol=1e-6) or math.isnan(newest_of)
    ends = [min(16 * bucket + 15, POINTS - 1) for bucket in range(count)]
    assert times(time) == [FIRST_S + end * TICK_S for end in ends]
    assert few == (None, None, None)
