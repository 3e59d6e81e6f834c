"""Which bytes of a growing segment never change again.

A segment is appended to, but for two places: seals take the place of what was prepared for them,
and an event may get the checksum of its place a moment after it is there. So its bytes are sent
only as far as records are whole, and across a window's end only once its seals prove all of it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from ..cell import (
    CELL_BYTES,
    HEADER_BYTES,
    PAD,
    POINT,
    SEAL,
    Header,
    crc_start,
    decode_event,
    decode_header,
    decode_pad,
    decode_seal,
    padded,
)
from ..errors import CorruptRecord, TruncatedRecord

__all__ = ["DIGEST", "Tail"]

READ_BYTES = 2 << 20  # two of the largest windows; for a larger one it is read again
WINDOW_BYTES_MAX = 64 << 20  # twice what the largest event takes, and its window's seals

DIGEST = re.compile(rb"[0-9a-f]{64}")  # what may name a blob
_SEAL = bytes([SEAL])
_NOT_POINT = re.compile(rb"[^\x01]")
_NOT_TIMED = re.compile(rb"[^\x3f-\x7f]")  # the last byte of a time that is not copied yet

Read = Callable[[int, int], bytes]
"""Returns up to so many bytes from an offset on."""


class Tail:
    """Follows one segment; `end` only grows, and what lies before it is final.

    `finished` says that its last seal is at `end`. `digests` are the texts that may name blobs, in
    the events before `end`.
    """

    def __init__(self, read: Read, path: str) -> None:
        self.end = 0
        self.finished = False
        self.digests: set[str] = set()
        self._read = read
        self._path = path
        self._header: Header | None = None
        self._window = 0  # where the window begins that `end` is in

    def advance(self) -> None:
        """Go on as far as bytes are final."""
        if self.finished or not any(self._read(CELL_BYTES, self.end)):
            return
        before = -1
        while before != self._window and not self.finished:
            before = self._window
            self._walk(READ_BYTES)

    def _walk(self, length: int) -> None:
        """Walk from `end` to what is not final, or to the end of the window."""
        data = self._read(length, self._window)
        if self._header is None:
            try:
                self._header = decode_header(data[:HEADER_BYTES], self._path)
            except (TruncatedRecord, CorruptRecord):
                return  # not made yet; or damaged, and sent as it is once its writer is gone
            self.end = HEADER_BYTES
        at = self.end - self._window
        try:
            while data[at : at + 1] != _SEAL:
                after = self._step(data, at)
                if after == at:
                    break
                at = after
            else:
                if self._pass_seals(data, at):
                    return
        except CorruptRecord:
            pass  # it is about to get the checksum of its place
        except TruncatedRecord:
            if len(data) == length < WINDOW_BYTES_MAX:
                self._walk(length * 4)
                return
        self.end = self._window + at

    def _step(self, data: bytes, at: int) -> int:
        """Return where the walk goes on after what is at `at`: there if it is not final.

        Raises TruncatedRecord where the bytes end, and CorruptRecord.
        """
        assert self._header is not None  # read first
        offset = self._window + at
        if at + CELL_BYTES > len(data):
            raise TruncatedRecord(self._path, offset)
        kind, salt, path = data[at], self._header.salt, self._path
        if kind == 0:
            return at
        if kind == POINT:
            return at + _points(data, at) * CELL_BYTES
        if kind == PAD:
            target = decode_pad(data, at, salt=salt, offset=offset, path=path) - self._window
            if target + CELL_BYTES > len(data):
                raise TruncatedRecord(self._path, offset)
            # One that leads over a window's end is only there until the seals are.
            is_sealed = data[target] == SEAL and decode_seal(data, target).first == self._window
            return target if is_sealed else at
        event = decode_event(data, at, salt=salt, offset=offset, path=path)
        self.digests.update(digest.decode() for digest in DIGEST.findall(event.payload))
        return at + CELL_BYTES + padded(len(event.payload))

    def _pass_seals(self, data: bytes, at: int) -> bool:
        """Go into the next window, if all seals of this one are there and right.

        Raises TruncatedRecord if the bytes end before they do.
        """
        assert self._header is not None  # read first
        covered, place = 0, at
        while data[place : place + 1] == _SEAL and place + CELL_BYTES <= len(data):
            if _NOT_TIMED.match(data, place + CELL_BYTES - 1):
                return False  # it is not copied to its end yet
            seal = decode_seal(data, place)
            end = covered + seal.length
            if seal.first != self._window + covered or not covered <= end <= at:
                return False
            start = crc_start(self._header.salt, seal.first)
            if zlib.crc32(data[covered:end], start) != seal.crc:
                return False
            covered, place = end, place + CELL_BYTES
            if covered == at:
                self.finished = seal.last
                self._window += place
                self.end = self._window
                return True
        if place + CELL_BYTES > len(data):
            raise TruncatedRecord(self._path, self._window + place)
        return False


def _points(data: bytes, at: int) -> int:
    """Return how many whole points follow one another from `at` on."""
    whole = (len(data) - at) // CELL_BYTES * CELL_BYTES
    count = whole // CELL_BYTES
    stop = _NOT_POINT.search(data[at : at + whole : CELL_BYTES])
    if stop is not None:
        count = stop.start()
    timed = data[at + CELL_BYTES - 1 : at + count * CELL_BYTES : CELL_BYTES]
    stop = _NOT_TIMED.search(timed)
    return count if stop is None else stop.start()
