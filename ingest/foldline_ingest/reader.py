"""A segment's bytes as batches, live or from the start.

The same walk serves the growing tail of a file and its replay. It accepts only what is whole:
a cell that is not written yet ends the walk, and is read again next time. What was whole once and
is damaged now is reported and left out, and the walk goes on at the next record whose checksum
proves it; nothing is ever repaired or deleted.
"""

from __future__ import annotations

import zlib
from math import nan
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

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
    Seal,
    crc_start,
    decode_event,
    decode_header,
    decode_pad,
    decode_seal,
    event_length,
    padded,
)
from foldline.errors import CorruptRecord, TruncatedRecord
from foldline.events import PointTracked, StepsRewound, decode
from foldline.layout import SegmentName

from .batch import NO_OFFSETS, NO_POINTS, Batch, Damage, Points
from .stored import SegmentBytes, open_segment

__all__ = ["CELL", "READ_BYTES", "SegmentReader"]

# Two of the largest windows: one whole window with its seals is always inside one read, so that
# its points are checked against the seals before anybody sees them.
READ_BYTES = 2 * 1024 * 1024
# A time is copied lowest byte first: below this, in unix seconds, not all of its bytes are there.
TIME_S_MIN = 1.0

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
    `end` is where the reader takes the file to end. Who wants `events_only` does not wait until
    millions of points are copied.
    """

    def __init__(
        self,
        segment: SegmentName,
        path: Path,
        offset: int = 0,
        *,
        end: int | None = None,
        events_only: bool = False,
    ) -> None:
        self.segment = segment
        self.path = path
        self.offset = offset
        self.end = end
        self.events_only = events_only
        self.behind = 0  # bytes that were there to read beyond what the last read returned
        self._header: Header | None = None
        self._bytes: SegmentBytes | None = None
        self._told: set[int] = set()  # offsets of damage in a pack that a batch has told of

    def close(self) -> None:
        """Give back the file descriptor; the next read opens it again."""
        if self._bytes is not None:
            self._bytes.close()
            self._bytes = None

    def size(self) -> int:
        """Return the bytes that the file has now, written or only allocated."""
        size = self._open().size
        return size if self.end is None else min(size, self.end)

    def read(self, *, final: bool = False, limit: int = READ_BYTES) -> Batch:
        """Return what can be read now; a batch with no bytes means: nothing new.

        `final` says that the writer is gone, so that a hole with records behind it is damage and
        not the growing tail. Raises CorruptRecord if the file is not a segment of this version.
        """
        header = self._read_header()
        if header is None:
            return self.nothing()._replace(damage=self._damage())
        self.behind = 0
        at = self.offset or HEADER_BYTES
        if self.end is not None and at >= self.end:
            return self.nothing()
        cell = self._open().pread(CELL_BYTES, at)
        if len(cell) < CELL_BYTES or (cell[0] == 0 and self.offset and not final):
            return self.nothing()
        walk = self._walk(header, final=final, limit=limit)
        if walk.doubtful:
            # Something proven follows a cell that was not written yet. It may have been written
            # between the reads of the two; but not any more when it is read again.
            walk = self._walk(header, final=True, limit=limit)
        full = len(walk.data) == limit
        if full and walk.needs_more(at, final=final):
            return self.read(final=final, limit=limit * 4)
        end = walk.settle(full=full)
        batch = walk.batch(self.segment, self.offset, end, events_only=self.events_only)
        if lost := self._damage():
            batch = batch._replace(damage=[*lost, *batch.damage])
        self.offset = end
        # What lies behind the tail is only allocated.
        self.behind = max(0, self.size() - end) if full and not walk.tail else 0
        return batch

    def _walk(self, header: Header, *, final: bool, limit: int) -> _Walk:
        # The first block begins with the header, which its seal covers.
        length = limit if self.end is None else min(limit, self.end - self.offset)
        data = self._open().pread(length, self.offset)
        name = f"{self.segment.run}/{self.segment.writer}"
        walk = _Walk(data, self.offset, header, str(self.path), name)
        walk.run(final=final)
        return walk

    def _open(self) -> SegmentBytes:
        if self._bytes is None:
            self._bytes = open_segment(self.segment, self.path)
        return self._bytes

    def _damage(self) -> list[Damage]:
        """Return what of a pack has turned out to be damaged since the last batch."""
        new = {at: n for at, n in self._open().damaged.items() if at not in self._told}
        self._told.update(new)
        name = f"{self.segment.run}/{self.segment.writer}"
        reason = "its part of a pack can't be unpacked"
        return [Damage(name, at, length, reason) for at, length in sorted(new.items())]

    def _read_header(self) -> Header | None:
        if self._header is None:
            try:
                data = self._open().pread(HEADER_BYTES, 0)
                header = decode_header(data, str(self.path))
            except TruncatedRecord:
                return None
            if (header.run, header.writer) != self.segment:
                # A copy under another name: its points would count twice.
                reason = f"its header says that it is {header.run}/{header.writer}"
                raise CorruptRecord(self.path, 0, HEADER_BYTES, reason)
            self._header = header
        return self._header

    def nothing(self) -> Batch:
        """Return a batch with nothing in it."""
        return Batch(self.segment, self.offset, self.offset, NO_POINTS, [], [], finished=False)


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
        self.is_whole = (self.cells["kind"] == POINT) & (self.cells["time"] >= TIME_S_MIN)
        self.special = np.flatnonzero(~self.is_whole)
        self.is_point = np.zeros(len(self.cells), dtype=bool)
        self.proven = np.zeros(len(self.cells), dtype=bool)  # covered by a seal that is right
        self.doubted: list[Seal] = []  # whose checksum is wrong: they are, or what they cover
        self.events: list[tuple[int, EventHead]] = []  # (cell index, event)
        self.damage: list[Damage] = []
        # In cells; may lie beyond the buffer after a record that ends beyond it.
        self.at = 0 if base else HEADER_BYTES // CELL_BYTES
        self.sealed_at = 0  # the cell after the last run of seals: a place to begin again
        self.tail = False  # stopped at something not written yet
        self.doubtful = False  # stopped there, and something proven follows
        self.cut = False  # stopped at a record that goes on beyond the buffer
        self.finished = False

    def needs_more(self, start: int, *, final: bool) -> bool:
        """Say whether only more bytes can tell what stands here; the walk began at `start`."""
        if self.finished:
            return self.at == len(self.cells)  # is nothing behind the last seal?
        if self.tail:
            return final  # is there a way on behind the hole?
        return self.cut and self.base + self.at * CELL_BYTES == start  # one record fills it all

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
        if self._is_unwritten(self.at):
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
        offset = self.base + at
        if not 0 <= seal.length <= offset - seal.first:
            self.damage.append(Damage(self.name, offset, CELL_BYTES, "the seal covers no block"))
        elif self._is_right(seal):
            self.proven[self._covered(seal)] = True
        elif seal.first >= self.base:
            self.doubted.append(seal)
        self.at += 1
        self.sealed_at = self.at
        self.finished = seal.last
        if seal.last and self._goes_on():
            self.finished = False
            reason = "the seal says that it is the last, and records follow"
            self.damage.append(Damage(self.name, offset, CELL_BYTES, reason))

    def _is_right(self, seal: Seal) -> bool:
        """Say whether a seal's block is in the buffer, and as it was sealed."""
        first = seal.first - self.base
        if first < 0 or not 0 <= seal.length <= len(self.data) - first:
            return False
        covered = self.data[first : first + seal.length]
        return zlib.crc32(covered, crc_start(self.salt, seal.first)) == seal.crc

    def _covered(self, seal: Seal) -> slice:
        first = seal.first - self.base
        return slice(first // CELL_BYTES, (first + seal.length) // CELL_BYTES)

    def _goes_on(self) -> bool:
        """Say whether a record follows here."""
        if self.at < len(self.cells) and self.is_whole[self.at]:
            return True
        return self._next_proven(self.at) is not None

    def _is_unwritten(self, cell: int) -> bool:
        """Say whether a cell that is not a whole point may be one that is still to come."""
        kind = self.cells["kind"][cell]
        return kind in (0, POINT) or (kind == SEAL and not self.cells["time"][cell] >= TIME_S_MIN)

    def _hole(self, *, final: bool) -> None:
        """Decide what an unreadable cell is: the growing tail, or damage with a way on."""
        way_on = self._next_proven(self.at + 1)
        if way_on is None:
            self.tail = True
        elif self._is_unwritten(self.at) and not final:
            self.tail = self.doubtful = True
        else:
            self._damaged((way_on - self.at) * CELL_BYTES, "no record can be read here")

    def _next_proven(self, start: int) -> int | None:
        """Return the next cell whose checksum proves a record, if a record follows at all.

        Pads are prepared ahead of the data in windows not used yet, so pads alone prove nothing.
        """
        kinds = self.cells["kind"]
        first_pad: int | None = None
        for cell in (np.flatnonzero(kinds[start:] > POINT) + start).tolist():
            at, offset = cell * CELL_BYTES, self.base + cell * CELL_BYTES
            try:
                if kinds[cell] == PAD:
                    decode_pad(self.data, at, salt=self.salt, offset=offset, path=self.path)
                    first_pad = first_pad if first_pad is not None else cell
                    continue
                if kinds[cell] == SEAL:
                    if not self._seal_stands(cell):
                        continue
                else:
                    event_length(self.data, at, salt=self.salt, offset=offset, path=self.path)
            except CorruptRecord:
                continue
            return first_pad if first_pad is not None else cell
        return None

    def _seal_stands(self, cell: int) -> bool:
        """Say whether a cell is a seal of this file, and not bytes of a payload that look like one.

        What it covers proves it. If that is damaged its place does: seals follow one another as
        their blocks do, and the last block ends where the seals begin.
        """
        seal = decode_seal(self.data, cell * CELL_BYTES)
        if self._is_right(seal):
            return True
        kinds = self.cells["kind"]
        begin = cell
        while begin and kinds[begin - 1] == SEAL:
            begin -= 1
        while cell + 1 < len(kinds) and kinds[cell + 1] == SEAL:
            cell += 1
            following = decode_seal(self.data, cell * CELL_BYTES)
            if not 0 <= seal.length == following.first - seal.first:
                return False
            seal = following
        return 0 <= seal.length == self.base + begin * CELL_BYTES - seal.first

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

    def batch(self, segment: SegmentName, start: int, end: int, *, events_only: bool) -> Batch:
        """Return what was accepted before `end`."""
        self._leave_out_doubted()
        cells = (end - self.base) // CELL_BYTES
        self.is_point[cells:] = False
        events = [(at, event) for at, event in self.events if at < cells]
        damage = sorted((d for d in self.damage if d.offset < end), key=lambda d: d.offset)
        wide = [
            (at, point)
            for at, event in events
            if event.type == PointTracked.TYPE and (point := _wide_point(event)) is not None
        ]
        points, offsets = (NO_POINTS, NO_OFFSETS) if events_only else self._points(wide)
        heads = [event for _, event in events if event.type != PointTracked.TYPE]
        rewinds = [
            (0 if events_only else self._points_before(at, wide), event)
            for at, event in events
            if event.type == StepsRewound.TYPE
        ]
        return Batch(segment, start, end, points, heads, damage, self.finished, rewinds, offsets)

    def _points_before(self, cell: int, wide: list[tuple[int, PointTracked]]) -> int:
        return int(np.count_nonzero(self.is_point[:cell])) + sum(at < cell for at, _ in wide)

    def _leave_out_doubted(self) -> None:
        """Leave out the points of blocks that are not as they were sealed."""
        for seal in self.doubted:
            cells = self._covered(seal)
            lost = self.is_point[cells] & ~self.proven[cells]
            if lost.any():
                self.is_point[cells][lost] = False
                reason = "the block's checksum does not match its seal; its points are left out"
                self.damage.append(Damage(self.name, seal.first, seal.length, reason))

    def _points(self, wide: list[tuple[int, PointTracked]]) -> tuple[Points, NDArray[np.int64]]:
        """Return the points that were accepted, and where the record of each begins."""
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
            np.where(cells["epoch"], cells["epoch"] - 1.0, np.nan),
        )
        places = taken
        if wide:
            points = _with_wide(points, taken, wide)
            at = [at for at, _ in wide]
            places = np.insert(taken, np.searchsorted(taken, at), at)
        return points, self.base + places * CELL_BYTES


def _with_wide(points: Points, taken: np.ndarray, wide: list[tuple[int, PointTracked]]) -> Points:
    """Put the points that travelled as events where they were tracked among the others."""
    places = np.searchsorted(taken, [at for at, _ in wide])
    return Points(
        np.insert(points.series, places, [p.series for _, p in wide]),
        np.insert(points.step, places, [float(p.step) for _, p in wide]),
        np.insert(points.value, places, [p.value for _, p in wide]),
        np.insert(points.time, places, [p.time for _, p in wide]),
        np.insert(points.epoch, places, [nan if p.epoch is None else p.epoch for _, p in wide]),
    )


def _wide_point(event: EventHead) -> PointTracked | None:
    """Return the point of an event, or None if its payload, though whole, is none of ours."""
    try:
        point = decode(event.type, event.payload)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return point if isinstance(point, PointTracked) and 0 < point.series < 1 << 32 else None
