"""What a reader takes from one segment, live and afterwards."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import foldline
from foldline.cell import (
    CELL_BYTES,
    HEADER_BYTES,
    EventHead,
    Header,
    crc_start,
    encode_event,
    encode_header,
    encode_seal,
)
from foldline.errors import CorruptRecord
from foldline.events import PointTracked
from foldline.layout import Layout, SegmentName
from foldline_ingest.batch import Batch, Damage, facts
from foldline_ingest.reader import READ_BYTES, SegmentReader
from tests.segment_build import SegmentBuild
from tests.segment_walk import walk

NAME = SegmentName("run1", "writer1")
Rows = list[tuple[int, float, float, float]]


def whole(reader: SegmentReader, *, final: bool = False, limit: int = READ_BYTES) -> list[Batch]:
    """Read until nothing is new."""
    batches: list[Batch] = []
    while True:
        batch = reader.read(final=final, limit=limit)
        if not batch.bytes and not batch.damage:
            return batches
        batches.append(batch)
        if batch.finished:
            return batches


def points_of(batches: list[Batch]) -> Rows:
    return [
        (int(series), float(step), float(value), float(time))
        for batch in batches
        for series, step, value, time in zip(*(c.tolist() for c in batch.points[:4]), strict=True)
    ]


def events_of(batches: list[Batch]) -> list[tuple[int, bytes]]:
    return [(head.type, head.payload) for batch in batches for head in batch.events]


def damage_of(batches: list[Batch]) -> list[Damage]:
    return [damage for batch in batches for damage in batch.damage]


def read_bytes(path: Path, data: bytes, *, final: bool = False) -> list[Batch]:
    path.write_bytes(data)
    reader = SegmentReader(NAME, path)
    try:
        return whole(reader, final=final)
    finally:
        reader.close()


def sample() -> SegmentBuild:
    """Return a segment of several windows with everything in it."""
    build = SegmentBuild()
    build.define(1, "loss")
    for step in range(20):
        build.point(1, step, step / 2)
    build.define(2, "acc", {"subset": "val"})
    build.wide(2, 3, 0.25)
    for step in range(30):
        build.point(1 + step % 2, step + 0.5, -float(step))
        if step % 10 == 4:
            build.wide(1, 1000 + step, 7.0)
            build.raw(900, b"of a later version" * 8)
    build.point(1, 2**40, math.inf)
    return build


def test_a_closed_file_is_read_whole(tmp_path: Path) -> None:
    """Points, wide points among them, and events come in the order in which they were logged."""
    build = sample()
    batches = read_bytes(tmp_path / "a.fold", build.close())
    assert points_of(batches) == build.points
    assert events_of(batches) == build.events
    assert damage_of(batches) == []
    assert batches[-1].finished
    assert [batch.start for batch in batches[1:]] == [batch.end for batch in batches[:-1]]


def test_small_reads_give_the_same(tmp_path: Path) -> None:
    """However few bytes are read at a time, the whole is the same, large records included."""
    build = sample()
    build.raw(901, b"x" * 3000)
    build.point(2, 5, 5.0)
    path = tmp_path / "a.fold"
    path.write_bytes(build.close())
    for limit in (32, 64, 96, 160, 512, 1000, 1024, 4096):
        reader = SegmentReader(NAME, path)
        batches = whole(reader, limit=limit)
        reader.close()
        assert points_of(batches) == build.points, limit
        assert events_of(batches) == build.events, limit
        assert damage_of(batches) == [] and batches[-1].finished


def test_a_file_cut_at_every_byte_is_a_clean_prefix(tmp_path: Path) -> None:
    """A torn write costs what was torn: what is read is a prefix, and nothing is called damaged."""
    build = sample()
    data = build.close()
    path = tmp_path / "a.fold"
    for final, pace in ((False, 1), (True, 11)):
        seen = (0, 0)
        for size in [*range(0, len(data), pace), len(data) - 1]:
            batches = read_bytes(path, data[:size], final=final)
            points, events = points_of(batches), events_of(batches)
            assert points == build.points[: len(points)], size
            assert events == build.events[: len(events)], size
            assert damage_of(batches) == [], size
            assert (len(points), len(events)) >= seen, "a longer file holds no less"
            seen = (len(points), len(events))
        assert seen == (len(build.points), len(build.events))


def test_a_file_cut_and_filled_with_zeros_is_a_clean_prefix(tmp_path: Path) -> None:
    """An allocated tail that was never written reads as not written yet, at every byte."""
    build = sample()
    data = bytes(build.data)
    path = tmp_path / "a.fold"
    for size in range(HEADER_BYTES, len(data), 5):
        batches = read_bytes(path, data[:size].ljust(len(data) + 4096, b"\0"))
        points, events = points_of(batches), events_of(batches)
        assert points == build.points[: len(points)], size
        assert events == build.events[: len(events)], size
        assert damage_of(batches) == []


def test_a_growing_file_shows_only_prefixes(tmp_path: Path) -> None:
    """A reader beside a writer sees, byte by byte, what is whole, each thing once and in order."""
    build = sample()
    data = build.close()
    path = tmp_path / "a.fold"
    path.touch()
    reader = SegmentReader(NAME, path)
    batches: list[Batch] = []
    with path.open("r+b", buffering=0) as file:
        for at in range(len(data)):
            file.write(data[at : at + 1])
            new = whole(reader)
            batches += new
            if new:
                found = points_of(batches)
                assert found == build.points[: len(found)]
    reader.close()
    assert points_of(batches) == build.points
    assert events_of(batches) == build.events
    assert damage_of(batches) == [] and batches[-1].finished


def test_a_growing_window_shows_only_prefixes(tmp_path: Path) -> None:
    """The same for a file that is allocated ahead, as a mapped one is."""
    build = sample()
    data = bytes(build.data)
    path = tmp_path / "a.fold"
    path.write_bytes(bytes(len(data) + 2048))
    reader = SegmentReader(NAME, path)
    batches: list[Batch] = []
    with path.open("r+b", buffering=0) as file:
        # The header goes in last: before it is there, nobody takes the file for a segment.
        first = next(at for kind, at, _ in build.marks if kind == "point")
        file.seek(HEADER_BYTES)
        file.write(data[HEADER_BYTES:first])
        assert whole(reader) == []
        file.seek(0)
        file.write(data[:HEADER_BYTES])
        file.seek(first)
        for at in range(first, len(data)):
            file.write(data[at : at + 1])
            batches += whole(reader)
    reader.close()
    assert points_of(batches) == build.points
    assert events_of(batches) == build.events
    assert damage_of(batches) == []


def test_a_killed_writer_leaves_all_that_it_wrote(tmp_path: Path) -> None:
    """Without its last seals a file gives every cell before the first unwritten one."""
    build = sample()
    for allocated in (0, 4096):
        for final in (False, True):
            batches = read_bytes(tmp_path / "a.fold", build.killed(allocated), final=final)
            assert points_of(batches) == build.points
            assert events_of(batches) == build.events
            assert damage_of(batches) == [] and not batches[-1].finished


def test_wide_points_keep_their_place(tmp_path: Path) -> None:
    """A point with a fractional epoch stands between the points tracked before and after it."""
    with foldline.Run(id="wide") as run:
        for step in range(5000):
            run.track(float(step), name="loss", step=step, epoch=0.5 if step % 7 == 0 else None)
    layout = Layout(tmp_path / "store")
    (file,) = layout.runs.glob("*/log/*.fold")
    reader = SegmentReader(SegmentName("wide", file.stem), file)
    batches = whole(reader)
    reader.close()
    assert [step for _, step, _, _ in points_of(batches)] == list(range(5000))
    assert [value for _, _, value, _ in points_of(batches)] == list(range(5000))
    assert all(number != PointTracked.TYPE for number, _ in events_of(batches))


def test_the_reader_agrees_with_the_document(tmp_path: Path) -> None:
    """A real file of several windows gives what a plain walk by SEGMENT.md gives."""
    with foldline.Run(id="doc", params={"lr": 0.1}) as run:
        for step in range(12_000):
            run.track({"loss": step * 0.5, "acc": -step}, step=step)
            if step % 1000 == 0:
                run["note"] = "n" * step
    (file,) = Layout(tmp_path / "store").runs.glob("*/log/*.fold")
    expected = walk(file)
    reader = SegmentReader(SegmentName("doc", file.stem), file)
    batches = whole(reader)
    reader.close()
    found = points_of(batches)
    assert found == [(p.series, float(p.step), p.value, p.time) for p in expected.points]
    assert [number for number, _ in events_of(batches)] == [e.type for e in expected.events]
    assert batches[-1].finished and damage_of(batches) == []


def test_events_larger_than_a_read(tmp_path: Path) -> None:
    """An event of many megabytes is read whole, and what follows it."""
    build = SegmentBuild(window=65536, block=65536)
    build.point(1, 1, 1.0)
    build.raw(900, b"x" * (9 * 1024 * 1024))
    build.point(1, 2, 2.0)
    batches = read_bytes(tmp_path / "a.fold", build.close())
    assert points_of(batches) == build.points
    assert events_of(batches) == build.events
    assert damage_of(batches) == [] and batches[-1].finished


def test_unknown_events_are_skipped_and_kept(tmp_path: Path) -> None:
    """An event type of a later version comes as its bytes, and is no fact of this version."""
    build = SegmentBuild()
    build.raw(4711, b"whatever it is")
    build.define(1, "a")
    build.point(1, 1, 1.0)
    (batch,) = read_bytes(tmp_path / "a.fold", build.close())
    assert (4711, b"whatever it is") in events_of([batch])
    assert len(list(facts(batch))) == len(batch.events) - 1


def test_unknown_kinds_are_skipped_by_their_length(tmp_path: Path) -> None:
    """A cell of a later version is passed over with its payload, whatever that looks like."""
    build = SegmentBuild()
    build.define(1, "a")
    build.point(1, 1, 1.0)
    build.foreign(later_kind(build, bytes(build.data[-CELL_BYTES:]) * 3))
    build.point(1, 2, 2.0)
    batches = read_bytes(tmp_path / "a.fold", build.close())
    assert points_of(batches) == build.points
    assert events_of(batches) == build.events
    assert damage_of(batches) == []


def later_kind(build: SegmentBuild, payload: bytes) -> bytes:
    """Return a record of kind 77, shaped as an event."""
    offset = len(build.data)
    start = crc_start(build.salt, offset)
    fields = (77, 0, 1, len(payload), zlib.crc32(payload, start))
    head = struct.pack("<BBHIIIqd", *fields, 0, 0, 1.0)
    head = struct.pack("<BBHIIIqd", *fields, zlib.crc32(head, start), 0, 1.0)
    return head + payload


def test_a_newer_version_is_refused_with_its_reason(tmp_path: Path) -> None:
    """A file of a later format is an error that says so, not a wrong reading."""
    data = bytearray(sample().close())
    data[8] = 9
    data[60:64] = zlib.crc32(bytes(data[:60])).to_bytes(4, "little")
    with pytest.raises(CorruptRecord, match="version 9 is newer than 1"):
        read_bytes(tmp_path / "a.fold", bytes(data))


def test_a_file_that_is_no_segment_is_refused(tmp_path: Path) -> None:
    """Any other file is an error at offset 0."""
    with pytest.raises(CorruptRecord, match="does not start with the segment magic"):
        read_bytes(tmp_path / "a.fold", b"GIF89a" * 100)


def test_a_file_with_another_segments_header_is_refused(tmp_path: Path) -> None:
    """A copy under another name is not a second writer: its points would count twice."""
    path = tmp_path / "copy.fold"
    path.write_bytes(sample().close())
    reader = SegmentReader(SegmentName("run1", "copy"), path)
    with pytest.raises(CorruptRecord, match="run1/writer1"):
        reader.read()
    reader.close()


def test_a_payload_never_passes_for_a_record(tmp_path: Path) -> None:
    """A copy of another segment, logged as a value, never surfaces if its event is damaged."""
    inner = sample()
    stolen = inner.close()
    path = tmp_path / "a.fold"
    for shift in (0, HEADER_BYTES, 96, 288):
        build = SegmentBuild(window=32768, block=1024, salt=inner.salt)
        build.define(1, "a")
        build.point(1, 1, 111.0)
        build.raw(900, stolen[shift:].ljust(9000, b"\0"))
        at = build.marks[-1][1]
        build.point(1, 2, 222.0)
        build.define(2, "after")
        build.point(2, 3, 333.0)
        data = build.close()
        assert points_of(read_bytes(path, data)) == build.points
        for byte in range(at, at + CELL_BYTES):
            for bit in range(8):
                hurt = bytearray(data)
                hurt[byte] ^= 1 << bit
                batches = read_bytes(path, bytes(hurt), final=True)
                found = points_of(batches)
                assert set(found) <= set(build.points), (byte, bit)
                assert set(events_of(batches)) <= set(build.events)
                assert damage_of(batches), (byte, bit)
                assert build.points[-1] in found, "what follows is found again"


def test_a_hole_where_a_read_stopped_is_damage_once_its_writer_is_gone(tmp_path: Path) -> None:
    """While the writer lives it may yet be written; after that it is told, and passed over."""
    build = sample()
    data, path = build.close(), tmp_path / "a.fold"
    at = next(at for kind, at, _ in build.marks if kind == "point" and at > len(data) // 2)
    path.write_bytes(data[:at])
    reader = SegmentReader(NAME, path)
    before = points_of(whole(reader))
    path.write_bytes(data[:at] + bytes(CELL_BYTES) + data[at + CELL_BYTES :])
    assert whole(reader) == []
    batches = whole(reader, final=True)
    reader.close()
    assert [found.offset for found in damage_of(batches)] == [at]
    after = points_of(batches)
    assert before == build.points[: len(before)] and after == build.points[-len(after) :]
    assert batches[-1].finished


def test_a_head_that_claims_the_sky_is_no_reason_to_read_it(tmp_path: Path) -> None:
    """A length that is damaged to gigabytes is caught by the head's own checksum."""
    build = SegmentBuild()
    build.define(1, "a")
    build.raw(900, b"payload" * 10)
    at = build.marks[-1][1]
    build.point(1, 1, 1.0)
    build.define(2, "b")
    data = bytearray(build.close())
    data[at + 7] = 0xFF
    batches = read_bytes(tmp_path / "a.fold", bytes(data))
    (damage,) = damage_of(batches)
    assert damage.offset == at and damage.segment == "run1/writer1"
    assert batches[-1].finished


def test_a_wrong_seal_costs_its_block_alone(tmp_path: Path) -> None:
    """A block whose checksum is wrong is left out and reported; the blocks around it are kept."""
    build = SegmentBuild(window=4096, block=512)
    build.define(1, "a")
    for step in range(300):
        build.point(1, step, float(step))
    data = bytearray(build.close())
    points = [at for kind, at, _ in build.marks if kind == "point"]
    at = points[50]
    data[at + 9] ^= 1
    batches = read_bytes(tmp_path / "a.fold", bytes(data))
    (damage,) = damage_of(batches)
    assert damage.offset == at // 512 * 512 and damage.length <= 512
    kept = [
        point
        for point, place in zip(build.points, points, strict=True)
        if not damage.offset <= place < damage.offset + damage.length
    ]
    assert points_of(batches) == kept


def test_damage_in_the_first_block_is_found(tmp_path: Path) -> None:
    """The seal of a file's first block, which covers the header too, is checked like any other."""
    with foldline.Run(id="small") as run:
        for step in range(100):
            run.track(float(step), name="a", step=step)
    (file,) = Layout(tmp_path / "store").runs.glob("*/log/*.fold")
    data = bytearray(file.read_bytes())
    at = data.index(struct.pack("<d", 77.0))
    data[at + 6] ^= 1
    file.write_bytes(data)
    reader = SegmentReader(SegmentName("small", file.stem), file)
    batches = whole(reader)
    reader.close()
    assert damage_of(batches) != []
    assert points_of(batches) == []


def test_a_seal_that_calls_itself_the_last_is_not_believed(tmp_path: Path) -> None:
    """If records follow, a damaged flag does not end a file."""
    build = SegmentBuild()
    build.define(1, "a")
    for step in range(200):
        build.point(1, step, float(step))
    data = bytearray(build.close())
    for kind, at, _ in build.marks[:-1]:
        if kind == "seal" and not data[at + 1]:
            hurt = bytearray(data)
            hurt[at + 1] |= 1
            batches = read_bytes(tmp_path / "a.fold", bytes(hurt))
            assert len(points_of(batches)) >= len(build.points) - 32, at
            assert batches[-1].finished
            assert points_of(batches)[-1] == build.points[-1]


def test_a_poisoned_wide_point_is_passed_over(tmp_path: Path) -> None:
    """An event of a known type with a payload that is not its own stops nothing."""
    for payload in (b"\xc1", b"\x80", b"\x93\x01\x02\x03", bytes(1000), b"\x81" * 5000):
        build = SegmentBuild(window=16384)
        build.define(1, "a")
        build.point(1, 1, 1.0)
        build.raw(PointTracked.TYPE, payload)
        build.point(1, 2, 2.0)
        batches = read_bytes(tmp_path / "a.fold", build.close())
        assert [step for _, step, _, _ in points_of(batches)] == [1, 2]


@pytest.mark.parametrize("series", [-1, 2**32, 2**62])
def test_a_wide_point_of_an_impossible_series_is_passed_over(tmp_path: Path, series: int) -> None:
    """A series number that no cell can hold belongs to nothing."""
    build = SegmentBuild()
    build.point(1, 1, 1.0)
    build.wide(series, 2, 2.0)
    build.point(1, 3, 3.0)
    batches = read_bytes(tmp_path / "a.fold", build.close())
    assert [step for _, step, _, _ in points_of(batches)] == [1, 3]


def test_values_are_exact(tmp_path: Path) -> None:
    """NaN with its payload, infinities, negative zero and denormals come back bit for bit."""
    values = struct.pack("<6d", math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1)
    values += bytes.fromhex("010000000000f87f")
    build = SegmentBuild()
    for (value,) in struct.iter_unpack("<d", values):
        build.point(1, 1, value)
    batches = read_bytes(tmp_path / "a.fold", build.close())
    assert np.concatenate([b.points.value for b in batches]).tobytes() == values


def test_nothing_is_read_before_there_is_a_header(tmp_path: Path) -> None:
    """A file that is about to be made is neither an error nor damage."""
    for data in (b"", bytes(10), bytes(65536)):
        assert read_bytes(tmp_path / "a.fold", data) == []


def test_seals_of_the_two_layouts_match(tmp_path: Path) -> None:
    """What this file's builder writes is what the product writes, but for the sizes."""
    build = SegmentBuild(window=65536, block=65536)
    build.define(1, "a")
    build.point(1, 1, 1.0)
    found = walk(build.close())
    assert found.finished and found.damage == [] and len(found.points) == 1
    header = Header("run1", "writer1", 1, 2)
    assert len(encode_header(header)) == HEADER_BYTES
    assert len(encode_event(EventHead(1, 0, 1.0, b"x"), salt=2, offset=64)) == 2 * CELL_BYTES
    assert len(encode_seal(b"", salt=2, first=0, last=True, time=1.0)) == CELL_BYTES


def test_events_alone(tmp_path: Path) -> None:
    """Who wants events only gets them all, up to the same offset, and no point is copied."""
    build = SegmentBuild()
    build.define(1, "loss")
    for step in range(50):
        build.point(1, step, 1.0)
        build.wide(1, step, 2.0)
    path = tmp_path / "a.fold"
    path.write_bytes(build.close())
    reader = SegmentReader(SegmentName("run1", "writer1"), path, events_only=True)
    batch = reader.read()
    assert [head.type for head in batch.events] == [number for number, _ in build.events]
    assert len(batch.points) == 0 and batch.finished and batch.end == len(build.data)
