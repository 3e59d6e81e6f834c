"""A secret taken out of a store's log, blobs and registers.

Each file is written anew beside itself, read back, and only then takes the place of the old one: it
is as before or scrubbed, whoever is killed meanwhile, and doing it again ends it. Blobs come first,
as their names change with their bytes; then the segments that name them; the old ones go last, by
`sweep`. What was in a pack becomes a file, which readers prefer, before it leaves the pack.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, suppress
from itertools import zip_longest
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import msgspec

from foldline import blobs, packs
from foldline.errors import BlobMissing, CorruptRecord
from foldline.events import EVENTS
from foldline.layout import Layout, SegmentName

from .copies import Arrivals, draft_of, regular
from .footprint import pass_on
from .inventory import blobs_of
from .masking import Masks, cut, gathered, patches
from .packed import PackedSegment
from .packing import unpack
from .reader import SegmentReader
from .replay import replay
from .stored import SegmentBytes, SegmentFile
from .sweep import bring_back, log_names

__all__ = ["Found", "Scrubbed", "Scrubbing"]

CHUNK_BYTES = 4 << 20  # looked through, or copied, in one go
NO_DIGEST = b"0" * 64  # of what a dry run would write
NESTED_MAX = 16  # blobs that name one another: a table, its pages and their pictures are three
# By how much a file that was scrubbed is later than it was, in nanoseconds: a backup sees that it
# has changed, and nobody takes its writer for one that wrote again.
LATER_NS = 1_000


class Found(msgspec.Struct, frozen=True):
    """Where the secret was found."""

    run: str  # "" for what is of no run, or of many
    kind: str  # of an event; or "blob", or "file"
    name: str  # of the event's field; or of the blob or file
    times: int


class Scrubbed(msgspec.Struct):
    """What was scrubbed, or would be."""

    dry_run: bool = False
    found: list[Found] = []
    segments: int = 0
    blobs: int = 0
    files: int = 0  # registers and the like
    freed: int = 0  # blobs that held it, and are gone
    # Why something stays as it was; with anything here the secret is still in the store.
    troubles: list[str] = []


class Scrubbing:
    """One scrubbing of a store, or of some runs of it; nobody else writes to it meanwhile.

    `begin` is called before anything is written for the first time; without it nothing is.
    """

    def __init__(
        self,
        layout: Layout,
        masks: Masks,
        runs: Collection[str] = (),
        *,
        begin: Callable[[], None] | None = None,
    ) -> None:
        self._layout = layout
        self._masks = masks
        self._runs = frozenset(runs)
        self._begin = begin
        self._begun = False
        self._done = Scrubbed(dry_run=begin is None)
        self._found: Counter[tuple[str, str, str]] = Counter()
        self._named: defaultdict[bytes, set[str]] = defaultdict(set)  # digest -> runs
        self._above: defaultdict[bytes, set[bytes]] = defaultdict(set)  # digest -> blobs
        self._looked: set[bytes] = set()
        self._times: dict[bytes, int] = {}  # of blobs

    @property
    def replaced(self) -> frozenset[str]:
        """The blobs that have others in their place, and are to be freed."""
        renamed = self._masks.renamed.items()
        return frozenset(old.decode() for old, new in renamed if new not in (old, NO_DIGEST))

    @property
    def has_begun(self) -> bool:
        """Whether anything was written."""
        return self._begun

    def run(self) -> Scrubbed:
        """Scrub everything but the views.

        Raises SecretRejected, StoreBusy if another process packs, CorruptRecord if something could
        not be read back, and OSError.
        """
        bring_back(self._layout)  # blobs that a sweep had put aside when it was killed
        if not self._runs:
            self._leavings()
        names = sorted(filter(self._is_chosen, log_names(self._layout)))
        for digest in sorted(self._digests(names)):
            self._blob(digest)
        if self._begun:
            renamed = self._masks.renamed.items()
            pass_on(self._layout, {old.decode(): new.decode() for old, new in renamed})
        for name in names:
            try:
                source = SegmentFile(self._layout.segment(name))
            except FileNotFoundError:
                continue  # it is in a pack
            with closing(source):
                self._segment(name, source)
        self._packs()
        if not self._runs:
            self._registers()
        for digest, times in self._times.items():
            for run in sorted(self._runs_of(digest)) or [""]:
                self._found[run, "blob", digest.decode()] = times
        rows = sorted(self._found.items())
        self._done.found = [Found(*where, times) for where, times in rows]
        return self._done

    def _is_chosen(self, name: SegmentName) -> bool:
        return not self._runs or name.run in self._runs

    def _write(self) -> bool:
        """Say whether to write, which is about to be done."""
        if self._begin is not None and not self._begun:
            self._begun = True
            self._begin()
        return self._begun

    def _leavings(self) -> None:
        """Take away what others left when they were killed, and nobody will read."""
        drafts = [*self._layout.blobs.glob(".*"), *self._layout.runs.glob("*/log/*.draft")]
        freed = self._layout.trash / "runs"  # of a purge
        if (drafts or freed.exists()) and self._write():
            for path in drafts:
                path.unlink()
            shutil.rmtree(freed, ignore_errors=True)

    # --------------------------------------------------------------------------- blobs

    def _digests(self, names: list[SegmentName]) -> set[bytes]:
        """Return the names of all blobs, or of those that the chosen runs may name."""
        if not self._runs:
            return {digest.encode() for digest, _ in blobs_of(self._layout)}
        found: set[bytes] = set()
        for name in names:
            for batch in replay(self._layout, name, events_only=True):
                for event in batch.events:
                    found |= self._masks.digests(event.payload)
        return found

    def _blob(self, digest: bytes, depth: int = 0) -> bytes:
        """Scrub a blob and those that it names; return the name of the one in its place."""
        if digest in self._looked:
            return self._masks.renamed.get(digest, digest)
        self._looked.add(digest)
        try:
            file = blobs.opened(self._layout, digest.decode())
        except BlobMissing:
            return digest  # a text that looks like a digest, perhaps
        with file:
            if not os.fstat(file.fileno()).st_size:
                return digest
            data = mmap(file.fileno(), 0, access=ACCESS_READ)
        times = self._masks.count(data)
        inside = self._masks.digests(data) if data[:1] in (b"{", b"[") else set()  # JSON
        for other in inside if depth < NESTED_MAX else ():
            self._blob(other, depth + 1)
            self._above[other].add(digest)
        names = not self._masks.renamed.keys().isdisjoint(inside)
        if not times and not names:
            return digest
        if times:
            self._times[digest] = times
        self._done.blobs += 1
        fresh = self._rewritten(digest, data, names=names) if self._write() else NO_DIGEST
        self._masks.renamed[digest] = fresh
        return fresh

    def _rewritten(self, digest: bytes, data: mmap, *, names: bool) -> bytes:
        pieces = self._masks.pieces(data, names=names)
        if hashlib.sha256(data).hexdigest().encode() == digest:
            fresh, _ = blobs.put_chunks(self._layout, gathered(pieces))
            return self._blob(fresh.encode())  # masks that meet may make it once more
        # Its name was wrong, and stays so.
        self._rewrite(self._layout.blob(digest.decode()), pieces)
        return digest

    def _runs_of(self, digest: bytes) -> set[str]:
        """Return the runs that name a blob, or one that names it."""
        owners = {digest}
        fresh = [digest]
        while fresh:
            above = self._above[fresh.pop()] - owners
            owners |= above
            fresh += above
        return set().union(*(self._named[owner] for owner in owners))

    # ------------------------------------------------------------------------ segments

    def _segment(self, name: SegmentName, source: SegmentBytes, mtime_ns: int = 0) -> bool:
        """Scrub a segment; one of a pack, written last at `mtime_ns`, becomes a file.

        Returns whether a pack may let go of it.
        """
        changed: dict[int, bytes] = {}
        if self._may_hold(source):
            data = self._copied(source)
            changed = patches(data, self._masks, lambda *told: self._heard(name.run, *told))
        if source.damaged:
            self._done.troubles.append(
                f"{name.run}/{name.writer}: its part of a pack can't be unpacked: "
                "`foldline verify` says where; restore the pack, and scrub again"
            )
            return False
        if not changed:
            return False
        self._done.segments += 1
        if not self._write():
            return False
        path = self._layout.segment(name)
        if mtime_ns and path.exists():
            return self._is_same(name, path, data, changed)
        before = mtime_ns or path.stat().st_mtime_ns
        self._place(name, path, data, changed, before + LATER_NS)
        return True

    def _may_hold(self, source: SegmentBytes) -> bool:
        overlap = b""
        for at in range(0, source.size, CHUNK_BYTES):
            piece = overlap + source.pread(CHUNK_BYTES, at)
            if self._masks.may_hold(piece):
                return True
            overlap = piece[-self._masks.reach_bytes :]
        return False

    def _copied(self, source: SegmentBytes) -> mmap:
        """Map a segment's bytes, packed or not, from a file that has no name."""
        with TemporaryFile(dir=self._layout.root) as copy:
            for at in range(0, source.size, CHUNK_BYTES):
                copy.write(source.pread(CHUNK_BYTES, at))
            copy.flush()
            return mmap(copy.fileno(), 0, access=ACCESS_READ)

    def _heard(self, run: str, number: int, payload: bytes) -> None:
        """Count what an event says of the secret, field by field."""
        kind = EVENTS.get(number)
        told = kind.__name__ if kind is not None else f"event {number}" if number else "damaged"
        for digest in self._masks.digests(payload) & self._masks.renamed.keys():
            self._named[digest].add(run)
        try:
            fields = msgspec.msgpack.decode(payload, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, RecursionError):
            fields = {"": msgspec.Raw(payload)}
        for field, raw in fields.items():
            if times := self._masks.count(bytes(raw)):
                self._found[run, told, field] += times

    def _place(
        self, name: SegmentName, path: Path, data: mmap, changed: dict[int, bytes], mtime_ns: int
    ) -> None:
        """Write a segment beside itself, read it back, and put it in its place."""
        folder = path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        times = folder.stat()
        arrivals = Arrivals()
        try:
            with arrivals.file(path, mtime_ns) as file:
                _pour(file, _patched(data, changed))
            draft = draft_of(path)
            before, after = (_read(name, there) for there in (path, draft))
            if not _equal(draft, data, changed) or any(
                a != b for a, b in zip_longest(before, after)
            ):
                raise CorruptRecord(draft, 0, 0, "it reads back otherwise")
            arrivals.settle()
        finally:
            arrivals.discard()
        # The folder keeps the time of its last writer.
        os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _is_same(
        self, name: SegmentName, path: Path, data: mmap, changed: dict[int, bytes]
    ) -> bool:
        """Say whether a file beside a pack has the same bytes as the scrubbed part of the pack."""
        if _equal(path, data, changed):
            return True
        self._done.troubles.append(
            f"{name.run}/{name.writer} is a file, and in a pack with other bytes: "
            f"move away {path}, or the pack, whichever is wrong, and scrub again"
        )
        return False

    def _packs(self) -> None:
        gone: set[SegmentName] = set()
        self._done.troubles += [error.message for error in packs.unreadable(self._layout)]
        for index in packs.indices(self._layout, afresh=True):
            for entry in filter(lambda entry: self._is_chosen(entry.name), index):
                try:
                    with closing(PackedSegment(packs.Packed(index.path, entry))) as source:
                        if self._segment(entry.name, source, entry.mtime_ns):
                            gone.add(entry.name)
                except CorruptRecord as error:
                    self._done.troubles.append(error.message)
        if self._begun:
            try:
                unpack(self._layout, gone)
            except CorruptRecord as error:
                self._done.troubles.append(error.message)

    # ----------------------------------------------------------------------- registers

    def _registers(self) -> None:
        """Scrub what people keep, what waits to be sent, and whatever else lies beside the log."""
        root = self._layout.root
        for folder in (root, self._layout.outbox, self._layout.spool, root / "shipped"):
            with suppress(FileNotFoundError, NotADirectoryError):
                for path in sorted(folder.iterdir()):
                    self._file(path)

    def _file(self, path: Path) -> None:
        file = regular(path)
        if file is None:
            return
        with file:
            stat = os.fstat(file.fileno())
            if not stat.st_size:
                return
            data = mmap(file.fileno(), 0, access=ACCESS_READ)
        if times := self._masks.count(data):
            self._found["", "file", str(path.relative_to(self._layout.root))] += times
            self._done.files += 1
            if self._write():
                # A letter, which may stand wherever the secret could: in the name of a rule, say.
                pieces = self._masks.pieces(data, names=False, mask=b"x")
                self._rewrite(path, pieces, stat.st_mtime_ns + LATER_NS)
                self._file(path)  # masks that meet may make it once more

    def _rewrite(self, path: Path, pieces: Iterable[bytes], mtime_ns: int | None = None) -> None:
        arrivals = Arrivals()
        try:
            with arrivals.file(path, mtime_ns) as file:
                _pour(file, pieces)
            arrivals.settle()
        finally:
            arrivals.discard()


def _pour(file: BinaryIO, pieces: Iterable[bytes]) -> None:
    for piece in gathered(pieces):
        view = memoryview(piece)
        while view:
            view = view[file.write(view) :]


def _patched(data: mmap, changed: dict[int, bytes]) -> Iterator[bytes]:
    """Yield a segment's bytes with patches over them, in pieces."""
    at = 0
    for place, text in sorted(changed.items()):
        yield from cut(data, at, place)
        yield text
        at = place + len(text)
    yield from cut(data, at, len(data))


def _equal(path: Path, data: mmap, changed: dict[int, bytes]) -> bool:
    """Say whether a file has a segment's bytes with patches over them, and no more."""
    with path.open("rb") as file:
        return all(file.read(len(piece)) == piece for piece in _patched(data, changed)) and (
            not file.read(1)
        )


def _read(name: SegmentName, path: Path) -> Iterator[object]:
    """Yield all but the words of what a segment's file, or the part of a pack, says."""
    with closing(SegmentReader(name, path)) as reader, suppress(CorruptRecord):
        while (batch := reader.read(final=True)).bytes:
            heads = [
                (event.type, event.seq, event.time, len(event.payload)) for event in batch.events
            ]
            points = tuple(column.tobytes() for column in batch.points)
            yield batch.start, batch.end, batch.damage, batch.finished, heads, points
