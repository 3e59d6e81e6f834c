"""POINTS.md against the bytes that are written."""

from __future__ import annotations

import re
import struct
from itertools import accumulate
from pathlib import Path

import numpy as np
import zstandard

import foldline_views
from foldline_ingest.batch import Points
from foldline_views.pieces import decode, encode

DOCUMENT = Path(foldline_views.__file__).parent / "POINTS.md"
ROW = re.compile(r"^ {4}([0-9a-f]{4})  ((?:[0-9a-f]{2} ?){1,16})$", re.MULTILINE)

SAID = Points(
    np.array([1, 1, 1, 2], np.uint32),
    np.array([0.0, 1, 2, 0]),
    np.array([0.5, 0.25, np.nan, -1]),
    1.7e9 + np.array([0, 0.25, 0.5, 0.75]),
    np.full(4, np.nan),
)


def example() -> bytes:
    rows = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert [int(at, 16) for at, _ in rows] == list(range(0, 16 * len(rows), 16))
    return b"".join(bytes.fromhex(row) for _, row in rows)


def unpacked(body: bytes) -> tuple[list[int], list[list[float]]]:
    """Return the series of each point, and the columns, by the text of the document alone."""
    series_count, count, epochs = struct.unpack_from("<III", body)
    table = list(struct.iter_unpack("<II", body[12 : 12 + 8 * series_count]))
    at = 12 + 8 * series_count
    assert len(body) == at + 8 * count * (4 if epochs else 3)
    columns = []
    for column in (body[at + 8 * count * n : at + 8 * count * (n + 1)] for n in range(3 + epochs)):
        written = [
            sum(column[rank * count + n] << 8 * rank for rank in range(8)) for n in range(count)
        ]
        signed = [number // 2 if number % 2 == 0 else -(number + 1) // 2 for number in written]
        whole = [number % (1 << 64) for number in accumulate(signed)]
        columns.append([struct.unpack("<d", struct.pack("<Q", number))[0] for number in whole])
    return [number for number, held in table for _ in range(held)], columns


def test_the_example_is_what_the_text_says() -> None:
    """A reader that follows the document finds the points."""
    series, columns = unpacked(example())
    assert series == SAID.series.tolist()
    for found, column in zip(columns, SAID[1:4], strict=True):
        np.testing.assert_array_equal(found, column)


def test_the_code_writes_and_reads_the_example() -> None:
    """A piece is the example in a frame of zstd that has a checksum."""
    piece = encode(SAID)
    assert zstandard.ZstdDecompressor().decompress(piece) == example()
    assert zstandard.get_frame_parameters(piece).has_checksum
    again = decode(zstandard.ZstdCompressor().compress(example()))
    for found, column in zip(again, SAID, strict=True):
        np.testing.assert_array_equal(found, column)


def test_epochs_are_kept_where_there_are_any() -> None:
    """A fourth column has them, with NaN for points that have none."""
    epochs = np.array([1.0, np.nan, 2.5, np.nan])
    body = zstandard.ZstdDecompressor().decompress(encode(Points(*SAID[:4], epochs)))
    np.testing.assert_array_equal(unpacked(body)[1][3], epochs)
