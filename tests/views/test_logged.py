"""What a run logged beside its points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foldline
from foldline.events import (
    ArtifactLogged,
    ArtifactUsed,
    ConsolePrinted,
    EnvironmentCaptured,
    GitCaptured,
    MessageLogged,
    PackagesCaptured,
    StepsRewound,
    StoredFile,
    Value,
    ValuesTracked,
    WriterOpened,
)
from foldline.layout import Layout, SegmentName
from foldline_views.exact import read_points
from foldline_views.logged import (
    read_artifacts,
    read_captured,
    read_lines,
    read_messages,
    read_sequences,
)
from tests.segment_build import SegmentBuild

TEXT = Value("text/plain", 2, inline=b"hi")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "store")
    made.create()
    return made


def keep(layout: Layout, build: SegmentBuild, writer: str, *, killed: bool = False) -> None:
    """Put a segment of run1 where the store has it."""
    path = layout.segment(SegmentName("run1", writer))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.killed(4096) if killed else build.close())


def writer(name: str, *, start: float, **opened: Any) -> SegmentBuild:
    """Return a segment that opens as asked, with a window that takes any event here."""
    build = SegmentBuild("run1", name, window=4096, block=1024, start=start)
    if opened:
        build.event(WriterOpened("lab2", 8, **opened))
    return build


def test_lines_come_in_the_order_in_which_they_were_begun(layout: Layout) -> None:
    """Lines of several writers are merged; a line said again keeps its place and its last text."""
    one = writer("wa", start=1000.0, rank=0)
    one.event(ConsolePrinted("stdout", 0, "a\n 10%", ended=False))
    one.event(ConsolePrinted("stderr", 2, "oh"))
    one.event(ConsolePrinted("stdout", 1, "100%"))
    keep(layout, one, "wa", killed=True)
    two = writer("wb", start=1000.75, rank=1)
    two.event(ConsolePrinted("stdout", 0, "b"))
    keep(layout, two, "wb")
    lines = read_lines(layout, "run1")
    assert [(line.writer, line.rank, line.number, line.text) for line in lines] == [
        ("wa", 0, 0, "a"),
        ("wa", 0, 1, "100%"),
        ("wa", 0, 2, "oh"),
        ("wb", 1, 0, "b"),
    ]
    assert [line.stream for line in lines] == ["stdout", "stdout", "stderr", "stdout"]
    assert {line.host for line in lines} == {"lab2"}
    assert [line.time for line in lines] == sorted(line.time for line in lines)


def test_lines_of_a_clock_that_goes_back_keep_their_order(layout: Layout) -> None:
    """What a process printed later comes later, whatever its clock said."""
    build = writer("wa", start=1000.0)
    for number in range(6):
        build.event(ConsolePrinted("stdout", number, f"line {number}"))
        build.time -= 60
    keep(layout, build, "wa", killed=True)
    texts = [line.text for line in read_lines(layout, "run1")]
    assert texts == [f"line {number}" for number in range(6)]


def test_messages_say_who_and_when(layout: Layout) -> None:
    """A message has its own time and rank, else those of its event and its writer."""
    build = writer("wa", start=1000.0, rank=3)
    build.event(MessageLogged(40, "later", "root", {"a": 1}, "x.py:3"))
    build.event(MessageLogged(20, "earlier", time=999.0, rank=5))
    keep(layout, build, "wa")
    earlier, later = read_messages(layout, "run1")
    assert (earlier.text, earlier.time, earlier.rank, earlier.level) == ("earlier", 999.0, 5, 20)
    assert (later.text, later.rank, later.logger, later.params) == ("later", 3, "root", {"a": 1})
    assert later.place == "x.py:3" and later.host == "lab2" and later.time > 1000


def test_sequences_are_in_step_order(layout: Layout) -> None:
    """Values of all writers come by kind, name and context, in the order of their steps."""
    for name, steps in (("wa", (4, 0)), ("wb", (2.5, 4))):
        build = writer(name, start=1000.0)
        for step in steps:
            build.event(
                ValuesTracked("text", "said", step, build.time, [TEXT], {"b": 1, "a": 2}, 0.5)
            )
        build.event(ValuesTracked("html", "page", 1, 1000.0, [TEXT, TEXT]))
        keep(layout, build, name)
    pages, said = read_sequences(layout, "run1")
    assert (pages.kind, pages.name, len(pages.entries)) == ("html", "page", 2)
    assert pages.entries[0].values == [TEXT, TEXT] and pages.entries[0].epoch is None
    assert said.context == {"a": 2, "b": 1}
    assert [entry.step for entry in said.entries] == [0, 2.5, 4, 4]
    assert {entry.epoch for entry in said.entries} == {0.5}
    assert read_sequences(layout, "run1", kind="text") == [said]
    assert read_sequences(layout, "run1", kind="image") == []


def test_a_rewind_hides_values_tracked_before_it(layout: Layout) -> None:
    """An event that comes late, because its bytes took long, counts by the time of its call."""
    build = writer("wa", start=1000.0)
    build.event(ValuesTracked("text", "said", 1, 999.0, [TEXT]))
    build.event(StepsRewound(3))
    build.event(ValuesTracked("text", "said", 5, 999.0, [TEXT]))
    build.event(ValuesTracked("text", "said", 4, 2000.0, [TEXT]))
    keep(layout, build, "wa")
    (said,) = read_sequences(layout, "run1")
    assert [entry.step for entry in said.entries] == [1, 4]


def test_artifacts_made_and_used(layout: Layout) -> None:
    """Versions that the run made have their files; of used ones it is known which they are."""
    build = writer("wa", start=1000.0)
    files = [StoredFile("a/b.pt", "f" * 64, 9)]
    build.event(ArtifactUsed("digits", "d1", "run0"))
    build.event(ArtifactLogged("net", "d2", files, "model", ["best"], {"k": 1}, "s3://x"))
    keep(layout, build, "wa")
    used, made = read_artifacts(layout, "run1")
    assert (used.name, used.digest, used.run, used.used) == ("digits", "d1", "run0", True)
    assert (made.name, made.digest, made.run, made.used) == ("net", "d2", "run1", False)
    assert (made.kind, made.files, made.aliases, made.uri) == ("model", files, ["best"], "s3://x")


def test_what_was_captured_of_each_process(layout: Layout) -> None:
    """Each writer's captures stand together, the last of each kind, the newest writer last."""
    late = writer("wa", start=2000.0, role="companion", beside="wx")
    late.event(GitCaptured("abc", "main"))
    keep(layout, late, "wa")
    early = writer("wb", start=1000.0)
    early.event(PackagesCaptured({"numpy": "1"}))
    early.event(PackagesCaptured({"numpy": "2"}))
    early.event(EnvironmentCaptured({"HOME": "/x"}))
    keep(layout, early, "wb")
    keep(layout, writer("wc", start=1500.0), "wc")
    first, last = read_captured(layout, "run1")
    assert (first.writer, last.writer) == ("wb", "wa") and last.opened.beside == "wx"
    assert first.packages == PackagesCaptured({"numpy": "2"}) and first.git is None
    assert first.environment is not None and last.git == GitCaptured("abc", "main")


def test_a_run_that_is_not_there_has_nothing(layout: Layout) -> None:
    """Of a run without segments, and of files that are no segments, nothing is read."""
    assert read_lines(layout, "none") == [] and read_captured(layout, "none") == []
    folder = layout.segment(SegmentName("run1", "")).parent
    folder.mkdir(parents=True)
    (folder / "strange.fold").write_bytes(b"no segment " * 100)
    assert read_messages(layout, "run1") == []


def test_epochs_come_back(tmp_path: Path) -> None:
    """Whole, fractional and missing epochs stand with their points."""
    epochs = [0, None, 1, 2.5, 65_533, 65_535, -1]
    with foldline.Run(id="one", store=tmp_path) as run:
        for step, epoch in enumerate(epochs):
            run.track(1.0, name="loss", step=step, epoch=epoch)
    found = read_points(Layout(tmp_path), "one", "loss", {}).epochs
    expected = [np.nan if epoch is None else epoch for epoch in epochs]
    assert np.array_equal(found, expected, equal_nan=True)
