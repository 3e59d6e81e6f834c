"""Large values as files, each named by its bytes.

A blob is the file `blobs/<aa>/<sha256>`. It is written whole under another name, synced and then
renamed: whoever sees a blob sees all of it, and what an event names survives a loss of power. The
same bytes are kept once, whoever wrote them first.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .disk import private, sync_file, sync_folder
from .errors import BlobMissing, CorruptRecord
from .ids import new_id
from .layout import Layout
from .links import open_file

if TYPE_CHECKING:
    from _hashlib import HASH

__all__ = ["CHUNK_BYTES", "adopt", "is_digest", "missing", "opened", "put", "put_chunks", "read"]

CHUNK_BYTES = 1 << 20  # read, hashed and written in one go: enough that calls cost nothing
_DIGEST = re.compile(r"[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Say whether `text` can name a blob: only then may it become part of a path."""
    return _DIGEST.fullmatch(text) is not None


def put(layout: Layout, data: bytes | memoryview) -> str:
    """Keep `data` and return its SHA-256 in hex. Raises OSError."""
    digest = hashlib.sha256(data).hexdigest()
    if not layout.blob(digest).exists():
        draft = _draft(layout)
        try:
            _write(draft, (data,))
            adopt(layout, draft, digest)
        finally:
            draft.unlink(missing_ok=True)
    return digest


def put_chunks(layout: Layout, chunks: Iterator[bytes]) -> tuple[str, int]:
    """Keep what `chunks` are together; return its SHA-256 in hex and its size in bytes.

    Raises OSError, and what they raise.
    """
    hashed = hashlib.sha256()
    draft = _draft(layout)
    try:
        size = _write(draft, _hashing(chunks, hashed))
        digest = hashed.hexdigest()
        if not layout.blob(digest).exists():
            adopt(layout, draft, digest)
    finally:
        draft.unlink(missing_ok=True)
    return digest, size


def read(layout: Layout, digest: str) -> bytes:
    """Return the bytes of a blob.

    Raises errors.BlobMissing if there is none, errors.CorruptRecord if they are not what they are
    named by, and OSError.
    """
    path = layout.blob(digest)
    with opened(layout, digest) as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise CorruptRecord(path, 0, len(data), "its SHA-256 is not its name")
    return data


def opened(layout: Layout, digest: str) -> BinaryIO:
    """Return the file of a blob, to be read piece by piece.

    A link to elsewhere is no blob: a store may come from somebody else. Raises errors.BlobMissing
    if there is none, and OSError.
    """
    if not is_digest(digest):
        raise missing(layout, digest)
    try:
        return os.fdopen(open_file(layout.blob(digest)), "rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(layout, digest) from error


def missing(layout: Layout, digest: str) -> BlobMissing:
    """Return the error that tells of a blob that is not there."""
    return BlobMissing(
        f"the store {layout.root} has no blob {digest[:64]!r}",
        hint="restore the store's folder `blobs` from a backup",
    )


def _draft(layout: Layout) -> Path:
    """Return a name for a file that is not whole yet; beside all blobs, so a rename suffices."""
    layout.blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
    return layout.blobs / f".{new_id()}"


def _write(path: Path, chunks: Iterable[bytes | memoryview]) -> int:
    """Write a new file and sync it; return its size."""
    size = 0
    with open(path, "xb", buffering=0, opener=private) as file:
        for chunk in chunks:
            view = memoryview(chunk).cast("B")
            while view:
                written = file.write(view)
                view, size = view[written:], size + written
        sync_file(file.fileno())
    return size


def _hashing(chunks: Iterator[bytes], hashed: HASH) -> Iterator[bytes]:
    for chunk in chunks:
        hashed.update(chunk)
        yield chunk


def adopt(layout: Layout, draft: Path, digest: str) -> None:
    """Give a file its name, whole and synced as it is, which lies in `blobs/`. Raises OSError."""
    path = layout.blob(digest)
    fresh = not path.parent.exists()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft.replace(path)
    sync_folder(path.parent)
    if fresh:
        sync_folder(path.parent.parent)
