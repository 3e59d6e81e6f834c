"""Files copied: whole and durable, or further than before."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from foldline.disk import sync_file, sync_folder

if TYPE_CHECKING:
    from _hashlib import HASH

__all__ = ["Arrivals", "appearing", "common", "draft_of", "extend", "is_blank", "pour", "regular"]

CHUNK_BYTES = 1 << 20  # read and written in one go: enough that calls cost nothing
# Files that are synced together: the first sync brings the names and sizes of all to the disk, so
# that the others cost less. That many are a few seconds of work to be done again after a kill.
TOGETHER_MAX = 256

Hear = Callable[[int], None]
"""Is told how many bytes more were copied."""


def regular(path: Path) -> BinaryIO | None:
    """Open a file to be read; None if there is none, or what is there is no file of its own.

    A link may lead out of the store, and a pipe never ends. Raises OSError.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        if path.is_symlink() or not path.exists():
            return None
        raise
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        return None
    return os.fdopen(number, "rb", buffering=0)


class Arrivals:
    """Files that appear, whole and durable, many at once."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Path, Path]] = []  # each draft, and where it will be
        self._folders: dict[Path, None] = {}  # whose lists of names are to be synced

    @contextmanager
    def file(self, path: Path, mtime_ns: int | None = None) -> Iterator[BinaryIO]:
        """Give a file to write that will be at `path`, if the block ends well.

        What was there is replaced then. The folder is made if it is not there. Raises OSError.
        """
        fresh = [folder for folder in path.parents if not folder.exists()]
        for folder in reversed(fresh):
            folder.mkdir(mode=0o700, exist_ok=True)
        draft = draft_of(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(draft, flags, 0o600), "wb", buffering=0) as file:
                yield file
                if mtime_ns is not None:
                    os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))
        except BaseException:  # whatever it is, it goes on; half a file must not stay
            draft.unlink(missing_ok=True)
            raise
        self._waiting.append((draft, path))
        self._folders |= dict.fromkeys([path.parent, *(folder.parent for folder in fresh)])
        if len(self._waiting) >= TOGETHER_MAX:
            self.appear()

    def appear(self) -> None:
        """Let all that was written be where it belongs, each file whole on the disk before."""
        for draft, _ in self._waiting:
            with draft.open("rb") as file:
                sync_file(file.fileno())
        for draft, path in self._waiting:
            draft.replace(path)
        self._waiting.clear()

    def settle(self) -> None:
        """Let all appear, and make durable where it is."""
        self.appear()
        for folder in self._folders:
            sync_folder(folder)
        self._folders.clear()

    def discard(self) -> None:
        """Take away what was written and did not appear."""
        for draft, _ in self._waiting:
            draft.unlink(missing_ok=True)
        self._waiting.clear()


def draft_of(path: Path) -> Path:
    """Return where a file is until it appears at `path`."""
    return path.with_name(f".{path.name}.draft")


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """Give one file to write that is at `path`, whole and durable, once the block ends well."""
    arrivals = Arrivals()
    try:
        with arrivals.file(path) as file:
            yield file
        arrivals.settle()
    finally:
        arrivals.discard()


def extend(source: BinaryIO, path: Path, start: int, end: int, hear: Hear, mtime_ns: int) -> None:
    """Write bytes `start` to `end` of a file to the same place of another, and sync it."""
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags), "wb", buffering=0) as file:
        file.seek(start)
        pour(source, file, start, end, hear)
        os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))
        sync_file(file.fileno())


def pour(
    source: BinaryIO, into: BinaryIO, start: int, end: int, hear: Hear, hashed: HASH | None = None
) -> int:
    """Copy bytes `start` to `end` of a file, or as many as there are; return where they end."""
    at = start
    while at < end and (data := os.pread(source.fileno(), min(CHUNK_BYTES, end - at), at)):
        view = memoryview(data)
        while view:
            view = view[into.write(view) :]
        if hashed is not None:
            hashed.update(data)
        at += len(data)
        hear(len(data))
    return at


def common(one: BinaryIO, other: BinaryIO, length: int) -> int:
    """Return how many of the first `length` bytes are the same in two files, from the start on."""
    for at in range(0, length, CHUNK_BYTES):
        size = min(CHUNK_BYTES, length - at)
        first, second = (os.pread(file.fileno(), size, at) for file in (one, other))
        if first != second:
            pairs = enumerate(zip(first, second, strict=False))
            shorter = min(len(first), len(second))
            return at + next((place for place, (a, b) in pairs if a != b), shorter)
    return length


def is_blank(file: BinaryIO, start: int) -> bool:
    """Say whether a file has only zeros from an offset on, as a power cut may leave it."""
    size = os.fstat(file.fileno()).st_size
    places = range(start, size, CHUNK_BYTES)
    return not any(any(os.pread(file.fileno(), CHUNK_BYTES, at)) for at in places)
