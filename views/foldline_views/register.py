"""A file of people's words, changed by one at a time.

What people keep in a store and nothing is derived from, such as rules and quotas, stands in
small JSON files beside the log. Each is read whole and replaced whole; any number of servers and
commands may change it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from foldline.disk import sync_folder
from foldline.errors import StoreUnwritable
from foldline.layout import Layout

__all__ = ["Watched", "alone", "read", "replace"]

T = TypeVar("T", bound=msgspec.Struct)


class Watched(Generic[T]):
    """What a register says, read again when it has changed: by a command, or another server."""

    def __init__(self, file: Path, read: Callable[[], T]) -> None:
        self._file, self._read = file, read
        self._state: tuple[int, ...] | None = None
        self._said: T | None = None

    def __call__(self) -> T:
        """Return it; raises what reading it raises."""
        try:
            found = self._file.stat()
            state: tuple[int, ...] = (found.st_ino, found.st_mtime_ns, found.st_size)
        except FileNotFoundError:
            state = ()
        if self._said is None or state != self._state:
            self._said, self._state = self._read(), state
        return self._said


def read(file: Path, kind: type[T], bytes_max: int) -> T:
    """Return what a file says, and where there is none what `kind` is with nothing in it.

    Raises ValueError, as msgspec's errors are, if the file says something else or is too large.
    """
    try:
        with file.open("rb") as opened:
            found = opened.read(bytes_max + 1)
    except FileNotFoundError:
        return kind()
    if len(found) > bytes_max:
        raise ValueError(f"it is larger than {bytes_max} bytes")
    return msgspec.json.decode(found, type=kind)


@contextmanager
def alone(layout: Layout, what: str) -> Iterator[None]:
    """Let no other process change a register of the store meanwhile. Raises StoreUnwritable."""
    try:
        folder = os.open(layout.root, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreUnwritable(
            f"the {what} of the store {layout.root} can't be written: {error.strerror or error}",
            hint="free some space, or check whom the store belongs to",
        ) from error


def replace(file: Path, words: msgspec.Struct) -> None:
    """Write a register in place of the one there is, whole and durable, for its owner alone."""
    draft = file.with_suffix(".draft")
    text = msgspec.json.format(msgspec.json.encode(words), indent=2) + b"\n"
    with open(draft, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    draft.chmod(0o600)  # one that was left by a crash may have had another mode
    draft.replace(file)
    sync_folder(file.parent)
