"""Which segments the packs of a store hold, and where.

A pack is a file `packs/<id>.pack` that holds finished segments, compressed; PACK.md beside this
file describes its bytes. What has been packed is no file of its own any more, so whoever asks
which segments there are asks here. Only the indices are read: that needs no decompression.
"""

from __future__ import annotations

import os
import re
import time
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from .errors import CorruptRecord
from .layout import SEGMENT_SUFFIX, Layout, SegmentName
from .links import open_file

__all__ = [
    "ENTRY_BYTES",
    "HEADER_BYTES",
    "MAGIC",
    "PACK_SUFFIX",
    "SLAB_BYTES",
    "VERSION",
    "Entry",
    "Index",
    "Packed",
    "encode_entry",
    "encode_header",
    "find",
    "indices",
    "is_there",
    "packed_names",
    "read_index",
    "segments",
    "unreadable",
]

PACK_SUFFIX = ".pack"
MAGIC = b"FOLDPAK\n"  # ends in a newline, so that a transfer in text mode shows at once
VERSION = 1
HEADER_BYTES = 64
ENTRY_BYTES = 64
SLAB_BYTES = 1 << 20  # of a segment, compressed as one: a read costs a few milliseconds
INDEX_BYTES_MAX = 64 << 20  # of one pack: a million segments; what says more is damaged

_HEADER = Struct("<8sIIQI32sI")  # magic version segments index index_crc zeros crc
_ENTRY = Struct("<16s16sQQQII")  # run writer size mtime_ns table slabs zero
_NAME_BYTES = 32
_NAMED = re.compile(rb"(?:[a-z0-9_\0-]{32}.{32})*+", re.DOTALL)  # entries whose names are ids


class Entry(NamedTuple):
    """One segment of a pack."""

    name: SegmentName
    size: int  # of the segment, in bytes
    mtime_ns: int  # when its file was last written
    table: int  # where in the pack the table of its slabs lies
    slabs: int


class Packed(NamedTuple):
    """Where a packed segment lies."""

    path: Path
    entry: Entry


class Index:
    """The segments of one pack, found by name without unpacking them all."""

    def __init__(self, path: Path, entries: bytes) -> None:
        self.path = path
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries) // ENTRY_BYTES

    def __iter__(self) -> Iterator[Entry]:
        return (self._entry(place) for place in range(len(self)))

    @cached_property
    def names(self) -> list[SegmentName]:
        """The names of all segments, by run and writer."""
        text = self._entries.decode("latin-1")  # the names are ASCII, the rest is not looked at
        return [
            SegmentName(text[at : at + 16].rstrip("\0"), text[at + 16 : at + 32].rstrip("\0"))
            for at in range(0, len(text), ENTRY_BYTES)
        ]

    def find(self, name: SegmentName) -> Entry | None:
        """Return the entry of a segment, or None."""
        key = _key(name)
        place = self._place(key)
        return self._entry(place) if self._key(place) == key else None

    def of_run(self, run: str) -> Iterator[Entry]:
        """Yield the entries of a run's segments, by writer."""
        place = self._place(_key(SegmentName(run, "")))
        while place < len(self) and (entry := self._entry(place)).name.run == run:
            yield entry
            place += 1

    def _place(self, key: bytes) -> int:
        return bisect_left(range(len(self)), key, key=self._key)

    def _key(self, place: int) -> bytes:
        return self._entries[place * ENTRY_BYTES : place * ENTRY_BYTES + _NAME_BYTES]

    def _entry(self, place: int) -> Entry:
        run, writer, size, mtime_ns, table, slabs, _ = _ENTRY.unpack_from(
            self._entries, place * ENTRY_BYTES
        )
        name = SegmentName(run.rstrip(b"\0").decode(), writer.rstrip(b"\0").decode())
        return Entry(name, size, mtime_ns, table, slabs)


def encode_entry(entry: Entry) -> bytes:
    """Return the bytes of an entry of an index; an index has them in the order of these bytes."""
    run, writer = (part.encode("ascii") for part in entry.name)
    return _ENTRY.pack(run, writer, entry.size, entry.mtime_ns, entry.table, entry.slabs, 0)


def encode_header(entries: bytes, place: int) -> bytes:
    """Return the header of a pack whose index `entries` lies at `place`."""
    count, crc = len(entries) // ENTRY_BYTES, zlib.crc32(entries)
    body = _HEADER.pack(MAGIC, VERSION, count, place, crc, b"", 0)[:-4]
    return body + zlib.crc32(body).to_bytes(4, "little")


def read_index(path: Path) -> Index:
    """Return the index of a pack. Raises CorruptRecord, FileNotFoundError and OSError."""
    file = open_file(path)
    try:
        data = os.pread(file, HEADER_BYTES, 0)
        if len(data) < HEADER_BYTES or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise CorruptRecord(path, 0, HEADER_BYTES, "it has no header of a pack")
        magic, version, count, place, crc, _, _ = _HEADER.unpack(data)
        if magic != MAGIC or version > VERSION:
            raise CorruptRecord(path, 0, HEADER_BYTES, f"it is no pack of version {VERSION}")
        length = count * ENTRY_BYTES
        entries = os.pread(file, length, place) if length <= INDEX_BYTES_MAX else b""
        if len(entries) != length or zlib.crc32(entries) != crc:
            raise CorruptRecord(path, place, length, "the checksum of its index does not match")
        if not _NAMED.fullmatch(entries):
            raise CorruptRecord(path, place, length, "it names what is no segment")
    finally:
        os.close(file)
    return Index(path, entries)


# A folder's time has a granularity of some milliseconds: what is read within a second of it may
# be older than it says.
SETTLED_NS = 1_000_000_000
# The indices of the stores that this process has read, each with its folder's time.
_known: dict[Path, tuple[int, list[Index]]] = {}
STORES_MAX = 8  # whose indices are kept: a process has one store, a test several


def indices(layout: Layout, *, afresh: bool = False) -> list[Index]:
    """Return the index of every pack that has one; what is damaged is for `doctor` to tell."""
    try:
        changed = layout.packs.stat().st_mtime_ns
    except OSError:
        return []
    held = _known.get(layout.packs)
    if held is not None and held[0] == changed and not afresh:
        return held[1]
    found = []
    for path in sorted(layout.packs.glob(f"*{PACK_SUFFIX}")):
        try:
            found.append(read_index(path))
        except (CorruptRecord, OSError):
            continue
    if time.time_ns() - changed > SETTLED_NS:
        while len(_known) >= STORES_MAX:
            del _known[next(iter(_known))]
        _known[layout.packs] = changed, found
    return found


def unreadable(layout: Layout) -> Iterator[CorruptRecord]:
    """Yield what is wrong with each pack whose index can't be read: what it holds is nowhere."""
    for path in sorted(layout.packs.glob(f"*{PACK_SUFFIX}")):
        try:
            read_index(path)
        except CorruptRecord as error:
            yield error
        except FileNotFoundError:
            continue  # packed anew with others, just now


def find(layout: Layout, name: SegmentName, *, afresh: bool = False) -> Packed | None:
    """Return where a segment lies in a pack, or None if it is in none."""
    for index in indices(layout, afresh=afresh):
        entry = index.find(name)
        if entry is not None:
            return Packed(index.path, entry)
    return None


def is_there(layout: Layout, name: SegmentName) -> bool:
    """Say whether there is a segment of this name, as a file or in a pack."""
    return layout.segment(name).exists() or find(layout, name) is not None


def segments(layout: Layout, run: str) -> list[SegmentName]:
    """Return the segments of a run by writer, those in packs among them."""
    # The files first: one that is packed meanwhile is then seen in both places, not in neither.
    folder = layout.segment(SegmentName(run, "")).parent
    found = {SegmentName(run, file.stem) for file in folder.glob(f"*{SEGMENT_SUFFIX}")}
    found.update(entry.name for index in indices(layout) for entry in index.of_run(run))
    return sorted(found)


def packed_names(layout: Layout) -> set[SegmentName]:
    """Return every segment that is in a pack."""
    return {name for index in indices(layout) for name in index.names}


def _key(name: SegmentName) -> bytes:
    return b"".join(part.encode("ascii", "replace").ljust(16, b"\0") for part in name)
