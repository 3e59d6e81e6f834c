"""What damage costs: never a false point."""

from __future__ import annotations

import functools
import random
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import foldline
from foldline.cell import BLOCK_BYTES, CELL_BYTES, HEADER_BYTES
from foldline.errors import CorruptRecord
from foldline.layout import SegmentName
from foldline_ingest.batch import Damage
from foldline_ingest.reader import READ_BYTES, SegmentReader
from tests.segment_build import SegmentBuild

Row = tuple[int, float, float, float]

BLOCK = 256  # bytes that one seal covers in the sample; a real one covers 65,536


class Found(NamedTuple):
    """All that was read of a file."""

    points: list[Row]
    events: list[tuple[int, bytes]]
    damage: list[Damage]
    finished: bool


def read(path: Path, data: bytes, *, final: bool, limit: int = 1 << 20) -> Found:
    path.write_bytes(data)
    reader = SegmentReader(SegmentName("run1", "writer1"), path)
    found = Found([], [], [], finished=False)
    try:
        while not found.finished:
            batch = reader.read(final=final, limit=limit)
            if not batch.bytes:
                break
            columns = (column.tolist() for column in batch.points[:4])
            found.points.extend(zip(*columns, strict=True))
            found.events.extend((head.type, head.payload) for head in batch.events)
            found.damage.extend(batch.damage)
            found = found._replace(finished=batch.finished)
    finally:
        reader.close()
    return found


@functools.cache
def sample() -> tuple[SegmentBuild, bytes]:
    """Return a closed file of several windows and blocks with every kind of record."""
    build = SegmentBuild(window=1024, block=BLOCK)
    build.define(1, "loss")
    for step in range(24):
        build.point(1, step, step / 2)
    build.define(2, "acc", {"subset": "val"})
    build.wide(2, 3, 0.25)
    build.raw(900, b"of a later version" * 20)
    for step in range(24):
        build.point(1 + step % 2, step + 0.5, -float(step))
    build.raw(901, b"short")
    build.wide(1, 1000, 7.0)
    for step in range(40):
        build.point(2, 100 + step, 1.0 / (step + 1))
    return build, build.close()


@functools.cache
def places() -> dict[Row, int]:
    """Return where each point's record begins."""
    build, _ = sample()
    wide = _wide_places(build)
    starts = sorted([at for kind, at, _ in build.marks if kind == "point"] + wide)
    return dict(zip(build.points, starts, strict=True))


def _wide_places(build: SegmentBuild) -> list[int]:
    data = bytes(build.data)
    return [
        at
        for kind, at, _ in build.marks
        if kind == "event" and int.from_bytes(data[at + 2 : at + 4], "little") == 6
    ]


def lost_to(build: SegmentBuild, first: int, last: int) -> tuple[int, int]:
    """Return the range of bytes that damage from `first` to `last` may cost at most.

    That is the blocks it lies in, and on from there to the next record with a checksum.
    """
    begin = first // BLOCK * BLOCK
    begin = min([begin, *(at for _, at, size in build.marks if at <= first < at + size)])
    ends = [at for kind, at, _ in build.marks if kind != "point" and at > last]
    end = max(min(ends, default=len(build.data)), -(-(last + 1) // BLOCK) * BLOCK)
    return begin, end


def check(found: Found, begin: int, end: int, *, block_of: tuple[int, int] | None = None) -> None:
    """Assert that nothing false was read, and that nothing outside the range is missing."""
    build, _ = sample()
    points = set(found.points)
    assert points <= set(build.points), "a point that nobody tracked"
    assert found.points == [point for point in build.points if point in points], "out of order"
    assert set(found.events) <= set(build.events), "an event that nobody logged"
    for point, at in places().items():
        inside = begin <= at < end or (block_of is not None and block_of[0] <= at < block_of[1])
        assert inside or point in points, (point, at, begin, end)


def sealed_by(data: bytes, at: int) -> tuple[int, int] | None:
    """Return the block that a seal at this cell covers, in the whole file."""
    if data[at] != 4:
        return None
    first = int.from_bytes(data[at + 8 : at + 16], "little")
    return first, first + int.from_bytes(data[at + 16 : at + 24], "little")


def test_one_bit_flipped_at_every_byte(tmp_path: Path) -> None:
    """Bit rot anywhere in a sealed file is reported, costs its record or block, and lies never."""
    build, data = sample()
    path = tmp_path / "a.fold"
    chance = random.Random(7)
    assert read(path, data, final=False).points == build.points
    for at in range(HEADER_BYTES, len(data)):
        hurt = bytearray(data)
        hurt[at] ^= 1 << chance.randrange(8)
        found = read(path, bytes(hurt), final=chance.random() < 0.5)
        cell = at // CELL_BYTES * CELL_BYTES
        check(found, *lost_to(build, at, at), block_of=sealed_by(data, cell))
        whole = (found.points, found.events) == (build.points, build.events)
        assert whole or found.damage, (at, "lost without a word")
        for damage in found.damage:
            assert damage.segment == "run1/writer1" and damage.reason
            assert HEADER_BYTES <= damage.offset + damage.length <= len(data)
        if at < len(data) - CELL_BYTES:
            assert found.finished, at


def test_every_bit_of_the_kinds(tmp_path: Path) -> None:
    """Whatever kind a cell seems to have, the file is read to its end and nothing is made up."""
    build, data = sample()
    for at in range(HEADER_BYTES, len(data) - CELL_BYTES, CELL_BYTES):
        for bit in range(8):
            hurt = bytearray(data)
            hurt[at] ^= 1 << bit
            found = read(tmp_path / "a.fold", bytes(hurt), final=False)
            check(found, *lost_to(build, at, at), block_of=sealed_by(data, at))
            assert found.finished, (at, bit)


def test_a_damaged_header_is_an_error_and_not_a_guess(tmp_path: Path) -> None:
    """One bit flipped anywhere in the header is found by its checksum."""
    _, data = sample()
    for at in range(HEADER_BYTES):
        hurt = bytearray(data)
        hurt[at] ^= 1
        with pytest.raises(CorruptRecord) as caught:
            read(tmp_path / "a.fold", bytes(hurt), final=True)
        assert (caught.value.offset, caught.value.length) == (0, HEADER_BYTES)


@pytest.mark.parametrize("size", [32, 64, 512])
def test_zeroed_sectors(tmp_path: Path, size: int) -> None:
    """A sector that reads as zeros costs what lay in it and its blocks, and is reported."""
    build, data = sample()
    for at in range(max(size, HEADER_BYTES), len(data) - size - CELL_BYTES, size):
        if not any(data[at : at + size]):
            continue
        hurt = bytearray(data)
        hurt[at : at + size] = bytes(size)
        for final in (False, True):
            found = read(tmp_path / "a.fold", bytes(hurt), final=final)
            begin, end = lost_to(build, at, at + size - 1)
            whole = (found.points, found.events) == (build.points, build.events)
            assert whole or found.damage, at
            assert found.finished
            if all(sealed_by(data, cell) is None for cell in range(at, at + size, CELL_BYTES)):
                check(found, begin, end)
            else:
                assert set(found.points) <= set(build.points)


def test_swapped_and_repeated_blocks(tmp_path: Path) -> None:
    """A block that a disk put in another's place passes for nothing: checksums know their place.

    Unless the other place held the seals themselves: without a seal a block is taken as it is.
    """
    build, data = sample()
    sealing = {at // BLOCK for kind, at, _ in build.marks if kind == "seal"}
    blocks = [block for block in range(1, len(data) // BLOCK) if block not in sealing]
    for first in blocks:
        for second in blocks:
            hurt = bytearray(data)
            at, source = first * BLOCK, second * BLOCK
            hurt[at : at + BLOCK] = data[source : source + BLOCK]
            found = read(tmp_path / "a.fold", bytes(hurt), final=True)
            check(found, *lost_to(build, at, at + BLOCK - 1))
            assert len(set(found.points)) == len(found.points), "a point counts once"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_survived(tmp_path: Path, data: st.DataObject) -> None:
    """However a file is cut, overwritten and mixed up, reading it ends and raises no surprise."""
    build, whole = sample()
    hurt = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(hurt) - 1))
        patch = data.draw(st.binary(min_size=1, max_size=96))
        hurt[at : at + len(patch)] = patch
    if data.draw(st.booleans()):
        del hurt[data.draw(st.integers(0, len(hurt))) :]
    for final in (False, True):
        for limit in (256, 1 << 20):
            try:
                found = read(tmp_path / "a.fold", bytes(hurt), final=final, limit=limit)
            except CorruptRecord:
                assert hurt[:HEADER_BYTES] != whole[:HEADER_BYTES], "only the header is an error"
                continue
            known = set(build.events)
            assert all(event in known for event in found.events)


def test_a_real_file_keeps_its_other_blocks(tmp_path: Path) -> None:
    """In a file of megabytes one flipped bit of a point costs its 64 KiB, wherever it is."""
    count = 100_000
    with foldline.Run(id="run1", store=tmp_path / "store") as run:
        for step in range(count):
            run.track(step * 0.5, name="loss", step=step)
    (file,) = (tmp_path / "store" / "runs").glob("*/log/*.fold")
    data = file.read_bytes()
    name = SegmentName("run1", file.stem)
    for place in range(100, count, count // 12):
        at = data.index(place.to_bytes(8, "little"), HEADER_BYTES + place * CELL_BYTES)
        hurt = bytearray(data)
        hurt[at - 8 + 6] ^= 4  # in the value
        file.write_bytes(hurt)
        reader = SegmentReader(name, file)
        steps: list[float] = []
        damage: list[Damage] = []
        while not (batch := reader.read(limit=READ_BYTES)).finished:
            steps += batch.points.step.tolist()
            damage += batch.damage
            assert (batch.points.value == batch.points.step * 0.5).all()
        reader.close()
        damage += batch.damage
        steps += batch.points.step.tolist()
        assert len(damage) == 1 and damage[0].length <= BLOCK_BYTES
        assert damage[0].offset <= at < damage[0].offset + damage[0].length
        assert count - len(steps) <= BLOCK_BYTES // CELL_BYTES
