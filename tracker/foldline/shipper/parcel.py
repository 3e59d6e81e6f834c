"""One segment on its way to a server."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

import msgspec

from ..cell import HEADER_BYTES
from ..errors import FoldlineError, SegmentRejected
from ..layout import Layout, Marker, SegmentName
from ..links import open_file
from ..origin import host
from .tail import DIGEST, Tail

__all__ = ["Bytes", "Opened", "Parcel"]

# How long the marker of a writer whose lock can't be seen, as on another machine, stays as it is
# before its segment is sent as it is; writers touch theirs every ten seconds.
SILENT_S = 86_400.0
BEAT_S = 10.0  # between two signs of life: after a minute of silence a server takes one for lost
DURABLE_S = 2.0  # until it is asked again whether an ended segment is durable; it syncs each second
READ_BYTES = 4 << 20  # looked through for digests at a time


class Bytes(Protocol):
    """The bytes of one segment, open until `close`."""

    @property
    def size(self) -> int:
        """How many there are now."""

    @property
    def damaged(self) -> dict[int, int]:
        """Ranges, offset to length, that can't be read and read as zeros."""

    def pread(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes from `offset` on."""

    def close(self) -> None:
        """Let go of them."""


Opened = Callable[[SegmentName, Path], Bytes]
"""Opens a segment whose file is, or was before it was packed, at a path."""


class _File:
    """The bytes of a segment in a file of its own."""

    def __init__(self, name: SegmentName, path: Path) -> None:
        self._file = os.fdopen(open_file(path), "rb", buffering=0)
        self.damaged: dict[int, int] = {}

    @property
    def size(self) -> int:
        """How many there are now."""
        return os.fstat(self._file.fileno()).st_size

    def pread(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes from `offset` on."""
        self._file.seek(offset)
        return self._file.read(length)

    def close(self) -> None:
        """Let go of them."""
        self._file.close()


class Parcel:
    """A segment here, and how far the server has it.

    `end` is how far it may be sent, `logged` and `durable` are the server's offsets, -1 before it
    was asked. `ended` says that `end` is all there will ever be.
    """

    def __init__(self, layout: Layout, name: SegmentName, opened: Opened | None = None) -> None:
        self.name = name
        self.host = host()[:255]
        self.end = 0
        self.ended = False
        self.logged = self.durable = -1
        self.is_done = False
        self.told_at = 0.0  # monotonic
        self.refused: FoldlineError | None = None
        self._told_end = self._again = False
        self._checksum: int | None = None
        self._layout = layout
        self._open: Opened = opened or _File
        self._path = layout.segment(name)
        self._tail = Tail(self._read, str(self._path))

    @property
    def digests(self) -> set[str]:
        """The texts before `end` that may name blobs."""
        return self._tail.digests

    @property
    def left_bytes(self) -> int:
        """How much is not durable at the server."""
        return 0 if self.is_done else max(self.end - max(min(self.durable, self.logged), 0), 0)

    @property
    def is_due(self) -> bool:
        """Whether the server should be told something, though there are no new bytes."""
        if self.ended and not self._told_end:
            return True
        return time.monotonic() - self.told_at >= (DURABLE_S if self.ended else BEAT_S)

    def look(self) -> None:
        """See how far the segment has come."""
        if self.ended:
            return
        # Before the file is read: what a dead writer wrote is all there by then.
        dead = not self._lives()
        self._tail.advance()
        self.end = self._tail.end
        self.ended = self._tail.finished or dead
        if dead and not self._tail.finished:
            self._take_rest()
        # Killed before it said its first word, or folded away by somebody: there is nothing of it.
        self.is_done = self.ended and not any(self._read(HEADER_BYTES, 0))

    def read(self, length: int, offset: int) -> bytes:
        """Return bytes of the segment."""
        return self._read(length, offset)

    def checksum(self) -> int:
        """Return the CRC-32 of all bytes of a segment that has ended."""
        if self._checksum is None:
            crc = 0
            for at in range(0, self.end, READ_BYTES):
                crc = zlib.crc32(self._read(min(READ_BYTES, self.end - at), at), crc)
            self._checksum = crc
        return self._checksum

    def heed(self, logged: int, durable: int, *, checked: bool) -> None:
        """Learn how far the server has it; `checked` says that it has compared all bytes."""
        self.told_at = time.monotonic()
        if durable < self.durable:
            logged = min(logged, self.durable)  # it was started anew: send again what it may lack
        self.logged, self.durable = logged, durable
        self._told_end = self._told_end or checked
        self.is_done = self._told_end and logged == self.end and durable >= self.end

    def begin_again(self) -> bool:
        """Send all bytes once more, to learn where the server's differ; say whether it is new."""
        new, self._again = not self._again, True
        self.logged = 0
        return new

    def _take_rest(self) -> None:
        """Go to the end of the file: it stays as it is for ever."""
        with suppress(FileNotFoundError):
            with closing(self._open(self.name, self._path)) as there:
                size = there.size
            overlap = b""
            for at in range(self.end, size, READ_BYTES):
                data = overlap + self._read(READ_BYTES, at)
                self.digests.update(digest.decode() for digest in DIGEST.findall(data))
                overlap = data[-63:]
            self.end = size

    def _read(self, length: int, offset: int) -> bytes:
        try:
            with closing(self._open(self.name, self._path)) as there:
                data = there.pread(length, offset)
                if there.damaged:
                    raise SegmentRejected(
                        f"{self.name.run}/{self.name.writer} is damaged here, and not shipped",
                        hint="`foldline verify` says where; restore its pack from a backup",
                    )
                return data
        except FileNotFoundError:
            return b""

    def _lives(self) -> bool:
        """Say whether the writer may write on: it holds its marker locked while it lives."""
        path = self._layout.marker(self.name)
        try:
            file = open_file(path)
        except OSError:
            return False
        try:
            marker = msgspec.json.decode(os.read(file, 4096), type=Marker)
            if marker.host != host():
                return time.time() - os.fstat(file).st_mtime < SILENT_S
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            return time.time() - path.stat().st_mtime < SILENT_S
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return True  # it is held, or not written yet
        else:
            return False
        finally:
            os.close(file)
