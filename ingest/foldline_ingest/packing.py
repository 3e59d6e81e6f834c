"""Finished segments made into packs: fewer files, fewer bytes.

A segment is packed once nobody will write to it any more. Its bytes are in the pack, on the disk,
and were read back and compared, before its file goes; whoever is killed in between leaves both,
and the next packing takes the file away. A reader sees a segment in one place, or in two that say
the same, and never in none. One process packs at a time: it holds the lock of `packs/`.
"""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from stat import S_ISREG

import msgspec

from foldline.cell import CELL_BYTES, FLAG_LAST_SEAL, HEADER_BYTES, SEAL
from foldline.disk import sync_file, sync_folder
from foldline.errors import CorruptRecord, StoreBusy
from foldline.ids import is_id, new_id
from foldline.layout import SEGMENT_SUFFIX, Layout, SegmentName
from foldline.packs import (
    PACK_SUFFIX,
    SLAB_BYTES,
    Entry,
    Index,
    Packed,
    encode_entry,
    encode_header,
    find,
    indices,
    read_index,
)

from .obituary import is_buried
from .packed import SLAB_ENTRY, PackedSegment
from .slabs import compress
from .stored import SegmentBytes, SegmentFile

__all__ = ["IDLE_S", "Packing", "drop", "pack", "packable", "packs_lock", "unpack"]

# How long nothing of a run must have been written before it is packed, in seconds. A run that ends
# is often looked at, resumed or evaluated at once; after ten minutes it is history.
IDLE_S = 600.0
# What one pack holds at most, in bytes of segments: half a minute of work, and what a merge or a
# delete has to write again.
PACK_LOG_BYTES_MAX = 4 << 30
PACK_SEGMENTS_MAX = 65_536  # of one pack: an index of 4 MiB
# So many packs smaller than SMALL_BYTES are made into one: 5,000 runs that end one by one leave
# a few dozen packs.
SMALL_PACKS_MAX = 16
SMALL_BYTES = 64 << 20
DRAFT_SUFFIX = ".draft"

Hear = Callable[[float], None]


class Packing(msgspec.Struct):
    """What a packing did, or would do."""

    segments: int = 0
    log_bytes: int = 0  # of these segments, as files
    pack_bytes: int = 0  # of the packs that were made of them
    points: int = 0  # cells of these segments that hold a point
    packs: int = 0  # made
    merged: int = 0  # small packs that became one
    cleared: int = 0  # files that were in a pack already


def pack(
    layout: Layout,
    *,
    idle_s: float = IDLE_S,
    dry_run: bool = False,
    hear: Hear | None = None,
    now: float | None = None,
) -> Packing:
    """Pack every segment that is finished and was left alone for `idle_s` seconds.

    `hear` is told the part that is done, 0 to 1. Raises StoreBusy if another process packs, and
    OSError if there is no room; then everything is as it was.
    """
    done = Packing()
    moment = time.time() if now is None else now
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(packs_lock(layout))
            done.cleared = _clear(layout)
        wanted = list(packable(layout, moment - idle_s))
        total = sum(size for _, size in wanted) or 1
        for group in _groups(wanted):
            if dry_run:
                done.segments += len(group)
                done.log_bytes += sum(size for _, size in group)
                continue
            before = done.log_bytes

            def told(part: int, before: int = before) -> None:
                if hear is not None:
                    hear((before + part) / total)

            _pack_group(layout, [name for name, _ in group], done, told)
        if not dry_run:
            done.merged = _merge(layout)
    return done


def packable(layout: Layout, before: float) -> Iterator[tuple[SegmentName, int]]:
    """Yield the segments, with their sizes, that nobody will write to and that are files.

    A run is left alone while a marker says that a writer of it may live, or while any file of it
    was written after `before`, in unix seconds.
    """
    live = {name.partition(".")[0] for name in _names(layout.active)}
    for run in _names(layout.runs):
        if run in live:
            continue
        found = []
        for file in _names(layout.runs / run / "log"):
            if not file.endswith(SEGMENT_SUFFIX):
                continue
            name = SegmentName(run, file.removesuffix(SEGMENT_SUFFIX))
            try:
                stat = layout.segment(name).stat()
            except FileNotFoundError:
                continue
            if not (all(map(is_id, name)) and S_ISREG(stat.st_mode)):
                continue  # somebody's, and none of ours
            # Beside a pack that has it, a file is somebody's, from a backup perhaps: it stays.
            if find(layout, name) is None:
                found.append((name, stat.st_size, stat.st_mtime))
        if all(written < before for *_, written in found):
            yield from ((name, size) for name, size, _ in found if _is_finished(layout, name, size))


@contextmanager
def packs_lock(layout: Layout) -> Iterator[None]:
    """Hold the right to change packs. Raises StoreBusy if another process has it."""
    if not layout.packs.exists():
        layout.packs.mkdir(mode=0o700, exist_ok=True)
        sync_folder(layout.root)  # or a loss of power might take the folder, and all that is in it
    file = os.open(layout.packs / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusy(
                f"another process packs the store {layout.root}", hint="wait until it is done"
            ) from None
        for draft in layout.packs.glob(f"*{DRAFT_SUFFIX}"):  # of a process that was killed
            draft.unlink()
        yield
    finally:
        os.close(file)


def drop(layout: Layout, runs: Collection[str]) -> int:
    """Take all segments of these runs out of the packs for good; return the bytes that it freed.

    What is kept is copied into a new pack first. Raises StoreBusy, CorruptRecord and OSError.
    """
    return _drop(layout, lambda name: name.run in runs)


def unpack(layout: Layout, names: Collection[SegmentName]) -> int:
    """Take segments that are files by now out of the packs; errors and result are those of `drop`.

    Their files are packed again as any other.
    """
    return _drop(layout, lambda name: name in names)


def _drop(layout: Layout, is_gone: Callable[[SegmentName], bool]) -> int:
    freed = 0
    with packs_lock(layout):
        for index in indices(layout, afresh=True):
            kept = [entry for entry in index if not is_gone(entry.name)]
            if len(kept) == len(index):
                continue
            before, after = index.path.stat().st_size, 0
            if kept:
                after = _copied(layout, [(index, entry) for entry in kept]).stat().st_size
            index.path.unlink()
            freed += before - after
    return freed


def _is_finished(layout: Layout, name: SegmentName, size: int) -> bool:
    """Say whether nobody will write a segment any more: it has its last seal, or it is buried."""
    with layout.segment(name).open("rb") as file:
        file.seek(max(0, size - CELL_BYTES))
        cell = file.read(CELL_BYTES)
    sealed = size % CELL_BYTES == 0 and len(cell) == CELL_BYTES and cell[0] == SEAL
    return (sealed and bool(cell[1] & FLAG_LAST_SEAL)) or is_buried(layout, name)


def _groups(wanted: list[tuple[SegmentName, int]]) -> Iterator[list[tuple[SegmentName, int]]]:
    group: list[tuple[SegmentName, int]] = []
    room = PACK_LOG_BYTES_MAX
    for name, size in wanted:
        if group and (size > room or len(group) == PACK_SEGMENTS_MAX):
            yield group
            group, room = [], PACK_LOG_BYTES_MAX
        group.append((name, size))
        room -= size
    if group:
        yield group


def _pack_group(
    layout: Layout, names: list[SegmentName], done: Packing, told: Callable[[int], None]
) -> None:
    draft = _Draft(layout)
    read = 0
    try:
        for name in names:
            with closing(SegmentFile(layout.segment(name))) as source:
                size = source.size
                slabs = (source.pread(SLAB_BYTES, at) for at in range(0, size, SLAB_BYTES))
                draft.add(name, size, _mtime(layout, name), slabs)
                done.points += draft.points
            read += size
            told(read)
        draft.finish()
        _check(layout, draft.path, names)
        path = draft.publish()
    finally:
        draft.discard()
    done.pack_bytes += path.stat().st_size
    done.segments += len(names)
    done.log_bytes += read
    done.packs += 1
    for name in names:
        _remove(layout, name)


def _check(layout: Layout, draft: Path, names: list[SegmentName]) -> None:
    """Read a draft back, as any reader would, and compare it with the files.

    Raises CorruptRecord if a byte differs: the files stay, and the draft is no pack.
    """
    index = read_index(draft)
    for name in names:
        entry = index.find(name)
        if entry is None:
            raise CorruptRecord(draft, 0, 0, f"it does not list {name.run}/{name.writer}")
        with (
            closing(SegmentFile(layout.segment(name))) as source,
            closing(PackedSegment(Packed(draft, entry))) as packed,
        ):
            if not _same(source, packed):
                raise CorruptRecord(draft, 0, 0, f"{name.run}/{name.writer} reads back otherwise")


def _same(one: SegmentBytes, other: SegmentBytes) -> bool:
    size = one.size
    return size == other.size and all(
        one.pread(SLAB_BYTES, at) == other.pread(SLAB_BYTES, at)
        for at in range(0, size, SLAB_BYTES)
    )


def _remove(layout: Layout, name: SegmentName) -> None:
    """Take a packed segment's file away; its folder keeps the time of its last writer."""
    path = layout.segment(name)
    times = path.parent.stat()
    path.unlink(missing_ok=True)
    os.utime(path.parent, ns=(times.st_atime_ns, times.st_mtime_ns))


def _clear(layout: Layout) -> int:
    """Take away the files that are in a pack: a packing was killed before it could."""
    cleared = 0
    for index in indices(layout, afresh=True):
        for entry in index:
            if not layout.segment(entry.name).exists():
                continue
            with (
                closing(SegmentFile(layout.segment(entry.name))) as source,
                closing(PackedSegment(Packed(index.path, entry))) as packed,
            ):
                same = _same(source, packed) and not packed.damaged
            # A file that differs was put there by somebody, from a backup perhaps: it stays, and
            # readers prefer it.
            if same:
                _remove(layout, entry.name)
                cleared += 1
    return cleared


def _merge(layout: Layout, apart: frozenset[str] | set[str] = frozenset()) -> int:
    """Make one pack of the small ones if there are many; return how many it was."""
    small = [
        index
        for index in indices(layout, afresh=True)
        if str(index.path) not in apart and index.path.stat().st_size < SMALL_BYTES
    ]
    if len(small) < SMALL_PACKS_MAX:
        return 0
    held: dict[SegmentName, tuple[Index, Entry]] = {}
    for index in small:
        held.update({entry.name: (index, entry) for entry in index})
    try:
        _copied(layout, list(held.values()))
    except CorruptRecord as error:
        # What is damaged stays as it is, for `doctor` to tell and for a backup to replace.
        return _merge(layout, {*apart, error.path})
    for index in small:
        index.path.unlink()
    return len(small)


def _copied(layout: Layout, wanted: list[tuple[Index, Entry]]) -> Path:
    """Make a pack of segments of other packs. Raises CorruptRecord if one can't be read whole."""
    draft = _Draft(layout)
    try:
        for index, entry in wanted:
            with closing(PackedSegment(Packed(index.path, entry))) as packed:
                draft.copy(packed, entry)
        draft.finish()
        for entry in read_index(draft.path):
            with closing(PackedSegment(Packed(draft.path, entry))) as packed:
                if not packed.is_whole():
                    raise CorruptRecord(draft.path, 0, 0, f"{entry.name} can't be read back")
        return draft.publish()
    finally:
        draft.discard()


class _Draft:
    """A pack that is being written, under a name that no reader looks at."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._file = -1
        self._entries: list[Entry] = []
        self._at = HEADER_BYTES
        # Never a name that was there before: a reader may still hold that one's index.
        self._final = layout.packs / f"{new_id()}{PACK_SUFFIX}"
        self.path = self._final.with_suffix(DRAFT_SUFFIX)
        self.points = 0  # in the last segment that was added
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def add(self, name: SegmentName, size: int, mtime_ns: int, slabs: Iterator[bytes]) -> None:
        """Compress a segment into the pack."""
        table, head = [], b""
        self.points = 0
        for data in slabs:
            head = head or data[:HEADER_BYTES]
            self.points += data[::CELL_BYTES].count(1)
            table.append((self._write(compressed := compress(data)), len(compressed),
                          zlib.crc32(data)))  # fmt: skip
        self._enter(name, size, mtime_ns, head, table)

    def copy(self, packed: PackedSegment, entry: Entry) -> None:
        """Copy a segment from another pack, as it is compressed there."""
        table = []
        for number, slab in enumerate(packed.slabs):
            if not packed.is_right(number):
                reason = f"a slab of {entry.name.run}/{entry.name.writer} can't be unpacked"
                raise CorruptRecord(packed.path, slab.place, slab.length, reason)
            raw = packed.raw(number)
            table.append((self._write(raw), len(raw), slab.crc))
        self._enter(entry.name, entry.size, entry.mtime_ns, packed.header, table)

    def finish(self) -> None:
        """Write the index and the header, and bring all of it to the disk."""
        entries = b"".join(sorted(encode_entry(entry) for entry in self._entries))
        place = self._write(entries)
        os.pwrite(self._file, encode_header(entries, place), 0)
        sync_file(self._file)

    def publish(self) -> Path:
        """Give the pack its name, for good."""
        self.path.replace(self._final)
        sync_folder(self._final.parent)
        return self._final

    def discard(self) -> None:
        """Close the draft, and take it away if it did not become a pack."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self.path.unlink(missing_ok=True)

    def _enter(
        self,
        name: SegmentName,
        size: int,
        mtime_ns: int,
        head: bytes,
        table: list[tuple[int, int, int]],
    ) -> None:
        body = head.ljust(HEADER_BYTES, b"\0") + b"".join(SLAB_ENTRY.pack(*slab) for slab in table)
        place = self._write(body + zlib.crc32(body).to_bytes(4, "little"))
        self._entries.append(Entry(name, size, mtime_ns, place, len(table)))

    def _write(self, data: bytes) -> int:
        place = self._at
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, self._at)
            view, self._at = view[written:], self._at + written
        return place


def _mtime(layout: Layout, name: SegmentName) -> int:
    return layout.segment(name).stat().st_mtime_ns


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
