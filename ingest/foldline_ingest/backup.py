"""Backups: a copy of a store, made while it is used.

A backup is a store itself: the same segments up to bytes that never change again, the same packs,
blobs and registers; views are made from them at any time. It may be made while runs are written
and folded, and made again later: then only what is new is copied, and compared with what it goes
on from. The log is copied before the blobs, since a blob is there before the event that names it;
and the spool before the log, since what leaves one is in the other by then.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from foldline.cell import CELL_BYTES
from foldline.errors import CorruptRecord, StoreBusy, StoreUnwritable
from foldline.ids import is_id
from foldline.layout import SEGMENT_SUFFIX, Layout, SegmentName
from foldline.packs import PACK_SUFFIX, indices, packed_names, read_index
from foldline.shipper.tail import Tail

from . import inventory
from .batch import Damage
from .copies import Arrivals, common, extend, is_blank, pour, regular
from .doubles import clear_files, clear_packs
from .inventory import Inventory, blobs_of
from .packing import packs_lock
from .reader import SegmentReader
from .sweep import log_names

__all__ = ["BackedUp", "back_up"]

# How long a backup waits for a packing to end, in seconds; the largest pack takes half a minute.
PACKING_S = 300.0
POLL_S = 0.2  # between two looks whether it is done

Hear = Callable[[str, float], None]
"""Is told what is being copied, and which part of it is done, 0 to 1."""


class BackedUp(msgspec.Struct):
    """What a backup copied, and what it found on the way."""

    backup: str
    segments: int = 0  # new ones, and those that had grown
    packs: int = 0
    blobs: int = 0
    bytes: int = 0  # that were copied
    log_bytes: int = 0  # of the log as the backup has it now
    freed: int = 0  # segments, packs and blobs that the store has no more, and with `prune` neither
    kept: int = 0  # likewise, that the backup still has
    damage: list[Damage] = []  # of the store's log: copied as it is
    troubles: list[str] = []  # what could not be copied, or differs

    @property
    def is_well(self) -> bool:
        """Whether all of the store is in the backup, and none of it is damaged."""
        return not (self.damage or self.troubles)


def back_up(
    layout: Layout,
    folder: Path,
    *,
    prune: bool = False,
    tokens: bool = False,
    hear: Hear | None = None,
) -> BackedUp:
    """Copy a store into `folder`, or what is new of it into a backup that is there.

    What the store has no more stays in the backup, unless `prune`. Whoever has its tokens, hashed
    as they are, may try to guess them: they are copied only with `tokens`. Raises StoreNotFound,
    StoreTooNew, StoreBusy, and StoreUnwritable, which leaves a backup that can be gone on with.
    """
    layout.check()
    backup = Layout(folder.absolute())
    before = _accepted(layout, backup)
    try:
        with ExitStack() as stack:
            stack.enter_context(_alone(backup))
            # Nothing is packed, merged or freed meanwhile: all of the log stays where it is.
            stack.enter_context(_settled(layout))
            copying = _Copying(layout, backup, hear, prune=prune, tokens=tokens)
            stack.callback(copying.arrivals.discard)
            return copying.run(before)
    except OSError as error:
        raise StoreUnwritable(
            f"the backup {backup.root} can't be made: {error.strerror or error}"
            + (f": {error.filename}" if error.filename else ""),
            hint="free some space there and run it again: it goes on where it was",
        ) from error


class _Copying:
    """One backup on its way."""

    def __init__(
        self, layout: Layout, backup: Layout, hear: Hear | None, *, prune: bool, tokens: bool
    ) -> None:
        self._layout = layout
        self._backup = backup
        self._hear = hear
        self._prune = prune
        self._tokens = tokens
        self._done = BackedUp(str(backup.root))
        self.arrivals = Arrivals()
        self._brought: list[SegmentName] = []  # segments that are to be checked
        self._phase = ""
        self._part = self._total = 0

    def run(self, before: Inventory) -> BackedUp:
        """Copy all that is new, and say what the backup has then."""
        began = time.time()
        if not before.made_at:
            inventory.write(self._backup, before)  # first: one that is killed is known as ours
        self._backup.create()
        self._registers()
        spooled = self._spool()
        self._segments()
        self._packs()
        for path in _files(self._backup.spool):
            if path.name not in spooled:
                path.unlink()  # what it held is in the log that was copied since
        self._blobs()
        self.arrivals.settle()
        gone = self._gone()
        if self._prune:
            self._done.freed = gone.total
        else:
            self._done.kept = gone.total
        listed = self._listed(began, gone)
        inventory.write(self._backup, listed)
        self._clear(gone)
        self._done.log_bytes = sum(listed.segments.values())
        return self._done

    def _registers(self) -> None:
        layout = self._layout
        paths = [layout.alerts, layout.bookmarks, layout.tags, layout.quotas]
        paths += [layout.owners, layout.remote]
        paths += sorted(layout.root.glob("audit*.jsonl"))
        if self._tokens:
            paths.append(layout.tokens)
        for path in paths:
            words = _read(path)  # replaced whole by whoever changes it
            place = self._backup.root / path.name
            if words is not None and words != _read(place):
                with self.arrivals.file(place) as file:
                    file.write(words)

    def _spool(self) -> set[str]:
        """Copy the values that wait to be encoded, and return the names of their files."""
        names = set()
        for path in _files(self._layout.spool):
            source = regular(path)
            if source is None:
                continue  # encoded meanwhile
            names.add(path.name)
            place = self._backup.spool / path.name
            with source:
                stat = os.fstat(source.fileno())
                if _stat(place) != (stat.st_size, stat.st_mtime_ns):
                    with self.arrivals.file(place, stat.st_mtime_ns) as file:
                        pour(source, file, 0, stat.st_size, self._copied)
        return names

    def _segments(self) -> None:
        packed = packed_names(self._layout)
        files = self._layout.runs.glob(f"*/log/*{SEGMENT_SUFFIX}")
        found = (SegmentName(path.parent.parent.name, path.stem) for path in files)
        names = sorted(name for name in found if all(map(is_id, name)) and name not in packed)
        self._begin("log", sum(map(self._left, names)))
        for name in names:
            self._segment(name)
        self.arrivals.appear()
        for name in self._brought:
            self._done.damage += _damage(self._backup, name)

    def _left(self, name: SegmentName) -> int:
        """Return about how many bytes of a segment are to be copied."""
        there, here = (_stat(one.segment(name)) for one in (self._layout, self._backup))
        return 0 if there == here else max(0, there[0] - max(0, here[0]))

    def _segment(self, name: SegmentName) -> None:
        # Before its size: what has no marker is whole, and nobody writes to it any more.
        marker = _read(self._layout.marker(name))
        source = regular(self._layout.segment(name))
        if source is None:
            return  # no file of ours
        with source:
            stat = os.fstat(source.fileno())
            end = stat.st_size
            if marker is not None:
                tail = Tail(lambda size, at: os.pread(source.fileno(), size, at), str(source.name))
                tail.advance()
                end = tail.end
            elif (end, stat.st_mtime_ns) == _stat(self._backup.segment(name)):
                self._mark(name, None)
                return
            if end:
                self._bring(name, source, end, stat.st_mtime_ns)
                self._mark(name, marker)

    def _bring(self, name: SegmentName, source: BinaryIO, end: int, mtime_ns: int) -> None:
        """Copy a segment up to `end`, from where it is the same as in the backup."""
        path = self._backup.segment(name)
        there, start = regular(path), 0
        if there is not None:
            with there:
                same = self._same(name, source, there, end)
            if same is None:
                return
            start = same
        if start:
            extend(source, path, start, end, self._copied, mtime_ns)
        else:
            with self.arrivals.file(path, mtime_ns) as file:
                pour(source, file, 0, end, self._copied)
        if start < end:
            self._done.segments += 1
            self._brought.append(name)

    def _same(
        self, name: SegmentName, source: BinaryIO, there: BinaryIO, end: int
    ) -> int | None:  # fmt: skip
        """Return up to where a segment is right in the backup, None if it is to be left alone."""
        size = os.fstat(there.fileno()).st_size
        same = common(source, there, min(size, end))
        if same == size:
            return same
        place = same // CELL_BYTES * CELL_BYTES
        if is_blank(there, place):
            return place  # a power cut took what was copied there
        where = f"{name.run}/{name.writer}"
        if same == end:
            self._done.troubles.append(
                f"{where} has {size:,} bytes in the backup and {end:,} in the store: both stay"
            )
        elif not _damage(self._layout, name):
            return 0  # the backup's own is damaged, or somebody wrote to it
        else:
            self._done.troubles.append(f"{where} is damaged in the store; the backup's own stays")
        return None

    def _mark(self, name: SegmentName, marker: bytes | None) -> None:
        """Let the backup know whether the segment's writer lived when it was made."""
        place = self._backup.marker(name)
        if marker is None:
            place.unlink(missing_ok=True)
        elif marker != _read(place):
            with self.arrivals.file(place) as file:
                file.write(marker)

    def _packs(self) -> None:
        packs = sorted(self._layout.packs.glob(f"*{PACK_SUFFIX}"))
        lacking = [
            path for path in packs if _stat(path) != _stat(self._backup.packs / path.name)
        ]  # fmt: skip
        self._begin("packs", sum(_stat(path)[0] for path in lacking))
        for path in lacking:
            source = regular(path)
            if source is None:
                continue
            with source:
                stat = os.fstat(source.fileno())
                place = self._backup.packs / path.name
                with self.arrivals.file(place, stat.st_mtime_ns) as file:
                    pour(source, file, 0, stat.st_size, self._copied)
            self._done.packs += 1
        self.arrivals.appear()
        for path in lacking:
            self._check_pack(self._backup.packs / path.name)

    def _check_pack(self, path: Path) -> None:
        try:
            for entry in read_index(path):
                self._done.damage += _damage(self._backup, entry.name)
        except CorruptRecord as error:
            place = Damage(f"packs/{path.name}", error.offset, error.length, error.reason)
            self._done.damage.append(place)

    def _blobs(self) -> None:
        here = dict(blobs_of(self._backup))
        lacking = {
            digest: size for digest, size in blobs_of(self._layout) if here.get(digest) != size
        }
        self._begin("blobs", sum(lacking.values()))
        for digest, size in sorted(lacking.items()):
            source = regular(self._layout.blob(digest))
            if source is None:
                continue  # freed meanwhile, as no event names it
            try:
                with source, self.arrivals.file(self._backup.blob(digest)) as file:
                    hashed = hashlib.sha256()
                    pour(source, file, 0, size, self._copied, hashed)
                    if hashed.hexdigest() != digest:
                        raise CorruptRecord(source.name, 0, size, "its SHA-256 is not its name")
            except CorruptRecord as error:
                self._done.troubles.append(error.message)
                continue
            self._done.blobs += 1

    def _gone(self) -> _Gone:
        """Return what the backup has, and the store has no more."""
        blobs = {digest for digest, _ in blobs_of(self._backup)}
        return _Gone(
            log_names(self._backup) - log_names(self._layout),
            blobs - {digest for digest, _ in blobs_of(self._layout)},
        )

    def _listed(self, began: float, gone: _Gone) -> Inventory:
        """Return what the backup holds, and will hold when it is cleared."""
        backup = self._backup
        sizes = {
            entry.name: entry.size for index in indices(backup, afresh=True) for entry in index
        }
        for name in log_names(backup):
            sizes[name] = max(sizes.get(name, 0), _stat(backup.segment(name))[0])
        left = _Gone() if not self._prune else gone
        blobs = {digest: size for digest, size in blobs_of(backup) if digest not in left.blobs}
        return Inventory(
            store=str(self._layout.root),
            made_at=began,
            segments={
                f"{name.run}/{name.writer}": size
                for name, size in sorted(sizes.items())
                if name not in left.segments
            },
            blobs=len(blobs),
            blobs_bytes=sum(blobs.values()),
        )

    def _clear(self, gone: _Gone) -> None:
        """Take away what the backup has twice, and with `prune` what the store has no more."""
        clear_files(self._backup)
        used = {path.name for path in self._layout.packs.glob(f"*{PACK_SUFFIX}")}
        clear_packs(self._backup, used, prune=self._prune)
        for name in gone.segments if self._prune else ():
            self._backup.segment(name).unlink(missing_ok=True)
            self._backup.marker(name).unlink(missing_ok=True)
        for digest in gone.blobs if self._prune else ():
            self._backup.blob(digest).unlink(missing_ok=True)

    def _begin(self, phase: str, total: int) -> None:
        self._phase, self._part, self._total = phase, 0, total

    def _copied(self, size: int) -> None:
        self._done.bytes += size
        self._part += size
        if self._hear is not None and self._phase:
            self._hear(self._phase, min(1.0, self._part / max(1, self._total)))


class _Gone(NamedTuple):
    """What a backup has and its store has no more."""

    segments: frozenset[SegmentName] | set[SegmentName] = frozenset()
    blobs: frozenset[str] | set[str] = frozenset()

    @property
    def total(self) -> int:
        return len(self.segments) + len(self.blobs)


def _accepted(layout: Layout, backup: Layout) -> Inventory:
    """Return the inventory of a folder that may be the backup of a store.

    Raises StoreUnwritable if it may not, and StoreTooNew.
    """
    inner, outer = backup.root.resolve(), layout.root.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise StoreUnwritable(
            f"the backup {backup.root} and the store {layout.root} lie in one another",
            hint="choose another folder, on another disk if there is one",
        )
    listed = inventory.read(backup)
    if listed is None:
        if backup.root.exists() and not _is_empty(backup.root):
            raise StoreUnwritable(
                f"the folder {backup.root} is there, and is no backup",
                hint="choose a folder that is new or empty",
            )
        return Inventory(store=str(layout.root))
    names = {f"{name.run}/{name.writer}" for name in log_names(layout)}
    if listed.segments and not names & listed.segments.keys():
        raise StoreUnwritable(
            f"the backup {backup.root} has no run of the store {layout.root}: it is that of "
            f"{listed.store}",
            hint="choose another folder",
        )
    return listed


def _is_empty(folder: Path) -> bool:
    """Say whether a folder has nothing but what a backup that was killed had begun."""
    begun = f".{inventory.FILE_NAME}.draft"
    return folder.is_dir() and all(path.name == begun for path in folder.iterdir())


@contextmanager
def _alone(backup: Layout) -> Iterator[None]:
    """Make no two backups into one folder at once. Raises StoreBusy and OSError."""
    backup.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(backup.root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StoreBusy(
            f"another backup is being made into {backup.root}", hint="wait until it is done"
        ) from None
    finally:
        os.close(folder)


@contextmanager
def _settled(layout: Layout) -> Iterator[None]:
    """Keep a store from being packed. Raises StoreBusy if it is for too long, and OSError."""
    end = time.monotonic() + PACKING_S
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(packs_lock(layout))
                break
            except StoreBusy:
                if time.monotonic() > end:
                    raise
                time.sleep(POLL_S)
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise
                break  # nobody can pack there either
        yield


def _damage(layout: Layout, name: SegmentName) -> list[Damage]:
    """Return what is damaged in a segment, read as far as it is whole."""
    found: list[Damage] = []
    with closing(SegmentReader(name, layout.segment(name))) as reader:
        try:
            while (batch := reader.read(final=True)).bytes and not batch.finished:
                found += batch.damage
            found += batch.damage
        except CorruptRecord as error:
            where = f"{name.run}/{name.writer}"
            found.append(Damage(where, error.offset, error.length, error.reason))
    return found


def _files(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _read(path: Path) -> bytes | None:
    file = regular(path)
    if file is None:
        return None
    with file:
        return file.read()


def _stat(path: Path) -> tuple[int, int]:
    """Return a file's size and the time of its last change; a size of -1 if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return -1, 0
    return found.st_size, found.st_mtime_ns
