"""Views and log of a run say the same."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from foldline.errors import RunNotFound
from foldline.events import (
    ConsolePrinted,
    MessageLogged,
    Value,
    ValuesTracked,
    WriterLost,
    WriterOpened,
)
from foldline.layout import Layout, Marker, SegmentName
from foldline_views import held, logged
from foldline_views.folding import catch_up
from foldline_views.following import Choice, Following
from foldline_views.generation import current
from foldline_views.logged import Line, Message
from foldline_views.shelves import LINES, VALUES
from tests.segment_build import SegmentBuild
from tests.views.bench import keep

TEXT = [Value("text/plain", 2, inline=b"hi")]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "store")
    made.create()
    return made


@pytest.fixture
def build(layout: Layout) -> SegmentBuild:
    """Return a segment that has something of everything, and is kept in the store."""
    made = SegmentBuild("run1", "wa", window=1 << 16, block=1 << 14, start=1000.0)
    made.event(WriterOpened("lab", 1, rank=1))
    chance = random.Random(3)
    number = 0
    for step in range(300):
        stream = chance.choice(["stdout", "stderr"])
        made.event(ConsolePrinted(stream, number, f"step {step}\nmore"))
        number += 2
        if step % 7 == 0:
            made.event(MessageLogged(10 + step % 50, f"message {step}"))
            made.event(ValuesTracked("text", "said", step, made.time, TEXT))
    made.event(ConsolePrinted("stderr", number, "bar  10%", ended=False))
    keep(layout, made, "wa")
    # It lives, as far as anybody can see from here.
    marker = msgspec.json.encode(Marker("elsewhere", 1))
    layout.marker(SegmentName("run1", "wa")).write_bytes(marker)
    return made


def fold(layout: Layout) -> None:
    async def both() -> None:
        assert await catch_up(layout, shelves=(LINES, VALUES))

    anyio.run(both)


def same(layout: Layout) -> bool:
    """Say whether the views, where they are used, say what the log says."""
    return (
        held.lines(layout, "run1") == logged.read_lines(layout, "run1")
        and held.messages(layout, "run1") == logged.read_messages(layout, "run1")
        and held.sequences(layout, "run1") == logged.read_sequences(layout, "run1")
        and held.sequences(layout, "run1", "image") == []
    )


def test_views_and_log_say_the_same(
    layout: Layout, build: SegmentBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first fold, with all folded, and with something new: always all that is there."""
    assert same(layout)
    fold(layout)
    assert same(layout)

    def refuse(*_: object) -> None:
        raise AssertionError("the log was read")

    with monkeypatch.context() as patch:
        for name in ("read_lines", "read_messages", "read_sequences"):
            patch.setattr(logged, name, refuse)
        assert len(held.lines(layout, "run1")) == 601
        assert len(held.messages(layout, "run1")) == 43
        assert len(held.sequences(layout, "run1")[0].entries) == 43
    build.event(ConsolePrinted("stderr", 600, "bar 100%"))
    build.event(MessageLogged(50, "last"))
    build.event(ValuesTracked("text", "said", 1000, build.time, TEXT))
    keep(layout, build, "wa")
    assert same(layout) and held.lines(layout, "run1")[-1].text == "bar 100%"
    assert held.lines(layout, "nowhere") == []


def test_views_that_are_damaged_or_gone_are_not_missed(layout: Layout, build: SegmentBuild) -> None:
    """Without usable views the log answers."""
    fold(layout)
    generation = current(LINES.folder(layout.views))
    assert generation is not None
    generation.path.write_bytes(b"no database" * 1000)
    assert same(layout)
    shutil.rmtree(layout.views)
    assert same(layout)


def unfolded(_: Layout) -> None:
    """Leave everything to the log."""


@pytest.mark.parametrize("first", [unfolded, fold], ids=["from the log", "from the views"])
@pytest.mark.parametrize("tail", [None, 0, 1, 7, 200, 5000])
@pytest.mark.parametrize(
    "choice",
    [Choice(), Choice(stream="stderr"), Choice(rank=1), Choice(rank=2), Choice(level=30)],
    ids=str,
)
def test_a_run_is_followed_from_any_place(
    layout: Layout,
    build: SegmentBuild,
    first: Callable[[Layout], None],
    tail: int | None,
    choice: Choice,
) -> None:
    """First what is there, or the last of it, then each new line and message once."""
    first(layout)
    everything: list[Line | Message] = [*logged.read_lines(layout, "run1")[:-1]]
    if choice.level is not None:
        everything = [*logged.read_messages(layout, "run1")]
    wanted = [one for one in everything if choice.takes(one)]
    following = Following(layout, "run1", choice)
    begun = list(following.begin(tail))
    assert begun == (wanted if tail is None else wanted[max(0, len(wanted) - tail) :])
    assert following.more() == []
    bar = [line.text for line in following.begun()]
    assert bar == ([] if choice.level or choice.rank == 2 else ["bar  10%"])
    build.event(ConsolePrinted("stderr", 600, "bar 100%\nnext", ended=False))
    build.event(MessageLogged(50, "last"))
    keep(layout, build, "wa")
    assert [one.text for one in following.more()] == (
        ["last"] if choice.level else [] if choice.rank == 2 else ["bar 100%"]
    )
    build.event(ConsolePrinted("stderr", 601, "next one"))
    keep(layout, build, "wa")
    assert [one.text for one in following.more()] == (
        [] if choice.level or choice.rank == 2 else ["next one"]
    )
    assert following.begun() == [] and following.more() == []


def test_a_run_is_over_when_nobody_can_write_to_it(layout: Layout, build: SegmentBuild) -> None:
    """A writer that closed, that is said to be lost, or that has no marker any more is gone."""
    following = Following(layout, "run1", Choice())
    list(following.begin())
    assert not following.is_over()
    other = SegmentBuild("run1", "wb", window=4096)
    other.event(WriterLost("wa", 1.0))
    keep(layout, other, "wb")
    layout.marker(SegmentName("run1", "wb")).write_text("")
    following.more()
    assert not following.is_over()
    layout.segment(SegmentName("run1", "wb")).write_bytes(other.close())
    following.more()
    assert following.is_over()
    with pytest.raises(RunNotFound):
        Following(layout, "nowhere", Choice())
