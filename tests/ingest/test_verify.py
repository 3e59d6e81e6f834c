"""A check of the whole log."""

from __future__ import annotations

from pathlib import Path

import pytest

import foldline
from foldline.layout import Layout, SegmentName
from foldline_ingest.verify import verify
from tests.segment_build import SegmentBuild


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    with foldline.Run(id="good", store=layout.root, params={"lr": 1}) as run:
        for step in range(5000):
            run.track(step, name="a", step=step)
    return layout


def put(layout: Layout, name: SegmentName, data: bytes) -> None:
    path = layout.segment(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_a_sound_log_is_clean(layout: Layout) -> None:
    """Every point and byte of a sound log is counted, and nothing is complained of."""
    heard: list[float] = []
    report = verify(layout, heard.append)
    assert (report.segments, report.points) == (1, 5000)
    assert report.damage == [] and report.torn == [] and report.events >= 3
    assert report.bytes == next(layout.runs.glob("*/log/*")).stat().st_size
    assert heard == [1.0]


def test_a_live_log_may_be_verified(layout: Layout) -> None:
    """A segment that is being written is torn, which is no damage."""
    with foldline.Run(id="live", store=layout.root) as run:
        run.track(1.0, name="a", step=1)
        report = verify(layout)
    assert report.damage == [] and [name.split("/")[0] for name in report.torn] == ["live"]
    assert verify(layout).torn == []


def test_damage_is_reported_with_its_place(layout: Layout) -> None:
    """A flipped bit, a stray file and a torn file are told apart."""
    (file,) = layout.runs.glob("good/log/*.fold")
    data = bytearray(file.read_bytes())
    data[100_000] ^= 4
    file.write_bytes(data)
    put(layout, SegmentName("run1", "stray"), b"GIF89a" * 20)
    build = SegmentBuild("run1", "torn")
    build.point(1, 1, 1.0)
    put(layout, SegmentName("run1", "torn"), build.killed())
    put(layout, SegmentName("run1", "empty"), b"")
    report = verify(layout)
    assert report.segments == 4
    places = {damage.segment: damage for damage in report.damage}
    assert set(places) == {f"good/{file.stem}", "run1/stray"}
    hurt = places[f"good/{file.stem}"]
    assert hurt.offset <= 100_000 < hurt.offset + hurt.length
    assert set(report.torn) == {"run1/torn", "run1/empty", "run1/stray"}


def test_an_empty_store_is_clean(tmp_path: Path) -> None:
    """Nothing to read is nothing wrong."""
    layout = Layout(tmp_path / "new")
    layout.create()
    assert verify(layout).segments == 0
