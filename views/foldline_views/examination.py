"""What is wrong with a store.

The log is read whole, with its checksums, and everything else is compared with what it says: packs
with files, blobs with the events that name them, each view's offsets and counts with the points.
Nothing is changed, and a store may be examined while it is written to.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import msgspec
import numpy as np

from foldline import packs, spool
from foldline.blobs import is_digest
from foldline.errors import CorruptRecord, ViewDamaged, WordsRejected
from foldline.events import (
    ArtifactLogged,
    GitCaptured,
    SourcesCaptured,
    StepsRewound,
    ValuesTracked,
)
from foldline.layout import Layout, SegmentName
from foldline_ingest.batch import Batch, facts
from foldline_ingest.packed import PackedSegment
from foldline_ingest.stored import SegmentFile, open_segment
from foldline_ingest.verify import Report, verify

from . import newest, quotas, summaries
from .generation import Generation, current
from .opened import read
from .series import SERIES_PER_SEGMENT_MAX
from .shelf import Shelf
from .shelves import CATALOG, SHELVES, TEXT
from .snapshot import load
from .text.index import TextIndex
from .text.view import index_folder

__all__ = ["Examination", "Finding", "examine"]

Hear = Callable[[float], None]

FINDINGS_MAX = 1000  # that are listed; whoever has more mends the first ones first
CHUNK_BYTES = 1 << 20  # of a blob that is read to be hashed
STALE_S = 60.0  # after which a marker without a segment is of a process that never wrote


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found: where, what it means, and what to type.

    `wrong` says that something is lost or will be; else it is worth knowing and no more.
    """

    about: str  # log, packs, blobs, spool, markers, quotas, or a shelf's name
    where: str
    message: str
    hint: str
    wrong: bool = True


class Examination(msgspec.Struct):
    """What was looked at, and what was found."""

    segments: int
    packed: int
    points: int
    blobs: int
    shelves: int
    findings: list[Finding]
    left_out: int = 0  # findings over the bound

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.wrong for finding in self.findings) and not self.left_out


RESTORE = "restore it from a backup, then: foldline rebuild"
REBUILD = "foldline rebuild"


def examine(layout: Layout, *, blobs: bool = False, hear: Hear | None = None) -> Examination:
    """Look at all of a store; with `blobs` also read every blob. `hear` is told 0 to 1.

    Raises StoreNotFound, StoreTooNew and OSError.
    """
    layout.check()
    # The views first: whatever they say, the log must hold by then.
    folded = {shelf.name: _folded(layout, shelf) for shelf in SHELVES}
    seen = _Seen()
    report = verify(layout, hear, each=seen.take)
    findings = [
        *_log(report),
        *_packs(layout),
        *_blobs(layout, seen.blobs, hashed=blobs),
        *_spool(layout),
        *_markers(layout),
        *_quotas(layout),
    ]
    for shelf in SHELVES:
        findings += _shelf(layout, shelf, folded[shelf.name], seen)
    findings.sort(key=lambda finding: not finding.wrong)
    return Examination(
        report.segments,
        len(packs.packed_names(layout)),
        report.points,
        len(seen.blobs),
        len(SHELVES),
        findings[:FINDINGS_MAX],
        max(0, len(findings) - FINDINGS_MAX),
    )


class _Seen:
    """What the log says that other things can be compared with."""

    def __init__(self) -> None:
        self.blobs: dict[str, tuple[int, str]] = {}  # digest -> size, and who names it
        self.points: Counter[SegmentName] = Counter()
        self.ends: dict[SegmentName, int] = {}
        self.damaged: set[SegmentName] = set()
        self.rewound: set[str] = set()

    def take(self, batch: Batch) -> None:
        name = batch.segment
        self.ends[name] = batch.end
        points = batch.points
        placed = np.isfinite(points.step) & (points.series > 0)
        placed &= points.series < SERIES_PER_SEGMENT_MAX
        self.points[name] += int(np.count_nonzero(placed))
        if batch.damage:
            self.damaged.add(name)
        kinds = (ValuesTracked, ArtifactLogged, SourcesCaptured, GitCaptured, StepsRewound)
        for fact in facts(batch, *kinds):
            event = fact.event
            match event:
                case ValuesTracked():
                    for value in event.values:
                        self._name(value.blob, value.size, name)
                case ArtifactLogged() if not event.uri:
                    for file in event.files:
                        self._name(file.blob, file.size, name)
                case SourcesCaptured():
                    for file in event.files:
                        self._name(file.blob, file.size, name)
                case GitCaptured():
                    self._name(event.diff, event.diff_bytes, name)
                case StepsRewound():
                    self.rewound.add(name.run)

    def _name(self, digest: str, size: int, segment: SegmentName) -> None:
        if is_digest(digest):
            self.blobs.setdefault(digest, (size, f"{segment.run}/{segment.writer}"))


def _log(report: Report) -> Iterator[Finding]:
    for place in report.damage:
        about = "packs" if place.segment.startswith("packs/") else "log"
        yield Finding(
            about,
            f"{place.segment}:{place.offset}",
            f"{place.length:,} bytes are damaged: {place.reason}",
            RESTORE,
        )


def _packs(layout: Layout) -> Iterator[Finding]:
    for index in packs.indices(layout, afresh=True):
        for entry in index:
            name = entry.name
            if not layout.segment(name).exists():
                continue
            same = False
            with (
                suppress(CorruptRecord),
                closing(SegmentFile(layout.segment(name))) as file,
                closing(PackedSegment(packs.Packed(index.path, entry))) as packed,
            ):
                same = file.size == packed.size and all(
                    file.pread(CHUNK_BYTES, at) == packed.pread(CHUNK_BYTES, at)
                    for at in range(0, file.size, CHUNK_BYTES)
                )
            where = f"{name.run}/{name.writer}"
            if same:
                message = f"it is a file, and in {index.path.name} too"
                yield Finding("packs", where, message, "foldline pack", wrong=False)
            else:
                message = f"its file differs from what {index.path.name} holds; the file is read"
                yield Finding("packs", where, message, "keep the right one of the two, by hand")


def _blobs(layout: Layout, named: dict[str, tuple[int, str]], *, hashed: bool) -> Iterator[Finding]:
    for digest, (size, who) in named.items():
        path = layout.blob(digest)
        try:
            found = path.stat().st_size
        except OSError:
            yield Finding("blobs", digest, f"{who} names it, and it is not there", RESTORE)
            continue
        if size and found != size:
            message = f"it has {found:,} bytes, and {who} says {size:,}"
            yield Finding("blobs", digest, message, RESTORE)
        elif hashed:
            with path.open("rb") as file:
                right = hashlib.file_digest(file, "sha256").hexdigest() == digest
            if not right:
                yield Finding("blobs", digest, "its bytes are not what it is named by", RESTORE)
    orphans = [
        path.stat().st_size
        for path in layout.blobs.glob("??/*")
        if is_digest(path.name) and path.name not in named
    ]
    if orphans:
        message = f"{len(orphans):,} blobs of {sum(orphans):,} bytes are named by no event"
        yield Finding("blobs", "blobs/", message, "foldline gc", wrong=False)


def _spool(layout: Layout) -> Iterator[Finding]:
    for name in sorted(spool.waiting(layout)):
        if not layout.marker(name).exists():
            message = "values of a process that is gone wait to be encoded"
            where = f"{name.run}/{name.writer}"
            yield Finding("spool", where, message, "foldline up, or foldline runs ls", wrong=False)


def _markers(layout: Layout) -> Iterator[Finding]:
    if not layout.active.is_dir():
        return
    for path in sorted(layout.active.iterdir()):
        run, _, writer = path.name.partition(".")
        with suppress(FileNotFoundError):
            age = time.time() - path.stat().st_mtime
            if age > STALE_S and not packs.is_there(layout, SegmentName(run, writer)):
                message = "it marks a segment that is not there"
                yield Finding("markers", path.name, message, f"rm {path}", wrong=False)


def _quotas(layout: Layout) -> Iterator[Finding]:
    """Tell of experiments that are nearly out of room, as far as views say what is theirs."""
    try:
        if not quotas.read(layout).are_set:
            return
    except WordsRejected as error:
        yield Finding("quotas", layout.quotas.name, error.message, error.hint)
        return
    generation = current(CATALOG.folder(layout.views))
    experiments: dict[str, str] = {}
    with suppress(ViewDamaged, sqlite3.Error), read(layout.views, CATALOG) as db:
        if db is not None and generation is not None:
            experiments = load(db, generation.path).experiments()
    for share in quotas.nearly(quotas.measured(layout, experiments)):
        message = f"it takes {share.used:,} bytes of {share.allowed:,}"
        hint = "foldline quota set, or foldline runs rm and then foldline gc"
        yield Finding("quotas", share.experiment, message, hint, wrong=False)


class _Shelved(msgspec.Struct):
    """What a shelf's file says of itself."""

    generation: Generation | None = None
    trouble: str = ""
    ready: bool = False  # of this version, and read
    offsets: dict[SegmentName, tuple[int, bool]] = {}
    counts: dict[SegmentName, int] = {}


def _folded(layout: Layout, shelf: Shelf) -> _Shelved:
    found = _Shelved(current(shelf.folder(layout.views)))
    if found.generation is None:
        return found
    if found.generation.is_damaged:
        found.trouble = "a reader found it damaged"
        return found
    try:
        with read(layout.views, shelf) as db:
            if db is None:
                return found
            (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
            found.trouble = "" if said == "ok" else f"SQLite says: {said}"
            rows = db.execute(
                "SELECT uid, writer, offset, finished FROM segment JOIN run ON run.id = run"
            )
            found.offsets = {SegmentName(r, w): (end, bool(done)) for r, w, end, done in rows}
            if shelf == CATALOG:
                found.counts = _counts(db)
            if shelf == TEXT and found.offsets:
                found.trouble = found.trouble or _index(found.generation)
            found.ready = True
    except (ViewDamaged, sqlite3.Error) as error:
        found.trouble = str(error).partition("\n")[0]
    return found


def _index(generation: Generation) -> str:
    """Return what is wrong with the text index that belongs to a generation, or ""."""
    with TextIndex(index_folder(generation.path)) as index:
        known = index.reader.runs_after(0)
    return "" if known else "the text index is empty, and there are runs"


def _counts(db: sqlite3.Connection) -> dict[SegmentName, int]:
    """Return how many points the catalog counts of each segment."""
    rows = db.execute(
        "SELECT slot.id, run.uid, segment.writer FROM slot"
        " JOIN segment ON segment.id = segment JOIN run ON run.id = segment.run"
    ).fetchall()
    counts = newest.summaries_of(db, [slot for slot, _, _ in rows])[summaries.COUNT].tolist()
    found: Counter[SegmentName] = Counter()
    for (_, run, writer), count in zip(rows, counts, strict=True):
        found[SegmentName(run, writer)] += int(count)
    return found


def _shelf(layout: Layout, shelf: Shelf, folded: _Shelved, seen: _Seen) -> Iterator[Finding]:
    where = f"views/{shelf.name}"
    again = f"{REBUILD} --view {shelf.name}"
    if folded.trouble:
        yield Finding(shelf.name, where, f"the views are damaged: {folded.trouble}", again)
        return
    if not folded.ready:
        made = "are not made yet" if folded.generation is None else "are of another version"
        message = f"the views {made}; they are made from the log when somebody asks"
        yield Finding(shelf.name, where, message, "foldline up", wrong=False)
        return
    for name, (offset, finished) in sorted(folded.offsets.items()):
        segment = f"{name.run}/{name.writer}"
        size = _size(layout, name)
        if size is None:
            message = "the views hold it, and its log is gone"
            yield Finding(shelf.name, segment, message, f"{RESTORE}, or drop it with the rebuild")
        elif offset > size:
            message = f"{offset:,} bytes of it are folded, and its log has {size:,}"
            yield Finding(shelf.name, segment, message, RESTORE)
        elif finished and shelf == CATALOG and name.run not in seen.rewound | _runs(seen.damaged):
            held, logged = folded.counts.get(name, 0), seen.points[name]
            if held != logged:
                message = f"the views count {held:,} points of it, and its log holds {logged:,}"
                yield Finding(shelf.name, segment, message, again)
    behind = [name for name in seen.ends if name not in folded.offsets]
    if behind:
        message = f"{len(behind):,} segments are not folded yet"
        yield Finding(shelf.name, where, message, "foldline up, or foldline runs ls", wrong=False)


def _runs(names: set[SegmentName]) -> set[str]:
    return {name.run for name in names}


def _size(layout: Layout, name: SegmentName) -> int | None:
    try:
        with closing(open_segment(name, layout.segment(name))) as segment:
            return segment.size
    except CorruptRecord:
        return 0  # told as damage of its pack
    except FileNotFoundError:
        return None
