"""A segment read as `SEGMENT.md` describes it, without the product's code.

Slow and plain on purpose: it shares nothing with the codec but the document.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

__all__ = ["Event", "Point", "Walk", "segments", "walk"]

CELL = 32


class Point(NamedTuple):
    """A point cell."""

    series: int
    value: float
    step: int | float
    time: float
    epoch: int | None
    auto: bool


class Event(NamedTuple):
    """An event and its payload as a plain map."""

    type: int
    seq: int
    time: float
    fields: dict[str, Any]


class Walk(NamedTuple):
    """What a walk found, in the order of the file."""

    run: str
    writer: str
    salt: int
    points: list[Point]
    events: list[Event]
    sealed: list[tuple[int, int]]  # (first byte, length) of blocks whose checksum is right
    damage: list[int]  # offsets of checksums that are wrong
    finished: bool
    end: int

    def of_type(self, number: int) -> list[dict[str, Any]]:
        """Return the payloads of the events of one type."""
        return [event.fields for event in self.events if event.type == number]

    def series(self) -> dict[tuple[str, str], list[Point]]:
        """Return the points of each (name, context as JSON)."""
        names = {
            fields["series"]: (
                fields["name"],
                msgspec.json.encode(fields.get("context", {}), order="sorted").decode(),
            )
            for fields in self.of_type(5)
        }
        found: dict[tuple[str, str], list[Point]] = {name: [] for name in names.values()}
        for point in self.points:
            found[names[point.series]].append(point)
        return found


def segments(store: Path) -> list[Path]:
    """Return the segments of a store, oldest writer first."""
    return sorted(store.glob("runs/*/log/*.fold"))


def walk(source: Path | bytes) -> Walk:
    """Walk one segment from its start to what is not written yet, or to its last seal."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    magic, version, run, writer, _, salt, crc = struct.unpack_from("<8sI16s16sQQI", data)
    assert magic == b"FOLDLOG\n" and version == 1 and crc == zlib.crc32(data[:60])
    found = Walk(_name(run), _name(writer), salt, [], [], [], [], finished=False, end=0)
    at = 64
    while at + CELL <= len(data) and data[at] != 0:
        kind, flags, small, number = struct.unpack_from("<BBHI", data, at)
        if kind == 1:
            point = _point(data, at)
            if point.time == 0:
                break
            found.points.append(point)
            at += CELL
        elif kind == 3:
            if not _pad_holds(data, at, salt):
                found.damage.append(at)
                break
            at = struct.unpack_from("<Q", data, at + 8)[0]
        elif kind == 4:
            first, length = struct.unpack_from("<Qq", data, at + 8)
            if number == zlib.crc32(data[first : first + length], _start(salt, first)):
                found.sealed.append((first, length))
            else:
                found.damage.append(at)
            at += CELL
            if flags & 1:
                return found._replace(finished=True, end=at)
        else:
            if not _event_holds(data, at, number, salt):
                found.damage.append(at)
                break
            seq, time = struct.unpack_from("<qd", data, at + 16)
            payload = data[at + CELL : at + CELL + number]
            if kind == 2:
                found.events.append(Event(small, seq, time, msgspec.msgpack.decode(payload)))
            at += CELL + -(-number // CELL) * CELL
    return found._replace(end=at)


def _point(data: bytes, at: int) -> Point:
    _, flags, epoch, series, value, step, time = struct.unpack_from("<BBHIdqd", data, at)
    if flags & 2:
        step = struct.unpack_from("<d", data, at + 16)[0]
    return Point(series, value, step, time, epoch - 1 if epoch else None, bool(flags & 1))


def _event_holds(data: bytes, at: int, length: int, salt: int) -> bool:
    payload_crc, head_crc = struct.unpack_from("<II", data, at + 8)
    head = data[at : at + 12] + bytes(4) + data[at + 16 : at + CELL]
    payload = data[at + CELL : at + CELL + length]
    start = _start(salt, at)
    wanted = (zlib.crc32(head, start), zlib.crc32(payload, start))
    return bool((head_crc, payload_crc) == wanted)


def _pad_holds(data: bytes, at: int, salt: int) -> bool:
    (crc,) = struct.unpack_from("<I", data, at + 4)
    cell = data[at : at + 4] + bytes(4) + data[at + 8 : at + CELL]
    return bool(crc == zlib.crc32(cell, _start(salt, at)))


def _start(salt: int, offset: int) -> int:
    return zlib.crc32(struct.pack("<QQ", salt, offset))


def _name(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii")
