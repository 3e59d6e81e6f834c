"""The views of lines and messages say what the log says."""

from __future__ import annotations

import ast
import random
import re
import tempfile
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from foldline.errors import QueryError
from foldline.events import ConsolePrinted, MessageLogged, WriterOpened
from foldline.layout import Layout
from foldline_views import lineblocks
from foldline_views.authors import AuthorsView
from foldline_views.contents import HitsRequest, LineRow, LinesRequest, MessagesRequest
from foldline_views.lineblocks import BLOCK_LINES, Block, Place, pack, unpack
from foldline_views.linehits import hits_page
from foldline_views.linepages import lines_page, printed
from foldline_views.lines import LINES_MAX, LinesView, bits, from_bits
from foldline_views.logged import read_lines, read_messages
from foldline_views.messagepages import messages_page
from foldline_views.messages import MessagesView
from tests.segment_build import SegmentBuild
from tests.views.bench import Bench, keep, shuffled

texts = st.lists(st.sampled_from(["", "a", "loss 0.5", "\x1b[31mError\x1b[0m", "é\r", "x" * 90]))
prints = st.tuples(
    st.sampled_from(["stdout", "stderr", "both"]),
    st.one_of(st.just(None), st.integers(-70, 70)),  # how far from the next line
    texts.map("\n".join),
    st.floats(-2, 5),  # seconds since the last one
)
writers = st.lists(st.lists(prints, max_size=30), min_size=1, max_size=3)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "store")
    made.create()
    return made


def bench_of(layout: Layout) -> Bench:
    return Bench(layout, [AuthorsView(), LinesView(), MessagesView()])


def folded(layout: Layout, seed: int = 0) -> Bench:
    """Return the views of a store, folded in commits of any cut."""
    bench = bench_of(layout)
    for batches in shuffled(layout, "run1", random.Random(seed)):
        bench.apply(batches)
    return bench


def writer(layout: Layout, name: str, said: list[tuple[str, int | None, str, float]]) -> None:
    """Keep the segment of a writer that prints from wherever it is told."""
    build = SegmentBuild("run1", name, window=4096, block=1024, start=1000.0)
    build.event(WriterOpened("lab", 1, rank=ord(name[-1]) - ord("a"), role="companion"))
    following = 0
    for stream, away, text, seconds in said:
        first = following if away is None else max(0, following + away)
        build.time += seconds
        build.event(ConsolePrinted(stream, first, text, ended=away is None))
        following = max(following, first + text.count("\n") + 1)
    keep(layout, build, name)


@settings(max_examples=60, deadline=None)
@given(said=writers, seed=st.integers(0, 1000), data=st.data())
def test_lines_are_those_of_the_log(
    said: list[list[tuple[str, int | None, str, float]]], seed: int, data: st.DataObject
) -> None:
    """In any cut and order of commits, from any place: the same lines as a read of the log."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "store")
        layout.create()
        for number, one in enumerate(said):
            writer(layout, f"w{'abc'[number]}", one)
        bench = folded(layout, seed)
        expected = [
            LineRow(line.writer, line.number, line.stream, line.time, line.text)
            for line in read_lines(layout, "run1")
        ]
        page = lines_page(bench.db, "run1", LinesRequest(limit=10_000))
        assert [structs.replace(row, ended=True) for row in page.lines] == expected
        assert page.next == page.total >= len(expected)
        start = data.draw(st.integers(0, page.total))
        later = lines_page(bench.db, "run1", LinesRequest(start=start, limit=10_000))
        assert later.lines == page.lines[len(expected) - len(later.lines) :]
        earlier = lines_page(bench.db, "run1", LinesRequest(start=0, limit=10_000, stream="stderr"))
        assert earlier.lines == [row for row in page.lines if row.stream != "stdout"]
        # A place counts lines that are missing; without any it is the number of lines.
        if page.total == len(expected):
            assert later.lines == page.lines[start:]


@settings(max_examples=40, deadline=None)
@given(said=writers, seeds=st.tuples(st.integers(0, 99), st.integers(100, 199)))
def test_rows_do_not_depend_on_commits(
    said: list[list[tuple[str, int | None, str, float]]], seeds: tuple[int, int]
) -> None:
    """However the log is cut and mixed, each block is the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "store")
        layout.create()
        for number, one in enumerate(said):
            writer(layout, f"w{'abc'[number]}", one)
        dumps = [
            folded(layout, seed)
            .db.execute(
                "SELECT writer, line_block.id % 4294967296, begun, data FROM line_block"
                " JOIN segment ON segment.id = line_block.id / 4294967296 ORDER BY 1, 2"
            )
            .fetchall()
            for seed in seeds
        ]
        assert dumps[0] == dumps[1]


def test_a_long_log_opens_at_any_place_by_time_and_by_writer(layout: Layout) -> None:
    """From the end, at a time, of one rank, and a page at a time: always the lines of the log."""
    for name in ("wa", "wb"):
        said = [("stdout", None, f"{name} {n}\n{name} {n} more", 0.0) for n in range(300)]
        writer(layout, name, [(s, a, t, d) for s, a, t, d in said])
    db = folded(layout).db
    expected = [(line.writer, line.number) for line in read_lines(layout, "run1")]

    def asked(**request: object) -> list[tuple[str, int]]:
        page = lines_page(db, "run1", LinesRequest(**request))  # type: ignore[arg-type]  # by name
        return [(row.writer, row.number) for row in page.lines]

    assert asked(start=-5) == expected[-5:]
    assert asked(start=600, limit=7) == expected[600:607]
    assert asked(start=5000) == [] and asked(start=-5000, limit=2) == expected[:2]
    assert asked(rank=1, start=250, limit=2) == [("wb", 250), ("wb", 251)]
    assert asked(writer="wa", start=3, limit=1) == [("wa", 3)]
    assert asked(writer="nobody") == [] and asked(rank=7) == []
    place, walked = 0, []
    while place < len(expected):
        page = lines_page(db, "run1", LinesRequest(start=place, limit=77))
        walked += [(row.writer, row.number) for row in page.lines]
        assert (page.start, page.total) == (place, 1200)
        place = page.next
    assert walked == expected
    times = {(line.writer, line.number): line.time for line in read_lines(layout, "run1")}
    at = times[expected[700]]
    assert asked(at=at, limit=1) == [next(key for key in expected if times[key] >= at)]
    assert asked(at=0.0, limit=1) == expected[:1] and asked(at=1e12) == []
    assert lines_page(db, "nowhere", LinesRequest()).total == 0


def test_a_line_told_beyond_all_bounds_is_left_out(layout: Layout) -> None:
    """A number that nobody's process reaches neither fills the disk nor stops the fold."""
    build = SegmentBuild("run1", "wa", window=4096)
    build.event(ConsolePrinted("stdout", LINES_MAX, "too far"))
    build.event(ConsolePrinted("stdout", -1, "before all"))
    build.event(ConsolePrinted("stdout", 2**37, "far off"))
    build.event(ConsolePrinted("stdout", 0, "good"))
    keep(layout, build, "wa")
    db = folded(layout).db
    texts_ = [line.text for line in read_lines(layout, "run1")]
    assert "good" in texts_ and "before all" not in texts_ and "too far" not in texts_
    page = lines_page(db, "run1", LinesRequest(limit=9))
    assert [row.text for row in page.lines] == ["good", "far off"]
    assert page.next == page.total == 2**37 + 1
    hits = hits_page(db, "run1", HitsRequest("far"))
    assert [row.number for row in hits.lines] == [2**37] and hits.cursor is None


def test_a_companion_prints_for_the_writer_that_it_stands_beside(layout: Layout) -> None:
    """Who asks for a training's writer gets what its companion heard."""
    build = SegmentBuild("run1", "wc", window=4096)
    build.event(WriterOpened("lab", 2, rank=3, role="companion", beside="wa"))
    build.event(ConsolePrinted("stderr", 0, "heard"))
    keep(layout, build, "wc")
    page = lines_page(folded(layout).db, "run1", LinesRequest(writer="wa"))
    assert [row.text for row in page.lines] == ["heard"]
    assert [(w.writer, w.beside, w.rank, w.total) for w in page.writers] == [("wc", "wa", 3, 1)]


def test_a_line_that_has_not_ended_says_so(layout: Layout) -> None:
    """A progress bar is one line, open until it ends; lines above it have ended."""
    build = SegmentBuild("run1", "wa", window=4096)
    for text, ended in (("start\n 10%", False), (" 50%", False)):
        build.event(ConsolePrinted("stderr", 1 if " 50" in text else 0, text, ended=ended))
    keep(layout, build, "wa")

    def told() -> list[tuple[str, bool]]:
        page = lines_page(folded(layout).db, "run1", LinesRequest())
        return [(row.text, row.ended) for row in page.lines]

    assert told() == [("start", True), (" 50%", False)]
    build.event(ConsolePrinted("stderr", 1, "100%\nnext", ended=False))
    keep(layout, build, "wa")
    assert told() == [("start", True), ("100%", True), ("next", False)]


def test_a_text_is_found_wherever_it_is_printed(layout: Layout) -> None:
    """Every line that holds a text is found once, in any case, over as many pages as it takes."""
    writer(layout, "wa", [("stdout", None, f"step {n}", 1.0) for n in range(200)])
    writer(
        layout,
        "wb",
        [("stdout", None, f"{'Ünd' if n % 50 == 7 else 'x'}", 1.0) for n in range(200)],
    )
    db = folded(layout).db
    found: list[tuple[str, int]] = []
    cursor = None
    for _ in range(100):
        page = hits_page(db, "run1", HitsRequest("STEP 1", cursor=cursor, limit=9))
        found += [(row.writer, row.number) for row in page.lines]
        cursor = page.cursor
        if cursor is None:
            break
    expected = [n for n in range(200) if f"step {n}".startswith("step 1")]
    assert found == [("wa", n) for n in expected]
    page = hits_page(db, "run1", HitsRequest("ünd"))
    assert [row.number for row in page.lines] == [7, 57, 107, 157] and page.looked == 400
    assert hits_page(db, "run1", HitsRequest("und")).lines == []
    assert hits_page(db, "run1", HitsRequest("stdout")).lines == []
    with pytest.raises(QueryError):
        hits_page(db, "run1", HitsRequest("x", cursor="AAAA"))


def test_a_text_is_found_across_its_colours(layout: Layout) -> None:
    """Who looks for what a person reads need not know where a line changes its colour."""
    writer(layout, "wa", [("stdout", None, "\x1b[1mloss\x1b[0m \x1b[38;5;9m0.5\x1b[0m", 1.0)])
    db = folded(layout).db
    (row,) = hits_page(db, "run1", HitsRequest("LOSS 0.5")).lines
    assert row.text.startswith("\x1b[1mloss")
    assert hits_page(db, "run1", HitsRequest("[1m")).lines == []


@settings(max_examples=40, deadline=None)
@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(["wa", "wb"]),
            st.sampled_from([-5, 10, 20, 20, 30, 99_999]),
            st.sampled_from([0.0, 0.0, 1000.5, 3.0, -1.0]),
            st.one_of(st.none(), st.integers(-1, 3)),
        ),
        max_size=40,
    ),
    seed=st.integers(0, 1000),
    limit=st.integers(1, 9),
    level=st.sampled_from([0, 15, 20, 1000]),
)
def test_messages_are_those_of_the_log(
    said: list[tuple[str, int, float, int | None]], seed: int, limit: int, level: int
) -> None:
    """Pages of messages, from either end and of any level, are the messages of the log."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "store")
        layout.create()
        builds = {name: SegmentBuild("run1", name, window=4096) for name in ("wa", "wb")}
        builds["wb"].event(WriterOpened("lab", 2, rank=1))
        for number, (name, at, time, rank) in enumerate(said):
            event = MessageLogged(at, f"m{number}", "root", {"n": number}, "a.py:1", time, rank)
            builds[name].event(event)
        for name, build in builds.items():
            keep(layout, build, name)
        db = folded(layout, seed).db
        expected = [
            (m.time, m.level, m.text, m.logger, m.params, m.place, m.host, m.rank, m.writer)
            for m in read_messages(layout, "run1")
            if m.level >= level
        ]
        for newest in (False, True):
            found = []
            cursor = None
            while True:
                request = MessagesRequest(level, cursor, newest, limit)
                page = messages_page(db, "run1", request)
                assert page.total == len(expected) and len(page.messages) <= limit
                found += [
                    (m.time, m.level, m.text, m.logger, m.params, m.place, m.host, m.rank, m.writer)
                    for m in page.messages
                ]
                cursor = page.cursor
                if cursor is None:
                    break
            assert found == (expected[::-1] if newest else expected)


def test_a_block_is_the_bytes_of_its_document() -> None:
    """The example of LINES.md decodes by what it says, and is what is packed."""
    text = (Path(lineblocks.__file__).parent / "LINES.md").read_text(encoding="utf-8")
    given_, unpacked = text.partition("## Example")[2].split("and unpacks to")
    data = bytes.fromhex("".join(re.findall(r"^    ([0-9a-f]+)$", given_, re.MULTILINE)))
    stretches, lines = msgspec.msgpack.decode(zstandard.decompress(data))
    shown = unpacked.replace("true", "True").replace("false", "False")
    assert (stretches, lines) == ast.literal_eval(f"({shown.strip()})")
    block = unpack(data)
    assert block.texts[:4] == ["epoch 1", "epoch 2", None, "\x1b[31moh\x1b[0m"]
    assert block.places[3] == Place("stderr", 1000.5, 1001.0, ended=False)
    assert block.begun == 1000.0 and set(block.places[4:]) == {None}
    again = unpack(pack(block))
    assert (again.places, again.texts) == (block.places, block.texts)
    full = Block([Place("both", 1.0, 1.0)] * BLOCK_LINES, [str(n) for n in range(BLOCK_LINES)])
    assert unpack(pack(full)).texts == full.texts


@pytest.mark.parametrize("data", [b"", b"no block", pack(Block.empty())[:-3]])
def test_a_damaged_block_is_told_as_damage(data: bytes) -> None:
    """What does not unpack raises what makes readers report the file and have it made again."""
    with pytest.raises(msgspec.MsgspecError):
        unpack(data)


@given(st.lists(st.floats(0, allow_infinity=True), min_size=2))
def test_times_order_as_their_bits(times: list[float]) -> None:
    """A time's bits are in the order of times, and give it back."""
    times = [abs(time) for time in times]
    assert sorted(times) == [from_bits(whole) for whole in sorted(map(bits, times))]


def test_who_printed_what_is_listed(layout: Layout) -> None:
    """A run's writers that printed are told with their totals."""
    writer(layout, "wa", [("stdout", None, "a\nb", 0.0)])
    (only,) = printed(folded(layout).db, "run1")
    assert (only.about.writer, only.about.host, only.about.rank, only.total) == ("wa", "lab", 0, 2)
