"""Symbolic links in a store that lead out of it.

A store may have come from somebody else, in an archive or on a disk that is shared. A link in it
would have us read, or write over, whatever its maker names. The store's own folder may be a link.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .errors import StoreLinked

__all__ = ["is_linked", "open_file", "refuse_links"]

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody writes to would keep us waiting
    | getattr(os, "O_BINARY", 0)
)


def refuse_links(folder: Path, *, below: bool = False) -> None:
    """Raise StoreLinked if a link in a folder leads out of it; `below` looks into folders too.

    What can't be listed has no links.
    """
    for path in _links(folder, below=below):
        there = Path(os.path.realpath(path))
        if not there.is_relative_to(os.path.realpath(folder)):
            raise StoreLinked(
                f"{path} is a link out of the store, to {there}",
                hint="if you trust it, move what it leads to into its place; else remove the link",
            )


def is_linked(path: str | os.PathLike[str]) -> bool:
    """Say whether a name is a link, wherever it leads."""
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False


def open_file(path: str | os.PathLike[str]) -> int:
    """Return the descriptor of a regular file that is opened for reading.

    Raises FileNotFoundError for anything else, a link among it, and OSError.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise FileNotFoundError(errno.ENOENT, "a link, or no file", os.fspath(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "no file", os.fspath(path))
    return descriptor


def _links(folder: Path, *, below: bool) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        if entry.is_symlink():
            yield Path(entry.path)
        elif below and entry.is_dir(follow_symlinks=False):
            yield from _links(Path(entry.path), below=True)
