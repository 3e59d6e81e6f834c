"""What a segment asks of the disk: blocks, bytes, syncs."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["allocate", "folder_bytes", "private", "sync_file", "sync_folder", "write_at"]

# How file systems say that they can't allocate ahead, as against being full.
_NO_ALLOCATION = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS})


def allocate(descriptor: int, start: int, size: int) -> None:
    """Give a stretch of a file its disk blocks. Raises OSError if there are too few.

    A sparse stretch would do until the disk is full: then a store to the mapped memory is a
    SIGBUS, which ends the training.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, start, size)
        except OSError as error:
            if error.errno not in _NO_ALLOCATION:
                raise
        else:
            return
    write_at(descriptor, bytes(size), start)


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`. Raises OSError; what was written till then stays."""
    view = memoryview(data)
    while view:
        written = _write(descriptor, view, offset)
        view, offset = view[written:], offset + written


def private(path: str, flags: int) -> int:
    """Open a file that nobody but its owner may read: the `opener` of `open`. Raises OSError."""
    return os.open(path, flags, 0o600)


def sync_file(descriptor: int) -> None:
    """Flush a file through to its disk. Raises OSError."""
    import fcntl

    command = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync stops at the disk's own cache
    if command is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, command)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Flush a folder's list of names through to its disk. Raises OSError."""
    if os.name == "nt":
        return  # it keeps names in a journal of its own, and folders can't be opened
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, view: memoryview, offset: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, view, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)  # Windows; a segment's file has one user at a time
    return os.write(descriptor, view)


def folder_bytes(folder: str | os.PathLike[str]) -> int:
    """Return the size of all files below a folder, which may come and go meanwhile; 0 without one.

    Not by Path.rglob: it fails where a folder goes that it was about to look into.
    """
    size = 0
    for below, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += Path(below, name).lstat().st_size
    return size
