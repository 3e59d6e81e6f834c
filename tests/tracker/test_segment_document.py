"""SEGMENT.md against the bytes that are written."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import foldline
from foldline.cell import POINT_INT, Header
from foldline.events import SeriesDefined, WriterOpened, encode
from foldline.segment import Segment, open_file
from tests.segment_walk import Event, Point, walk

DOCUMENT = Path(foldline.__file__).parent / "SEGMENT.md"
ROW = re.compile(r"^([0-9a-f]{4})((?: {1,2}[0-9a-f]{2}){16})$", re.MULTILINE)


def example() -> bytes:
    rows = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert [int(at, 16) for at, _ in rows] == list(range(0, 16 * len(rows), 16))
    return b"".join(bytes.fromhex(row) for _, row in rows)


def test_the_example_decodes_to_what_the_text_says() -> None:
    """A reader that follows the document finds the run, the events, the points and the end."""
    data = example()
    found = walk(data)
    assert (found.run, found.writer) == ("run1", "writer1")
    assert found.events == [
        Event(1, 0, 1.7e9, {"host": "lab1", "pid": 7}),
        Event(5, 1, 1.7e9, {"series": 1, "name": "loss"}),
    ]
    assert found.points == [
        Point(1, 0.5, 0, 1.7e9, None, auto=False),
        Point(1, 0.25, 1, 1.7e9 + 1, 3, auto=True),
    ]
    assert found.sealed == [(0, 0x100)]
    assert found.finished and not found.damage and found.end == len(data)


def test_the_writer_makes_the_example(tmp_path: Path) -> None:
    """The same calls give the document's bytes, so the document can't go stale."""
    path = tmp_path / "writer1.fold"
    segment = Segment(
        open_file(path, buffered=False),
        Header("run1", "writer1", 1_700_000_000_000_000_000, 0x0123456789ABCDEF),
        (1, encode(WriterOpened("lab1", 7))),
        lock=threading.RLock(),
        clock=lambda: 1.7e9,
    )
    segment.append_event(5, encode(SeriesDefined(1, "loss")))
    segment.write(POINT_INT.pack(1, 0, 0, 1, 0.5, 0, 1.7e9))
    segment.write(POINT_INT.pack(1, 1, 4, 1, 0.25, 1, 1.7e9 + 1))
    segment.close()
    assert path.read_bytes() == example()


def test_the_example_is_checked_and_not_just_parsed() -> None:
    """One flipped bit, wherever it is, shows as damage or as a seal that does not hold."""
    data = example()
    for at in range(64, len(data) - 32):
        flipped = bytearray(data)
        flipped[at] ^= 1
        try:
            found = walk(bytes(flipped))
        except ValueError:
            continue  # a payload that is no msgpack: seen as well
        assert found.damage or not found.finished, f"byte {at}"
