"""A catalog as one file, to start from: see SNAPSHOT.md.

It lies beside the views that it was made of. It is derived from what is derived: a snapshot that is
damaged, of another version or of commits that the views have not is passed over, and made anew.
"""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from .catalog import Catalog
from .cells import Cells, CodedCells, LooseCells, MixedCells, NumberCells, TextCells, TreeCells
from .changes import NewSeries, read_changes
from .shelves import CATALOG
from .states import StateFile, States
from .viewstore import was_committed

__all__ = ["Draft", "is_due", "load", "path_beside"]

C = TypeVar("C", bound=CodedCells)

log = logging.getLogger(__name__)

MAGIC = b"foldsnap"
FORMAT = 1
# Magic, format, crc of the directory, its offset, its length; the header's own crc follows.
HEADER = struct.Struct("<8sIIQQ")
HEADER_BYTES = 64
CRC = struct.Struct("<I")
ALIGN_BYTES = 8
CHUNK_BYTES = 1 << 22  # read or written in one go
STATES_TOGETHER = 1024  # rows

# Runs that changed since the last snapshot before another one is worth its writing: this many take
# 0.1 s to be read from the views. Of many runs it is a share, as all are written each time.
UNSAVED_RUNS = 1000
UNSAVED_SHARE = 20

DTYPES: dict[str, str] = {
    "values": "<f8", "tags": "|u1", "codes": "<i4", "ends": "<i8", "runs": "<i8", "kinds": "<i8",
    "slots": "<i8", "summaries": "<f8",
}  # fmt: skip


class _Section(msgspec.Struct, array_like=True):
    """A stretch of the file, and its checksum."""

    offset: int
    length: int
    crc: int


class _Kept(msgspec.Struct):
    """A column: its path, how its cells are kept, and where."""

    path: list[str]
    kind: str  # numbers, texts, trees, mixed or loose
    parts: dict[str, _Section] = {}


class _Directory(msgspec.Struct):
    """What the file holds, and what it is true for."""

    version: str  # of the shelf's rows
    epoch: int
    revision: int
    watermark: int
    rows: int
    series: int
    slots_known: int
    sections: dict[str, _Section]
    columns: list[_Kept]


class _BadSnapshotError(Exception):
    """The file is no whole snapshot of this version."""


def path_beside(views: Path) -> Path:
    """Return where the snapshot of a file of views is."""
    return views.with_name("catalog.snapshot")


def load(db: sqlite3.Connection, views: Path) -> Catalog:
    """Return the catalog of a file of views, from its snapshot as far as that goes."""
    catalog = None
    try:
        catalog = _read(db, path_beside(views))
    except FileNotFoundError:
        pass
    except (OSError, _BadSnapshotError, msgspec.MsgspecError, ValueError) as error:
        log.info("the snapshot %s is made anew: %s", path_beside(views), error)
    if catalog is None:
        catalog = Catalog()
    changes = read_changes(db, catalog.known)
    if changes is not None:
        with _uncollected():
            catalog.take(changes)
    return catalog


def is_due(catalog: Catalog) -> bool:
    """Whether so much is in no snapshot yet that a start would notice."""
    return catalog.states.unsaved >= max(UNSAVED_RUNS, len(catalog.ids) // UNSAVED_SHARE)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector away: it would look through all that is made, again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# ------------------------------------------------------------------------------------------ reading


def _read(db: sqlite3.Connection, path: Path) -> Catalog | None:
    """Return the catalog of a snapshot, or None if the views were never as it says."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        directory = _directory(file)
        if directory.version != CATALOG.version:
            return None
        if not was_committed(db, directory.epoch, directory.revision):
            return None
        catalog = _catalog(_Reader(file), directory)
        states = directory.sections["states"]
        catalog.states = States(
            StateFile(os.dup(file), _Reader(file).array(directory.sections, "ends"), states.offset)
        )
    finally:
        os.close(file)
    return catalog


def _directory(file: int) -> _Directory:
    head = os.pread(file, HEADER_BYTES, 0)
    if len(head) < HEADER_BYTES or head[:8] != MAGIC:
        raise _BadSnapshotError("it is no snapshot")
    if CRC.unpack_from(head, HEADER_BYTES - 4)[0] != zlib.crc32(head[:-4]):
        raise _BadSnapshotError("its header is damaged")
    _, made_as, crc, offset, length = HEADER.unpack_from(head)
    if made_as != FORMAT:
        raise _BadSnapshotError(f"it is of format {made_as}")
    return msgspec.msgpack.decode(
        _Reader(file).whole(_Section(offset, length, crc)), type=_Directory
    )


class _Reader:
    """Reads sections of a file, and checks them."""

    def __init__(self, file: int) -> None:
        self._file = file

    def whole(self, section: _Section) -> bytearray:
        """Return the bytes of a section. Raises _BadSnapshotError."""
        if section.offset + section.length > os.fstat(self._file).st_size:
            raise _BadSnapshotError("it was cut short")
        data = bytearray(section.length)
        self._fill(section, memoryview(data))
        return data

    def array(self, sections: dict[str, _Section], name: str) -> NDArray[Any]:
        """Return a section as an array of its own."""
        section, kind = sections[name], np.dtype(DTYPES[name])
        found: NDArray[Any] = np.frombuffer(self.whole(section), kind)
        return found

    def told(self, section: _Section) -> Any:
        """Return what a section says in MessagePack."""
        return msgspec.msgpack.decode(self.whole(section))

    def check(self, section: _Section) -> None:
        """Look through a section that is left in the file. Raises _BadSnapshotError."""
        self._fill(section, memoryview(bytearray(CHUNK_BYTES)))

    def _fill(self, section: _Section, room: memoryview) -> None:
        crc = done = 0
        while done < section.length:
            place = done if len(room) == section.length else 0
            piece = room[place : place + min(CHUNK_BYTES, section.length - done)]
            got = os.preadv(self._file, [piece], section.offset + done)
            if not got:
                raise _BadSnapshotError("it was cut short")
            crc = zlib.crc32(piece[:got], crc)
            done += got
        if crc != section.crc:
            raise _BadSnapshotError(f"the bytes from {section.offset} on are damaged")


def _catalog(read: _Reader, directory: _Directory) -> Catalog:
    """Return a catalog without the states of its runs, which are checked alone."""
    sections, catalog = directory.sections, Catalog()
    catalog.epoch, catalog.revision = directory.epoch, directory.revision
    catalog.watermark, catalog.slots_known = directory.watermark, directory.slots_known
    catalog.add_runs(read.told(sections["ids"]))
    loose = iter(read.told(sections["loose"]))
    for kept in directory.columns:
        cells = _loose(*next(loose)) if kept.kind == "loose" else _cells(read, kept)
        catalog.runs.adopt(tuple(kept.path), cells)
    names = [(name, context) for name, context in read.told(sections["names"])]
    runs, kinds = read.array(sections, "runs"), read.array(sections, "kinds")
    catalog.series.extend(NewSeries(runs, kinds, names))
    catalog.series.set_slots(read.array(sections, "slots").reshape(2, -1))
    figures = read.array(sections, "summaries")
    catalog.series.summary[:] = figures.reshape(catalog.series.summary.shape)
    read.check(sections["states"])
    if (len(catalog.ids), catalog.series.count) != (directory.rows, directory.series):
        raise _BadSnapshotError("its parts do not belong together")
    catalog.settle()
    return catalog


def _cells(read: _Reader, kept: _Kept) -> Cells:
    parts = kept.parts
    if kept.kind == "mixed":
        mixed = MixedCells()
        mixed.numbers, mixed.texts = _numbers(read, parts), _coded(read, parts, TextCells())
        return mixed
    if kept.kind == "numbers":
        return _numbers(read, parts)
    return _coded(read, parts, TextCells() if kept.kind == "texts" else TreeCells())


def _numbers(read: _Reader, parts: dict[str, _Section]) -> NumberCells:
    cells = NumberCells()
    cells.values, cells.tags = read.array(parts, "values"), read.array(parts, "tags")
    return cells


def _coded(read: _Reader, parts: dict[str, _Section], cells: C) -> C:
    cells.adopt(read.array(parts, "codes"), read.told(parts["words"]))
    return cells


def _loose(rows: list[int], values: list[Any]) -> LooseCells:
    cells = LooseCells()
    for row, value in zip(rows, values, strict=True):
        cells.put(row, value)
    return cells


# ------------------------------------------------------------------------------------------ writing


class _Part(NamedTuple):
    """A section to be written."""

    name: str
    data: bytes | NDArray[Any]


class Draft:
    """A copy of a catalog, to be written by another thread while the catalog goes on."""

    def __init__(self, catalog: Catalog) -> None:
        rows = len(catalog.ids)
        self.states = catalog.states.frozen()
        self._directory = _Directory(
            CATALOG.version, catalog.epoch, catalog.revision, catalog.watermark, rows,
            catalog.series.count, catalog.slots_known, {}, [],
        )  # fmt: skip
        encode = msgspec.msgpack.Encoder().encode
        series, loose = catalog.series, []
        self._columns: list[tuple[_Kept, list[_Part]]] = []
        for path, cells in catalog.runs.all_cells():
            if isinstance(cells, LooseCells):
                loose.append([list(cells.cells), list(cells.cells.values())])
                self._columns.append((_Kept(list(path), "loose"), []))
            else:
                kind, parts = _parts(cells, rows)
                self._columns.append((_Kept(list(path), kind), parts))
        self._parts = [
            _Part("ids", encode(catalog.ids)),
            _Part("loose", encode(loose)),
            _Part("names", encode(series.names)),
            _Part("runs", series.run[: series.count] + 1),
            _Part("kinds", series.kind[: series.count].copy()),
            _Part("slots", series.all_slots()),
            _Part("summaries", series.summary.copy()),
        ]

    def write(self, path: Path) -> StateFile | None:
        """Write the snapshot, whole or not at all, and return the states in it.

        None if somebody else is writing it. Raises OSError.
        """
        draft = path.with_name(f"{path.name}.new")
        file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.samestat(os.fstat(file), draft.stat()):
                    return None  # it has just been put in its place
            except (BlockingIOError, FileNotFoundError):
                return None
            ends = self._write(file)
            os.fsync(file)
            draft.replace(path)
            return StateFile(os.dup(file), ends, self._directory.sections["states"].offset)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
        finally:
            os.close(file)

    def _write(self, file: int) -> NDArray[np.int64]:
        os.ftruncate(file, 0)
        write, directory = _Writer(file), self._directory
        for kept, parts in self._columns:
            kept.parts = {part.name: write.section([_bytes(part.data)]) for part in parts}
            directory.columns.append(kept)
        for part in self._parts:
            directory.sections[part.name] = write.section([_bytes(part.data)])
        sizes: list[int] = []
        directory.sections["states"] = write.section(_states(self.states, sizes))
        ends = np.cumsum(np.array(sizes, np.int64))
        directory.sections["ends"] = write.section([_bytes(ends)])
        told = write.section([memoryview(msgspec.msgpack.encode(directory))])
        head = HEADER.pack(MAGIC, FORMAT, told.crc, told.offset, told.length)
        head = head.ljust(HEADER_BYTES - CRC.size, b"\0")
        os.pwrite(file, head + CRC.pack(zlib.crc32(head)), 0)
        return ends


class _Writer:
    """Writes sections one behind another."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._end = HEADER_BYTES

    def section(self, pieces: Iterable[memoryview]) -> _Section:
        """Write a section and return where it is."""
        start = self._end = -(-self._end // ALIGN_BYTES) * ALIGN_BYTES
        crc = 0
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
            while piece:
                done = os.pwrite(self._file, piece, self._end)
                self._end += done
                piece = piece[done:]  # noqa: PLW2901  # what is left of it
        return _Section(start, self._end - start, crc)


def _parts(cells: Cells, rows: int) -> tuple[str, list[_Part]]:
    """Return how cells in arrays are kept, and copies of their parts."""
    if isinstance(cells, MixedCells):
        return "mixed", [*_parts(cells.numbers, rows)[1], *_parts(cells.texts, rows)[1]]
    assert not isinstance(cells, LooseCells)
    cells.reserve(rows)
    if isinstance(cells, NumberCells):
        parts = [_Part("values", cells.values[:rows].copy())]
        return "numbers", [*parts, _Part("tags", cells.tags[:rows].copy())]
    words = msgspec.msgpack.encode(cells.words)
    kind = "texts" if isinstance(cells, TextCells) else "trees"
    return kind, [_Part("codes", cells.codes[:rows].copy()), _Part("words", words)]


def _bytes(data: bytes | NDArray[Any]) -> memoryview:
    return memoryview(data if isinstance(data, bytes) else data.tobytes())


def _states(states: States, sizes: list[int]) -> Iterator[memoryview]:
    """Yield the states of all rows, and put the length of each into `sizes`."""
    for start in range(0, len(states), STATES_TOGETHER):
        rows = range(start, min(start + STATES_TOGETHER, len(states)))
        found = [states.read(row) for row in rows]
        sizes += map(len, found)
        yield memoryview(b"".join(found))
