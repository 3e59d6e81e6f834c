"""Blobs that other machines ship, piece by piece.

A blob grows under another name beside its place, and gets its own once its bytes are those that
its name says. Until then no event that names it should be sent.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from foldline import blobs
from foldline.disk import write_at
from foldline.errors import SegmentRejected, StoreUnwritable
from foldline.layout import Layout

from .footprint import DRAFT_SUFFIX, FILE_BYTES, note_owner

__all__ = ["lacking", "take_blob"]

_LOCKS = tuple(threading.Lock() for _ in range(64))  # a blob has one sender at a time; 64 is plenty


def lacking(layout: Layout, digests: list[str]) -> list[str]:
    """Return those of the digests that no blob here has. Raises SegmentRejected at no digest."""
    for digest in digests:
        _check(digest)
    return [digest for digest in digests if not layout.blob(digest).exists()]


def take_blob(
    layout: Layout,
    digest: str,
    offset: int,
    data: bytes,
    size: int,
    *,
    run: str = "",
    heed: Callable[[int], None] | None = None,
) -> int:
    """Take bytes of a blob of `size` from an offset on; return how many are here by now.

    All of them are only once it has its name and is durable. Bytes behind a gap are not kept. It
    is for a run, if that is told. `heed` hears how many bytes would be added, and may refuse them.
    Raises SegmentRejected if the bytes are not what the name says (they are dropped, to be sent
    anew), and StoreUnwritable if there is no room.
    """
    _check(digest)
    if offset + len(data) > size:
        raise SegmentRejected(
            f"the blob {digest} has {size} bytes, and bytes up to {offset + len(data)} were sent",
            hint="send its own bytes, and its size with each piece",
        )
    with _LOCKS[int(digest[:8], 16) % len(_LOCKS)]:
        if layout.blob(digest).exists():
            return size
        try:
            there = _begun(_draft(layout, digest), size)
            if offset > there:
                return there
            fresh = data[there - offset :]
            if heed is not None:
                heed(len(fresh) + (0 if there else FILE_BYTES))
            if not there:
                note_owner(layout, digest, run)
            return _grow(layout, digest, there, fresh, size)
        except OSError as error:
            raise StoreUnwritable(
                f"the blob {digest} can't be kept: {error.strerror or error}",
                hint="the sender keeps what it has and tries again; free some space on the server",
            ) from error


def _begun(draft: Path, size: int) -> int:
    """Return how much of a blob of `size` is here."""
    try:
        there = draft.lstat().st_size
    except FileNotFoundError:
        return 0
    return there if there <= size else 0  # a sender told another size: one of the two is wrong


def _grow(layout: Layout, digest: str, there: int, fresh: bytes, size: int) -> int:
    """Add bytes to those that are there; all of them become the blob."""
    layout.blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(layout, digest)
    begin = 0 if there else os.O_CREAT | os.O_TRUNC
    file = os.open(draft, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | begin, 0o600)
    try:
        write_at(file, fresh, there)
        there += len(fresh)
        if there < size:
            return there
        os.fsync(file)
    finally:
        os.close(file)
    if _digest(draft) != digest:
        draft.unlink()
        raise SegmentRejected(
            f"the bytes of the blob {digest} have another SHA-256",
            hint="send it again from its first byte",
        )
    blobs.adopt(layout, draft, digest)
    return size


def _draft(layout: Layout, digest: str) -> Path:
    return layout.blobs / f".{digest}{DRAFT_SUFFIX}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(digest: str) -> None:
    if not blobs.is_digest(digest):
        raise SegmentRejected(
            f"{digest[:80]!r} names no blob",
            hint="a blob is named by the SHA-256 of its bytes, in 64 small hex digits",
        )
