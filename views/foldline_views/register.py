"""A file of people's words, changed by one at a time.

What people keep in a store and nothing is derived from, such as rules and bookmarks, stands in
small JSON files beside the log. Each is read whole and replaced whole; any number of servers and
commands may change it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from foldline.disk import sync_folder
from foldline.errors import StoreUnwritable
from foldline.layout import Layout

__all__ = ["alone", "read", "replace"]

T = TypeVar("T", bound=msgspec.Struct)


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
