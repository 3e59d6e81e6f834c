"""PACK.md against the bytes that are written."""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import zstandard

import foldline
from foldline.layout import Layout, SegmentName
from foldline_ingest.packing import pack
from foldline_ingest.slabs import compress
from tests.tracker.test_segment_document import example as segment

DOCUMENT = Path(foldline.__file__).parent / "PACK.md"
ROW = re.compile(r"^([0-9a-f]{4})((?: {1,2}[0-9a-f]{2}){1,16})$", re.MULTILINE)


def blocks() -> list[bytes]:
    """Return the bytes of the document's examples."""
    fences = DOCUMENT.read_text(encoding="utf-8").split("```")[1::2]
    return [b"".join(bytes.fromhex(row) for _, row in ROW.findall(fence)) for fence in fences]


def unpacked(content: bytes) -> bytes:
    """Return what a slab's content stands for, by the text of the document alone."""
    (pairs,) = struct.unpack_from("<I", content)
    table = [struct.unpack_from("<II", content, 4 + 8 * n) for n in range(pairs)]
    at = 4 + 8 * pairs
    plain = content[at : at + sum(p for p, _ in table)]
    count = sum(c for _, c in table)
    planes = content[at + len(plain) :]
    columns = []
    for number in range(4):
        column = planes[number * 8 * count : (number + 1) * 8 * count]
        columns.append([
            sum(column[rank * count + n] << 8 * rank for rank in range(8)) for n in range(count)
        ])  # fmt: skip
    head, value, step, time = columns
    by_series = sorted(range(count), key=lambda n: head[n] >> 32)
    cells = [[head[n], 0, 0, 0] for n in range(count)]
    for place, order in ((1, by_series), (2, by_series), (3, range(count))):
        total = 0
        for n, written in zip(order, (value, step, time)[place - 1], strict=True):
            total = (total + ((written >> 1) ^ -(written & 1))) % (1 << 64)
            cells[n][place] = total
    whole = [struct.pack("<4Q", *cell) for cell in cells]
    found, used, taken = b"", 0, 0
    for plain_bytes, points in table:
        found += plain[used : used + plain_bytes] + b"".join(whole[taken : taken + points])
        used, taken = used + plain_bytes, taken + points
    return found


def test_the_example_holds_the_segment() -> None:
    """A reader that follows the document finds the one segment, and its bytes are the file's."""
    data = blocks()[0]
    magic, version, count, place, crc = struct.unpack_from("<8sIIQI", data)
    assert (magic, version, count) == (b"FOLDPAK\n", 1, 1)
    assert zlib.crc32(data[:60]) == struct.unpack_from("<I", data, 60)[0]
    entry = data[place : place + 64]
    assert zlib.crc32(entry) == crc and place + 64 == len(data)
    run, writer, size, mtime, table, slabs, _ = struct.unpack("<16s16sQQQII", entry)
    assert (run.rstrip(b"\0"), writer.rstrip(b"\0")) == (b"run1", b"writer1")
    assert (size, mtime, slabs) == (len(segment()), 1_700_000_000 * 10**9, 1)
    assert data[table : table + 64] == segment()[:64]
    slab, length, check = struct.unpack_from("<QII", data, table + 64)
    content = zstandard.ZstdDecompressor().decompress(data[slab : slab + length])
    assert unpacked(content) == segment() and zlib.crc32(segment()) == check


def test_the_example_of_columns_holds_its_points() -> None:
    """The columns that the document shows are the four points that it names."""
    points = [struct.pack("<BBHIdqd", 1, 0, 0, 1, n + 1.0, n, 1.7e9) for n in range(4)]
    content = blocks()[1]
    assert unpacked(content) == b"".join(points)
    written = zstandard.ZstdDecompressor().decompress(compress(b"".join(points)))
    assert written == content


def test_any_slab_decodes_by_the_text() -> None:
    """What is packed of several series among events decodes by the text alone, too."""
    chance = np.random.default_rng(1)
    cells = [
        struct.pack("<BBHIdqd", 1, 0, 3, n % 3, chance.normal(), n // 3, 1.7e9 + n / 7)
        for n in range(90)
    ]
    data = b"".join([bytes(64), *cells[:60], b"\x02" * 96, *cells[60:], b"torn"])
    assert unpacked(zstandard.ZstdDecompressor().decompress(compress(data))) == data


def test_the_packing_makes_the_example_but_for_zstd(tmp_path: Path) -> None:
    """The same segment packs into the document's bytes, where zstd has not changed."""
    layout = Layout(tmp_path / "store")
    layout.create()
    path = layout.segment(SegmentName("run1", "writer1"))
    path.parent.mkdir(parents=True)
    path.write_bytes(segment())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    pack(layout)
    (made,) = layout.packs.glob("*.pack")
    made_bytes, told = made.read_bytes(), blocks()[0]
    assert made_bytes[:12] == told[:12]
    assert made_bytes[-64:-16] == told[-64:-16]
