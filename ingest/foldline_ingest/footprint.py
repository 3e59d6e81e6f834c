"""What each run takes of the disk.

That is its log, and the blobs that were shipped for it. A blob comes before the event that names
it, and one that nothing ever names takes room as well. So the run is noted when the first bytes
come: a line of `owners.jsonl`, beside the log. Only for whom a blob came is noted; how large it is,
the disk says. What is written on this machine has no such line.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from foldline.blobs import is_digest
from foldline.ids import is_id
from foldline.layout import SEGMENT_SUFFIX, Layout
from foldline.packs import indices

from .copies import appearing
from .inventory import blobs_of

__all__ = ["DRAFT_SUFFIX", "FILE_BYTES", "footprints", "note_owner", "pass_on"]

FILE_BYTES = 4096  # that a file takes beside what is in it: a block, and a place in its folder

NOTES_SPARE_MAX = 1000  # of blobs that are gone: more, and as many as there are blobs, are let go
DRAFT_SUFFIX = ".part"  # of a blob that is not whole yet

_ALONE = threading.Lock()  # one server serves a store, with several threads
_decode = msgspec.json.Decoder(tuple[str, str]).decode


def note_owner(layout: Layout, digest: str, run: str) -> None:
    """Note that a blob is shipped for a run, "" for none that is known. Raises OSError."""
    with _ALONE:
        file = os.open(layout.owners, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, _line(digest, run))
        finally:
            os.close(file)


def pass_on(layout: Layout, renamed: Mapping[str, str]) -> None:
    """Note that blobs which have others in their place leave them to whose they are."""
    for digest, run in list(_owners(layout)):  # as the notes are now, before there are more
        if renamed.get(digest, digest) != digest:
            note_owner(layout, renamed[digest], run)


def footprints(layout: Layout) -> Counter[str]:
    """Return what each run takes, in bytes, by walking through the store; "" is of no run.

    A log counts as it was logged, packed or not. Each file counts FILE_BYTES more.
    """
    found: Counter[str] = Counter()
    for run, size in _logs(layout):
        found[run] += size + FILE_BYTES
    for index in indices(layout):
        for entry in index:
            found[entry.name.run] += entry.size
    with _ALONE:
        for run, size in _blobs(layout):
            found[run] += size + FILE_BYTES
    return found


def _logs(layout: Layout) -> Iterator[tuple[str, int]]:
    """Yield the run and the size of each segment that is a file of its own."""
    with suppress(FileNotFoundError), os.scandir(layout.runs) as runs:
        for run in runs:
            if not is_id(run.name):
                continue
            with suppress(OSError), os.scandir(Path(run.path) / "log") as files:
                for file in files:
                    if file.name.endswith(SEGMENT_SUFFIX):
                        with suppress(FileNotFoundError):
                            yield run.name, file.stat(follow_symlinks=False).st_size


def _blobs(layout: Layout) -> Iterator[tuple[str, int]]:
    """Yield the run and the size of each blob that has an owner, whole or not yet."""
    notes = 0
    owners: dict[bytes, str] = {}  # the notes of a million blobs take some 150 MB, for a moment
    for digest, run in _owners(layout):
        notes += 1
        owners[bytes.fromhex(digest)] = run
    if not notes:
        return
    kept: list[bytes] = []
    for digest, size in (*blobs_of(layout), *_drafts(layout)):
        owner = owners.get(bytes.fromhex(digest))
        if owner is not None:
            kept.append(_line(digest, owner))
            yield owner, size
    if notes > 2 * len(kept) + NOTES_SPARE_MAX:
        with appearing(layout.owners) as file:
            file.writelines(kept)


def _owners(layout: Layout) -> Iterator[tuple[str, str]]:
    """Yield the blobs that were noted, and the runs that they came for; the last note counts."""
    with suppress(FileNotFoundError), layout.owners.open("rb") as lines:
        for line in lines:
            with suppress(msgspec.MsgspecError, ValueError):  # one that was cut short
                digest, run = _decode(line)
                if is_digest(digest):
                    yield digest, run


def _drafts(layout: Layout) -> Iterator[tuple[str, int]]:
    for path in layout.blobs.glob(f".*{DRAFT_SUFFIX}"):
        digest = path.name[1 : -len(DRAFT_SUFFIX)]
        with suppress(FileNotFoundError):
            if is_digest(digest):
                yield digest, path.lstat().st_size


def _line(digest: str, run: str) -> bytes:
    return msgspec.json.encode((digest, run)) + b"\n"
