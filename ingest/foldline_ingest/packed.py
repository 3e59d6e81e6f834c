"""A packed segment, read as if it were a file."""

from __future__ import annotations

import os
import zlib
from collections import OrderedDict
from struct import Struct
from typing import NamedTuple

from foldline.cell import HEADER_BYTES
from foldline.errors import CorruptRecord
from foldline.links import open_file
from foldline.packs import SLAB_BYTES, Packed

from .slabs import decompress

__all__ = ["SLAB_ENTRY", "PackedSegment", "Slab"]

# Slabs kept unpacked by a reader: what one read of a segment touches, and the next one again.
SLABS_KEPT_MAX = 3

SLAB_ENTRY = Struct("<QII")  # of a table: place in the pack, bytes there, crc of the unpacked


class Slab(NamedTuple):
    """Where one slab of a segment lies."""

    place: int
    length: int
    crc: int


class PackedSegment:
    """Reads a segment from its pack; the pack is open from the first read until `close`.

    What is damaged reads as zeros, and its ranges of the segment are in `damaged`.
    """

    def __init__(self, packed: Packed) -> None:
        self.path = packed.path
        self.size = packed.entry.size
        self.mtime_ns = packed.entry.mtime_ns
        self.damaged: dict[int, int] = {}  # offset in the segment -> length
        self._entry = packed.entry
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._file = open_file(self.path)
        length = HEADER_BYTES + self._entry.slabs * SLAB_ENTRY.size + 4
        table = os.pread(self._file, length, self._entry.table)
        if len(table) < length or zlib.crc32(table[:-4]) != int.from_bytes(table[-4:], "little"):
            os.close(self._file)
            reason = "the checksum of a table does not match"
            raise CorruptRecord(self.path, self._entry.table, length, reason)
        # Without the segment's header no checksum in it could be checked: it is there twice.
        self.header = table[:HEADER_BYTES]
        self.slabs = [Slab(*fields) for fields in SLAB_ENTRY.iter_unpack(table[HEADER_BYTES:-4])]

    def close(self) -> None:
        """Give back the file descriptor and what was unpacked."""
        os.close(self._file)
        self._kept.clear()

    def pread(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes of the segment from `offset` on."""
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        first, last = offset // SLAB_BYTES, (end - 1) // SLAB_BYTES
        data = b"".join(self._unpacked(number) for number in range(first, last + 1))
        start = offset - first * SLAB_BYTES
        return data[start : start + end - offset]

    def is_right(self, number: int) -> bool:
        """Say whether a slab unpacks to what was packed."""
        self._read(number)
        return number * SLAB_BYTES not in self.damaged

    def is_whole(self) -> bool:
        """Say whether every slab unpacks to what was packed."""
        return all(self.is_right(number) for number in range(len(self.slabs)))

    def raw(self, number: int) -> bytes:
        """Return a slab as the pack holds it."""
        return os.pread(self._file, self.slabs[number].length, self.slabs[number].place)

    def _unpacked(self, number: int) -> bytes:
        data = self._kept.get(number)
        if data is None:
            data = self._read(number)
            self._kept[number] = data
            while len(self._kept) > SLABS_KEPT_MAX:
                self._kept.popitem(last=False)
        return data

    def _read(self, number: int) -> bytes:
        length = min(SLAB_BYTES, self.size - number * SLAB_BYTES)
        try:
            data = decompress(self.raw(number))
        except (ValueError, IndexError):
            data = b""
        if len(data) != length or zlib.crc32(data) != self.slabs[number].crc:
            self.damaged[number * SLAB_BYTES] = length
            return (b"" if number else self.header).ljust(length, b"\0")[:length]
        return data
