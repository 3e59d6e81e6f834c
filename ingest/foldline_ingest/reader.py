"""A segment's bytes as batches, live or from the start.

The same walk serves the growing tail of a file and its replay. It accepts only what is whole:
a cell that is not written yet ends the walk, and is read again next time. What was whole once and
is damaged now is reported and left out, and the walk goes on at the next record whose checksum
proves it; nothing is ever repaired or deleted.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np

from foldline.cell import (
    CELL_BYTES,
    EVENT,
    FLAG_FLOAT_STEP,
    HEADER_BYTES,
    PAD,
    POINT,
    SEAL,
    EventHead,
    Header,
    crc_start,
    decode_event,
    decode_header,
    decode_pad,
    decode_seal,
    event_length,
    padded,
)
from foldline.errors import CorruptRecord, TruncatedRecord
from foldline.events import PointTracked, decode
from foldline.layout import SegmentName

from .batch import Batch, Damage, Points

__all__ = ["READ_BYTES", "SegmentReader"]

# Two of the largest windows: one whole window with its seals is always inside one read, so that
# its points are checked against the seals before anybody sees them.
READ_BYTES = 2 * 1024 * 1024

CELL = np.dtype(
    [
        ("kind", "u1"),
        ("flags", "u1"),
        ("epoch", "<u2"),
        ("series", "<u4"),
        ("value", "<f8"),
        ("step", "<i8"),
        ("time", "<f8"),
    ]
)


class SegmentReader:
    """Reads one segment from an offset on, a batch at a time.

    `offset` is where the next read begins; it only moves forward, and only over bytes that were
    returned in a batch. The file stays open between reads, for a tail that polls, until `close`.
    """

    def __init__(self, segment: SegmentName, path: Path, offset: int = 0) -> None:
        self.segment = segment
        self.path = path
        self.offset = offset
        self.behind = 0  # bytes that were there to read beyond what the last read returned
        self._header: Header | None = None
        self._file: int | None = None

    def close(self) -> None:
        """Give back the file descriptor; the next read opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def size(self) -> int:
        """Return the bytes that the file has now, written or only allocated."""
        return os.fstat(self._open()).st_size

    def read(self, *, final: bool = False, limit: int = READ_BYTES) -> Batch:
        """Return what can be read now; a batch with no bytes means: nothing new.

        `final` says that the writer is gone, so that a hole with records behind it is damage and
        not the growing tail. Raises CorruptRecord if the file is not a segment of this version.
        """
        header = self._read_header()
        if header is None:
            return self.nothing()
        self.behind = 0
        start = self.offset or HEADER_BYTES
        data = os.pread(self._open(), limit, start)
        if len(data) < CELL_BYTES or (data[0] == 0 and not final):
            return self.nothing()
        walk = _Walk(data, start, header, str(self.path), f"{self.segment.run}/{header.writer}")
        walk.run(final=final)
        full = len(data) == limit
        if full and walk.at == 0:
            return self.read(final=final, limit=limit * 4)  # one record is larger than the read
        end = walk.settle(full=full)
        batch = walk.batch(self.segment, self.offset, end)
        self.offset = end
        # What lies behind the tail is only allocated.
        self.behind = max(0, self.size() - end) if full and not walk.tail else 0
        return batch

    def _open(self) -> int:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return self._file

    def _read_header(self) -> Header | None:
        if self._header is None:
            try:
                data = os.pread(self._open(), HEADER_BYTES, 0)
                self._header = decode_header(data, str(self.path))
            except TruncatedRecord:
                return None
        return self._header

    def nothing(self) -> Batch:
        """Return a batch with nothing in it."""
        none = np.empty(0)
        points = Points(none.astype(np.uint32), none, none, none)
        return Batch(self.segment, self.offset, self.offset, points, [], [], finished=False)


class _Walk:
    """One pass over the cells of a buffer that begins at the absolute offset `base`."""

    def __init__(self, data: bytes, base: int, header: Header, path: str, name: str) -> None:
        self.data = data
        self.base = base
        self.salt = header.salt
        self.path = path
        self.name = name
        self.cells = np.frombuffer(data, CELL, len(data) // CELL_BYTES)
        # Whatever is not a whole point stops the vectorised stride and is looked at by itself.
        # A point with time zero is one of which only the first bytes have been copied yet.
        self.special = np.flatnonzero((self.cells["kind"] != POINT) | (self.cells["time"] == 0))
        self.is_point = np.zeros(len(self.cells), dtype=bool)
        self.events: list[tuple[int, EventHead]] = []  # (cell index, event)
        self.damage: list[Damage] = []
        self.at = 0  # in cells; may lie beyond the buffer after a record that ends beyond it
        self.sealed_at = 0  # the cell after the last run of seals: a place to begin again
        self.tail = False  # stopped at something not written yet
        self.cut = False  # stopped at a record that goes on beyond the buffer
        self.finished = False

    def run(self, *, final: bool) -> None:
        """Walk to the end of what is whole."""
        count = len(self.cells)
        while self.at < count and not (self.tail or self.cut or self.finished):
            place = int(np.searchsorted(self.special, self.at))
            stop = int(self.special[place]) if place < len(self.special) else count
            self.is_point[self.at : stop] = True
            self.at = stop
            if stop < count and not self._step(int(self.cells["kind"][stop])):
                self._hole(final=final)

    def _step(self, kind: int) -> bool:
        """Take the one cell that is not a plain point; False if it can't be read."""
        at, offset = self.at * CELL_BYTES, self.base + self.at * CELL_BYTES
        where = {"salt": self.salt, "offset": offset, "path": self.path}
        if kind in (0, POINT):
            return False
        try:
            if kind == PAD:
                target = decode_pad(self.data, at, **where)  # type: ignore[arg-type]  # one dict
                self.at = (target - self.base) // CELL_BYTES
            elif kind == SEAL:
                self._seal(at)
            else:
                event = decode_event(self.data, at, **where)  # type: ignore[arg-type]  # one dict
                if kind == EVENT:
                    self.events.append((self.at, event))
                self.at += 1 + padded(len(event.payload)) // CELL_BYTES
        except TruncatedRecord:
            self.cut = True
        except CorruptRecord as error:
            if error.length == CELL_BYTES:
                return False
            # The head is right and says how long the damaged payload is. If only zeros follow,
            # the payload is still being copied.
            after = at + error.length
            if not any(self.data[after : after + CELL_BYTES]):
                return False
            self._damaged(error.length, error.reason)
        return True

    def _seal(self, at: int) -> None:
        """Check the block that a seal covers, if all of it was read in this walk."""
        seal = decode_seal(self.data, at)
        first = seal.first - self.base
        if first >= 0 and seal.length >= 0 and first + seal.length <= at:
            crc = zlib.crc32(
                self.data[first : first + seal.length], crc_start(self.salt, seal.first)
            )
            if crc != seal.crc:
                cells = slice(first // CELL_BYTES, (first + seal.length) // CELL_BYTES)
                if self.is_point[cells].any():
                    self.is_point[cells] = False
                    reason = "the block's checksum does not match its seal; its points are left out"
                    self.damage.append(Damage(self.name, seal.first, seal.length, reason))
        self.at += 1
        self.sealed_at = self.at
        self.finished = seal.last

    def _hole(self, *, final: bool) -> None:
        """Decide what an unreadable cell is: the growing tail, or damage with a way on."""
        unwritten = self.cells["kind"][self.at] in (0, POINT)
        way_on = None if unwritten and not final else self._next_proven()
        if way_on is None:
            self.tail = True
        else:
            self._damaged((way_on - self.at) * CELL_BYTES, "no record can be read here")

    def _next_proven(self) -> int | None:
        """Return the next cell whose checksum proves a record, if a record follows at all.

        Pads are prepared ahead of the data in windows not used yet, so pads alone prove nothing.
        """
        kinds = self.cells["kind"]
        first_pad: int | None = None
        for cell in np.flatnonzero(kinds[self.at + 1 :] > POINT) + self.at + 1:
            at, offset = int(cell) * CELL_BYTES, self.base + int(cell) * CELL_BYTES
            try:
                if kinds[cell] == PAD:
                    decode_pad(self.data, at, salt=self.salt, offset=offset, path=self.path)
                    first_pad = first_pad if first_pad is not None else int(cell)
                    continue
                if kinds[cell] == SEAL:
                    if not self._seal_stands(at, offset):
                        continue
                else:
                    event_length(self.data, at, salt=self.salt, offset=offset, path=self.path)
            except CorruptRecord:
                continue
            return first_pad if first_pad is not None else int(cell)
        return None

    def _seal_stands(self, at: int, offset: int) -> bool:
        seal = decode_seal(self.data, at)
        return 0 < seal.first < offset and 0 < seal.length <= offset - seal.first

    def _damaged(self, length: int, reason: str) -> None:
        offset = self.base + self.at * CELL_BYTES
        self.damage.append(Damage(self.name, offset, length, reason))
        self.at += length // CELL_BYTES

    def settle(self, *, full: bool) -> int:
        """Return the absolute offset that this walk has settled up to.

        A read that was cut by its size ends at the last seal instead, so that the next one begins
        with a window and can check all of it.
        """
        if full and not self.tail and self.sealed_at:
            self.at = self.sealed_at
        return self.base + self.at * CELL_BYTES

    def batch(self, segment: SegmentName, start: int, end: int) -> Batch:
        """Return what was accepted before `end`."""
        cells = (end - self.base) // CELL_BYTES
        self.is_point[cells:] = False
        events = [(at, event) for at, event in self.events if at < cells]
        damage = [d for d in self.damage if d.offset < end]
        points = self._points([(at, e) for at, e in events if e.type == PointTracked.TYPE])
        heads = [event for _, event in events if event.type != PointTracked.TYPE]
        return Batch(segment, start, end, points, heads, damage, self.finished)

    def _points(self, wide: list[tuple[int, EventHead]]) -> Points:
        taken = np.flatnonzero(self.is_point)
        cells = self.cells if len(taken) == len(self.cells) else self.cells[taken]
        step = cells["step"].astype(np.float64)
        fractional = np.flatnonzero(cells["flags"] & FLAG_FLOAT_STEP)
        step[fractional] = cells["step"][fractional].view(np.float64)
        points = Points(
            cells["series"].astype(np.uint32),
            step,
            np.ascontiguousarray(cells["value"]),
            np.ascontiguousarray(cells["time"]),
        )
        return _with_wide(points, taken, wide) if wide else points


def _with_wide(points: Points, taken: np.ndarray, wide: list[tuple[int, EventHead]]) -> Points:
    """Put the points that travelled as events where they were tracked among the others."""
    rows = [(at, decode(event.type, event.payload)) for at, event in wide]
    found = [(at, p) for at, p in rows if isinstance(p, PointTracked)]
    places = np.searchsorted(taken, [at for at, _ in found])
    return Points(
        np.insert(points.series, places, [p.series for _, p in found]),
        np.insert(points.step, places, [float(p.step) for _, p in found]),
        np.insert(points.value, places, [p.value for _, p in found]),
        np.insert(points.time, places, [p.time for _, p in found]),
    )
