"""What fuzzers found, so that it stays mended."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import foldline
from foldline.events import MessageLogged, encode
from foldline.layout import Layout, SegmentName
from foldline.shipper.tail import Tail
from foldline_ingest.batch import facts
from foldline_ingest.reader import SegmentReader
from foldline_views.folding import catch_up
from tests.segment_build import SegmentBuild
from tests.ui.fakes import Fake, serving

BAD = b"\xc0\xff"  # in no text of UTF-8


def test_a_text_that_is_not_utf8_is_passed_over(tmp_path: Path) -> None:
    """An event with right checksums and a text that is none ends no fold, and hides no other."""
    build = SegmentBuild("run1", "writer1")
    build.define(1, "loss")
    build.raw(MessageLogged.TYPE, encode(MessageLogged(20, "xy")).replace(b"xy", BAD))
    build.point(1, 0, 0.5)
    layout = Layout(tmp_path / "store")
    layout.create()
    path = layout.runs / "run1/log/writer1.fold"
    path.parent.mkdir(parents=True)
    path.write_bytes(build.close())
    reader = SegmentReader(SegmentName("run1", "writer1"), path)
    assert [type(fact.event).__name__ for fact in facts(reader.read())] == [
        "WriterOpened", "SeriesDefined", "WriterClosed",
    ]  # fmt: skip
    reader.close()
    assert anyio.run(catch_up, layout)
    with foldline.open(layout.root) as store:
        assert [one.count for one in store.series("")] == [1]


def tail_of(data: bytes) -> Tail:
    tail = Tail(lambda length, at: data[at : at + length], "memory")
    tail.advance()
    return tail


def test_a_seal_that_is_half_copied_is_not_final() -> None:
    """A last seal without the last bytes of its time is waited for, and never shipped."""
    build = SegmentBuild()
    build.define(1, "loss")
    for step in range(20):
        build.point(1, step, 0.5)
    whole = build.close()
    for cut in range(1, 32):
        for data in (whole[:-cut], whole[:-cut] + bytes(cut)):
            tail = tail_of(data)
            assert tail.end <= len(whole) - 32
            assert not tail.finished
    tail = tail_of(whole)
    assert tail.finished and tail.end == len(whole)


@pytest.mark.anyio
async def test_a_body_that_is_not_utf8_is_refused(tmp_path: Path, anyio_backend: str) -> None:
    """What is asked in no text at all is the asker's mistake, and no failure of ours."""
    async with serving(Fake(tmp_path)) as client:
        body = b'{"query": "' + BAD + b'"}'
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/api/v1/runs/search", data=body, headers=headers)
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "bad_json")


def test_a_marker_of_no_text_ends_no_fold(tmp_path: Path) -> None:
    """A marker that the disk has spoilt is one of a writer that is gone."""
    store = tmp_path / "store"
    with foldline.Run(id="one", store=store) as run:
        run.track(0.5, name="loss", step=0)
    (marker,) = Layout(store).active.iterdir()
    marker.write_bytes(b'{"host": "' + BAD + b'"}')
    with foldline.open(store) as opened:
        assert [one.status for one in opened.runs()] == ["finished"]
