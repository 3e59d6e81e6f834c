"""Segments that other machines ship, byte for byte.

What arrives is appended to the same segment at the same offset, so both have the same records, the
same seals and the same views. Sent twice it is there once: bytes that are there already must be
equal, and a segment that another process here wrote is never appended to.
"""

from __future__ import annotations

import math
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from foldline.cell import HEADER_BYTES, decode_header
from foldline.disk import private, sync_file, sync_folder, write_at
from foldline.errors import (
    CorruptRecord,
    SegmentConflict,
    SegmentRejected,
    StoreUnwritable,
    TruncatedRecord,
)
from foldline.ids import is_id
from foldline.layout import Layout, Marker, SegmentName

from .stored import SegmentBytes, open_segment

__all__ = ["Receipt", "Receiver"]

SEGMENTS_MAX = 20_000  # remembered, some 500 bytes each; more are looked up on the disk again
TOUCH_S = 5.0  # between two touches of a marker whose segment grows, which is a sign of life too
READ_BYTES = 4 << 20  # of a segment that is checked, at a time

# What a marker's host ends in: no machine has such a name, so its lock is never looked for here.
SHIPPED = " (shipped)"


class Receipt(msgspec.Struct, frozen=True):
    """How far a segment is here, as offsets in bytes from its start.

    `received`: whole, with the right checksum, in this request. `logged`: appended to the log, so
    that it outlives this process; send on from here. `durable`: on the disk and under its name, so
    that it outlives a power cut, and the sender may let go of it.
    """

    received: int
    logged: int
    durable: int
    ended: bool  # nothing more is taken: its writer is gone


class _Received:
    """What is known of one segment."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.looked = False
        self.logged = self.durable = 0
        self.ended = False
        self.touched_at = -math.inf  # monotonic; when its marker was
        self.named = False  # whether its name is durable
        self.suspect = False  # a sync failed: what is in the file may never reach the disk


class Receiver:
    """Takes the segments of a store that others ship; any number of threads may call it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._segments: dict[SegmentName, _Received] = {}
        self._waiting: set[SegmentName] = set()  # for their sync

    def receipt(self, name: SegmentName) -> Receipt:
        """Say how far a segment is here. Raises SegmentRejected and StoreUnwritable."""
        with self._turn(name) as segment:
            return Receipt(0, segment.logged, segment.durable, segment.ended)

    def take(
        self,
        name: SegmentName,
        offset: int,
        data: bytes,
        *,
        host: str = "",
        ended: bool = False,
        whole: int | None = None,
        heed: Callable[[int, bytes], None] | None = None,
    ) -> Receipt:
        """Append bytes of a segment from an offset on, as far as they are not there.

        Without bytes it is a sign that the writer lives. `ended` says that it is gone, and `whole`
        is the CRC-32 of all its bytes: if that is right here too, all is durable on return, and
        nothing more will be taken. Bytes behind a gap are not kept: the receipt says where to go
        on. `heed` is shown what would be appended, and from where on, and may refuse it.

        Raises SegmentRejected, SegmentConflict, and StoreUnwritable if there is no room.
        """
        with self._turn(name) as segment:
            end = offset + len(data)
            if offset > segment.logged:
                return Receipt(end, segment.logged, segment.durable, segment.ended)
            self._compare(name, segment, offset, data[: segment.logged - offset])
            fresh = data[segment.logged - offset :]
            if segment.ended and fresh:
                raise SegmentConflict(
                    f"the segment {name.run}/{name.writer} ends at {segment.logged}; bytes up to "
                    f"{end} were sent",
                    hint="keep the log where it is, and compare both by `foldline verify`",
                )
            try:
                if fresh:
                    if heed is not None:
                        heed(segment.logged, fresh)
                    self._append(name, segment, fresh, host)
                elif not segment.ended:
                    self._touch(name, segment)
                if ended and end == segment.logged > 0:
                    self._check(name, segment, whole)
                    if not segment.ended:
                        self._end(name, segment)
            except OSError as error:
                raise _full(self._layout, error) from error
            return Receipt(end, segment.logged, segment.durable, segment.ended)

    def sync(self) -> None:
        """Make durable what has been logged. An error is told by offsets that do not move."""
        with self._lock:
            names, self._waiting = self._waiting, set()
        synced: dict[SegmentName, int] = {}
        fresh = False
        for name in names:
            with self._turn(name) as segment:
                logged, named = segment.logged, segment.named
            # Not in its turn: what is sent meanwhile need not wait for the disk.
            if not segment.suspect and self._sync_file(name, named=named):
                synced[name] = logged
                fresh = fresh or not named
        # The folders that all share are synced once for all.
        rooted = not fresh or self._sync_shared()
        for name in names:
            with self._turn(name) as segment:
                if name in synced and (segment.named or rooted):
                    segment.durable = max(segment.durable, synced[name])
                    segment.named = True
                else:
                    segment.suspect = True

    @contextmanager
    def _turn(self, name: SegmentName) -> Iterator[_Received]:
        """Have a segment alone."""
        if not is_id(name.run) or not is_id(name.writer):
            raise SegmentRejected(
                "a run or a writer has no such id", hint="1 to 16 of a-z 0-9 _ -, as in docs/remote"
            )
        with self._lock:
            segment = self._segments.pop(name, None) or _Received()
            self._segments[name] = segment  # at the end: used last
            segment.users += 1
            self._forget()
        try:
            with segment.lock:
                if not segment.looked:
                    try:
                        self._look(name, segment)
                    except OSError as error:
                        raise _full(self._layout, error) from error
                yield segment
        finally:
            with self._lock:
                segment.users -= 1

    def _forget(self) -> None:
        """Forget the segment that was not used for longest, if there are too many."""
        if len(self._segments) > SEGMENTS_MAX:
            name = next(iter(self._segments))
            if not self._segments[name].users and name not in self._waiting:
                del self._segments[name]

    def _look(self, name: SegmentName, segment: _Received) -> None:
        """Find out what is here of a segment: nothing, a part that was shipped, or all of it."""
        try:
            with closing(open_segment(name, self._layout.segment(name))) as there:
                segment.logged = there.size
        except FileNotFoundError:
            pass
        except CorruptRecord as error:
            raise SegmentConflict(error.message, hint=error.hint) from error
        else:
            segment.ended = not self._is_shipped(name)
            self._wait(name)
        segment.looked = True

    def _is_shipped(self, name: SegmentName) -> bool:
        """Say whether the marker of a segment says that more of it may be shipped."""
        try:
            told = msgspec.json.decode(self._layout.marker(name).read_bytes(), type=Marker)
        except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
            return False
        return told.host.endswith(SHIPPED)

    def _compare(self, name: SegmentName, segment: _Received, offset: int, known: bytes) -> None:
        """Compare bytes with what is here from an offset on."""
        if not known:
            return
        with closing(open_segment(name, self._layout.segment(name))) as there:
            here = there.pread(len(known), offset)
            if here == known:
                return
            pairs = enumerate(zip(here, known, strict=False))
            first = next((at for at, (ours, sent) in pairs if ours != sent), len(here))
            place = offset + first
            # What a power cut took away reads as zeros: cells that are not written yet.
            if not segment.ended and _is_blank(there, place):
                segment.logged = place
                return
        raise SegmentConflict(
            f"the segment {name.run}/{name.writer} has other bytes at {place}",
            hint="one of them was scrubbed: `foldline scrub` the other too; or two logs have one "
            "name: keep both, and compare them by `foldline verify`",
        )

    def _check(self, name: SegmentName, segment: _Received, whole: int | None) -> None:
        """Compare the checksum of all that is here with the sender's."""
        if whole is None:
            raise SegmentRejected(
                "a segment that has ended needs the checksum of all its bytes",
                hint="send `whole`, the CRC-32 of the segment, beside `ended`",
            )
        crc = 0
        with closing(open_segment(name, self._layout.segment(name))) as there:
            for at in range(0, segment.logged, READ_BYTES):
                crc = zlib.crc32(there.pread(READ_BYTES, at), crc)
        if crc != whole:
            raise SegmentConflict(
                f"the segment {name.run}/{name.writer} has other bytes here than it was sent with",
                hint="send it once more from its first byte: the answer says where they differ",
            )

    def _append(self, name: SegmentName, segment: _Received, data: bytes, host: str) -> None:
        path = self._layout.segment(name)
        flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        if not segment.logged:
            _check_header(name, data)
            for folder in (path.parents[1], path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._mark(name, host)  # first: what has no marker is nobody's to append to
            flags |= os.O_CREAT
        file = os.open(path, flags, 0o600)
        try:
            # Should the disk be full, what fits stays: the same bytes come again.
            write_at(file, data, segment.logged)
        finally:
            os.close(file)
        segment.logged += len(data)
        self._wait(name)
        if time.monotonic() - segment.touched_at > TOUCH_S:
            self._touch(name, segment)

    def _touch(self, name: SegmentName, segment: _Received) -> None:
        """Let the marker say that the writer lives; it is gone if that is folded to its end."""
        segment.touched_at = time.monotonic()
        with suppress(FileNotFoundError):
            os.utime(self._layout.marker(name))

    def _mark(self, name: SegmentName, host: str) -> None:
        draft = self._layout.root / f".active.{name.run}.{name.writer}"
        with open(draft, "wb", opener=private) as file:
            file.write(msgspec.json.encode(Marker(host + SHIPPED, 0)))
            file.flush()
            sync_file(file.fileno())  # empty after a power cut, it would let nobody append
        draft.replace(self._layout.marker(name))

    def _end(self, name: SegmentName, segment: _Received) -> None:
        """Make all durable, then let the marker say that nobody writes any more."""
        done = not segment.suspect and self._sync_file(name, named=segment.named)
        if not (done and (segment.named or self._sync_shared())):
            segment.suspect = True
            return
        segment.named = True
        segment.durable = segment.logged
        segment.ended = True
        # Never made anew: whoever has folded the segment to its end has taken it away.
        with suppress(FileNotFoundError):
            flags = os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(self._layout.marker(name), flags)
            try:
                os.write(file, msgspec.json.encode(Marker(os.uname().nodename, os.getpid())))
            finally:
                os.close(file)

    def _wait(self, name: SegmentName) -> None:
        with self._lock:
            self._waiting.add(name)

    def _sync_file(self, name: SegmentName, *, named: bool) -> bool:
        """Sync a segment, and its run's folders unless it is `named`; say whether it is done."""
        path = self._layout.segment(name)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return not path.exists()  # packed meanwhile, and a pack is durable
        except OSError:
            return False
        try:
            sync_file(file)
            for folder in () if named else path.parents[:2]:
                sync_folder(folder)
        except OSError:
            return False  # a second sync would succeed, and what is lost be lost
        finally:
            os.close(file)
        return True

    def _sync_shared(self) -> bool:
        """Sync the folders that lead to all runs; say whether it is done."""
        try:
            for folder in (self._layout.runs, self._layout.active, self._layout.root):
                sync_folder(folder)
        except OSError:
            return False
        return True


def _is_blank(there: SegmentBytes, start: int) -> bool:
    """Say whether a segment has only zeros from an offset on."""
    return not any(any(there.pread(READ_BYTES, at)) for at in range(start, there.size, READ_BYTES))


def _check_header(name: SegmentName, data: bytes) -> None:
    """Raise SegmentRejected unless the bytes begin as this segment does."""
    try:
        header = decode_header(data[:HEADER_BYTES], f"{name.run}/{name.writer}")
    except (CorruptRecord, TruncatedRecord) as error:
        raise SegmentRejected(
            f"what was sent as {name.run}/{name.writer} does not begin as a segment does",
            hint="send a segment from its first byte, as SEGMENT.md describes it",
        ) from error
    if SegmentName(header.run, header.writer) != name:
        raise SegmentRejected(
            f"what was sent as {name.run}/{name.writer} says that it is {header.run}/"
            f"{header.writer}",
            hint="send it under its own name",
        )


def _full(layout: Layout, error: OSError) -> StoreUnwritable:
    return StoreUnwritable(
        f"the store {Path(layout.root).name} can't be written: {error.strerror or error}",
        hint="the sender keeps what it has and tries again; free some space on the server",
    )
