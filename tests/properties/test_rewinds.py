"""Rewinds hide the same points however the log is read."""

from __future__ import annotations

import math
import random
import shutil
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foldline.events import StepsRewound
from foldline.layout import Layout, SegmentName
from foldline_ingest.batch import Batch
from foldline_views import newest, summaries
from foldline_views.database import connect
from foldline_views.exact import read_points
from tests.properties.test_folds import batches_of, fold_all, interleaved
from tests.segment_build import SegmentBuild

SYSTEM = "__system__/cpu"


class Said(NamedTuple):
    """What a writer said, in its order: a point of a series, or with series 0 a rewind."""

    writer: str
    series: int
    step: float
    value: float
    time: float


class Made(NamedTuple):
    """A run of several writers that go back now and then."""

    files: list[tuple[SegmentName, Path]]
    said: list[Said]


def make(store: Path, chance: random.Random) -> Made:
    """Write the segments of one run whose script goes back to earlier steps."""
    made = Made([], [])
    for writer in ("wa", "wb", "wc")[: chance.randint(1, 3)]:
        build = SegmentBuild("r", writer, salt=7, window=4096, block=1024,
                             start=1000.0 + chance.choice([0, 0.25, 40, 90]))  # fmt: skip
        build.define(1, "loss")
        build.define(2, SYSTEM)
        step = 0
        for _ in range(chance.choice([20, 200, 600])):
            series = chance.choice([1, 1, 1, 2])
            if chance.random() < 0.02:
                step = max(0, step - chance.choice([1, 30, 100, 400]))
                last = chance.choice([step, step + 0.5])
                build.event(StepsRewound(last))
                made.said.append(Said(writer, 0, last, 0, build.time))
                continue
            if chance.random() < 0.01:
                build.time -= 20  # its clock was set
            step += 1
            (build.wide if chance.random() < 0.05 else build.point)(series, step, step / 8)
            made.said.append(Said(writer, *build.points[-1]))
        path = Layout(store).segment(SegmentName("r", writer))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(build.killed() if chance.random() < 0.5 else build.close())
        made.files.append((SegmentName("r", writer), path))
    return made


def in_sight(said: list[Said]) -> list[Said]:
    """Return the points that no rewind hides, told in plain Python."""
    shown = []
    for place, point in enumerate(said):
        if point.series == 0:
            continue
        hidden = point.series == 1 and any(
            point.step > rewind.step
            and (place < at if rewind.writer == point.writer else point.time < rewind.time)
            for at, rewind in enumerate(said)
            if rewind.series == 0
        )
        if not hidden:
            shown.append(point)
    return shown


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 1 << 30))
def test_what_is_hidden_depends_on_the_log_alone(tmp_path: Path, seed: int) -> None:
    """Any cutting and any interleaving hides what plain Python says, to the byte of the views."""
    chance = random.Random(seed)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    made = make(tmp_path, chance)
    whole = batches_of(made.files, lambda: 1 << 20)
    replayed = fold_all(tmp_path / "a.db", [[batch] for part in whole for batch in part])
    backwards = fold_all(tmp_path / "b.db", [[batch] for part in whole[::-1] for batch in part])
    assert backwards == replayed
    sizes = chance.choice([(64, 256), (512, 4096), (96, 20_000)])
    parts = batches_of(made.files, lambda: chance.randint(*sizes) // 32 * 32)
    commits: list[list[Batch]] = interleaved(parts, chance)
    with patch.object(newest, "RECENT_COMMITS_MAX", chance.choice([1, 3, 64])):
        assert fold_all(tmp_path / "c.db", commits, forget=chance.random() / 2) == replayed
    check_views(tmp_path / "c.db", made)
    check_exact(Layout(tmp_path), made)


def check_views(path: Path, made: Made) -> None:
    """Assert that summaries are those of the points in sight."""
    db = connect(path, write=False)
    slots = db.execute(
        "SELECT slot.id, writer, number FROM slot JOIN segment ON segment.id = segment"
    ).fetchall()
    shown = in_sight(made.said)
    figures = newest.summaries_of(db, [slot for slot, _, _ in slots])
    db.close()
    for place, (_, writer, number) in enumerate(slots):
        mine = [p for p in shown if p.writer == writer and p.series == number]
        assert figures[summaries.COUNT, place] == len(mine)
        top = max((p.step for p in mine), default=-math.inf)
        assert figures[summaries.LAST_STEP, place] == top
        assert figures[summaries.SUM, place] == sum(p.value for p in mine)


def check_exact(layout: Layout, made: Made) -> None:
    """Assert that the exact points are those in sight, of all writers by step."""
    for number, name in ((1, "loss"), (2, SYSTEM)):
        mine = [p for p in in_sight(made.said) if p.series == number]
        mine.sort(key=lambda p: (p.step, p.writer))
        found = read_points(layout, "r", name, {})
        assert np.array_equal(found.steps, [p.step for p in mine])
        assert np.array_equal(found.times, [p.time for p in mine])
