"""Blobs that nothing names any more, found and freed.

Every event of the log is looked through for digests, and so is every blob that is named and may
itself name others, as tables do. What no digest leads to is put aside first, and freed only when
nothing was logged meanwhile: a training may just have found a blob that it need not write again.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from foldline import packs, spool
from foldline.blobs import is_digest
from foldline.layout import SEGMENT_SUFFIX, Layout, SegmentName
from foldline.links import open_file

from .batch import Batch
from .verify import verify

__all__ = ["Swept", "bring_back", "living", "log_names", "sweep"]

# A marker that is not locked here and was not touched for so long, in seconds, has no writer. Live
# ones are touched every ten seconds; a day leaves room for a host that was asleep.
SILENT_S = 86_400.0

_DIGEST = re.compile(rb"[0-9a-f]{64}")
_TREE_STARTS = (b"{", b"[")  # of JSON, which may name other blobs

Hear = Callable[[float], None]


class Swept(msgspec.Struct):
    """What a sweep freed, or why it freed nothing."""

    blobs: int = 0
    bytes: int = 0
    kept_because: str = ""


def sweep(
    layout: Layout, *, without: frozenset[str] = frozenset(), only: frozenset[str] | None = None,
    dry_run: bool = False, hear: Hear | None = None,
) -> Swept:  # fmt: skip
    """Free the blobs that no event of the log names, those of the runs `without` left out.

    Nothing is freed while a writer lives, while values wait to be kept, or where the log is
    damaged, as damage may hide a name; but it keeps nothing of `only`, if that says which blobs
    are to be freed. Raises OSError.
    """
    names = log_names(layout)
    if busy := _busy(layout):
        return Swept(kept_because=busy)
    marked: set[str] = set()

    def mark(batch: Batch) -> None:
        if batch.segment.run not in without:
            for event in batch.events:
                marked.update(digest.decode() for digest in _DIGEST.findall(event.payload))

    report = verify(layout, hear, each=mark)
    if report.damage and only is None:
        return Swept(kept_because="the log is damaged: `foldline verify` says where")
    _follow(layout, marked)
    found = [path for path in _blobs(layout) if path.name not in marked]
    if only is not None:
        found = [path for path in found if path.name in only]
    if dry_run:
        return Swept(len(found), sum(path.stat().st_size for path in found))
    aside = _aside(layout)
    for path in found:
        path.replace(aside / path.name)
    busy = _busy(layout)
    if busy or log_names(layout) != names:
        bring_back(layout)
        return Swept(kept_because=busy or "something was logged meanwhile: try again")
    freed = Swept()
    for path in _files(aside):
        freed.blobs += 1
        freed.bytes += path.stat().st_size
        path.unlink()
    aside.rmdir()
    return freed


def bring_back(layout: Layout) -> None:
    """Put blobs back that a sweep put aside, should it have been killed before it was sure."""
    aside = layout.trash / "blobs"
    for path in _files(aside):
        place = layout.blob(path.name)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.replace(place)  # what is there by now has the same bytes
    with suppress(FileNotFoundError):
        aside.rmdir()


def living(layout: Layout) -> set[SegmentName]:
    """Return the segments whose writers live, or may live on another host."""
    found = set()
    for path in _files(layout.active):
        run, _, writer = path.name.partition(".")
        name = SegmentName(run, writer)
        if _is_locked(path) or (_is_fresh(path) and packs.is_there(layout, name)):
            found.add(name)
    return found


def log_names(layout: Layout) -> set[SegmentName]:
    """Return every segment of the log, those in packs among them."""
    files = layout.runs.glob(f"*/log/*{SEGMENT_SUFFIX}")
    found = {SegmentName(file.parent.parent.name, file.stem) for file in files}
    return found | packs.packed_names(layout)


def _busy(layout: Layout) -> str:
    if alive := living(layout):
        return f"a writer of the run {min(alive).run} lives"
    if spool.waiting(layout):
        return "values wait in the spool: `foldline runs ls` keeps those of dead writers"
    return ""


def _is_locked(marker: Path) -> bool:
    try:
        file = open_file(marker)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True  # held; or a file system without locks, where nobody can tell
    else:
        return False
    finally:
        os.close(file)


def _is_fresh(marker: Path) -> bool:
    try:
        return time.time() - marker.stat().st_mtime < SILENT_S
    except FileNotFoundError:
        return False


def _follow(layout: Layout, marked: set[str]) -> None:
    """Add the digests that marked blobs name, and those that these name."""
    fresh = list(marked)
    while fresh:
        path = layout.blob(fresh.pop())
        try:
            with os.fdopen(open_file(path), "rb") as file:
                if file.read(1) not in _TREE_STARTS:
                    continue
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    named = {digest.decode() for digest in _DIGEST.findall(data)}
        except FileNotFoundError:
            continue  # a text that looks like a digest, or a blob that is missing
        fresh += named - marked
        marked |= named


def _blobs(layout: Layout) -> Iterator[Path]:
    for folder in sorted(layout.blobs.glob("??")):
        yield from (path for path in _files(folder) if is_digest(path.name))


def _files(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from sorted(path for path in folder.iterdir() if path.is_file())


def _aside(layout: Layout) -> Path:
    folder = layout.trash / "blobs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
