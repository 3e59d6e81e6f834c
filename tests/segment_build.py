"""Segments written by hand: any windows, any cells.

A real window has 64 KiB at least. These have a few hundred bytes, so that a test can damage every
byte of a file that has several windows, pads, blocks and seals.
"""

from __future__ import annotations

from typing import Any

import msgspec

from foldline.cell import (
    CELL_BYTES,
    FLAG_FLOAT_STEP,
    POINT,
    POINT_FLOAT,
    POINT_INT,
    EventHead,
    Header,
    encode_event,
    encode_header,
    encode_pad,
    encode_seal,
)
from foldline.events import Event, PointTracked, SeriesDefined, WriterClosed, WriterOpened, encode

__all__ = ["SegmentBuild"]

START = 1_700_000_000.0


class SegmentBuild:
    """The bytes of one segment, appended to like the real one."""

    def __init__(
        self,
        run: str = "run1",
        writer: str = "writer1",
        *,
        salt: int = 0x1234_5678_9ABC_DEF0,
        window: int = 1024,
        block: int = 512,
        start: float = START,
    ) -> None:
        self.salt = salt
        self.window = window
        self.block = block
        self.time = start
        self.points: list[tuple[int, float, float, float]] = []  # series, step, value, time
        self.events: list[tuple[int, bytes]] = []  # type and payload, of all but wide points
        self.marks: list[tuple[str, int, int]] = []  # (kind, first byte, bytes) of each record
        self._seq = 0
        self._start = 0  # of the window
        header = Header(run, writer, int(start * 1e9), salt)
        self.data = bytearray(encode_header(header))
        self.marks.append(("header", 0, len(self.data)))
        self.event(WriterOpened("lab1", 7))

    @property
    def limit(self) -> int:
        """Where the window's seal area begins."""
        return self._start + self.window - self.window // self.block * CELL_BYTES

    def _append(self, kind: str, cells: bytes) -> None:
        self.marks.append((kind, len(self.data), len(cells)))
        self.data += cells

    def _room(self, size: int) -> None:
        """Go to the next window, sealing this one, if it has no room."""
        if len(self.data) + size <= self.limit:
            return
        if len(self.data) < self.limit:
            pad = encode_pad(self.limit, salt=self.salt, offset=len(self.data), time=self.time)
            self._append("pad", pad)
            self.data += bytes(self.limit - len(self.data))
        end = self._start + self.window
        self._seal(self.limit)
        assert len(self.data) == end
        self._start = end
        while size > self.limit - self._start:
            self.window *= 2

    def _seal(self, used: int, *, last: bool = False) -> None:
        for at in range(self._start, max(used, self._start + 1), self.block):
            stop = min(at + self.block, used)
            if at > self._start and at >= used:
                break
            covered = bytes(self.data[at:stop])
            final = last and stop == used
            self._append(
                "seal",
                encode_seal(covered, salt=self.salt, first=at, last=final, time=self.time),
            )

    def point(self, series: int, step: float, value: float) -> None:
        """Append a point."""
        self._room(CELL_BYTES)
        self.time += 0.25
        fractional = isinstance(step, float)
        pack = POINT_FLOAT.pack if fractional else POINT_INT.pack
        flags = FLAG_FLOAT_STEP if fractional else 0
        self._append("point", pack(POINT, flags, 0, series, value, step, self.time))
        self.points.append((series, float(step), value, self.time))

    def wide(self, series: int, step: float, value: float) -> None:
        """Append a point that does not fit a cell."""
        self.time += 0.25
        self._event(PointTracked.TYPE, encode(PointTracked(series, value, step, self.time, 0.5)))
        self.points.append((series, float(step), value, self.time))

    def define(self, series: int, name: str, context: dict[str, Any] | None = None) -> None:
        """Append the definition of a series."""
        self.event(SeriesDefined(series, name, context or {}))

    def event(self, event: Event) -> None:
        """Append an event."""
        self.raw(event.TYPE, encode(event))

    def raw(self, number: int, payload: bytes) -> None:
        """Append an event of any type and payload."""
        self.time += 0.25
        self._event(number, payload)
        self.events.append((number, payload))

    def _event(self, number: int, payload: bytes) -> None:
        self._room(CELL_BYTES + -(-len(payload) // CELL_BYTES) * CELL_BYTES)
        head = EventHead(number, self._seq, self.time, payload)
        self._seq += 1
        self._append("event", encode_event(head, salt=self.salt, offset=len(self.data)))

    def foreign(self, cells: bytes) -> None:
        """Append any bytes as they are."""
        self._room(len(cells))
        self._append("foreign", cells)

    def close(self, status: str = "finished") -> bytes:
        """Seal the rest and return the whole file."""
        self.event(WriterClosed(status))
        self._seal(len(self.data), last=True)
        return bytes(self.data)

    def killed(self, allocated: int = 0) -> bytes:
        """Return the file as a killed writer leaves it: with zeros behind what was written."""
        area = encode_pad(
            self._start + self.window, salt=self.salt, offset=self.limit, time=self.time
        )
        whole = bytes(self.data).ljust(self.limit, b"\0") + area
        return whole.ljust(self._start + self.window + allocated, b"\0")


def text_event(text: str) -> bytes:
    """Return a payload that holds `text`, as a value of a type of a later version."""
    return msgspec.msgpack.encode({"text": text})
