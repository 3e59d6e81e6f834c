"""Which files a block of code opens, renames or removes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["outside", "touched"]

# Where modules are imported from while the block runs.
_PLACES = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]))
_CODE = tuple(os.path.realpath(place) for place in _PLACES)

# Audit hooks stay for as long as the process does: one for all tests, which is told when to listen.
_heard: list[list[str]] = []
_FILE_EVENTS = {
    "open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.truncate", "shutil.rmtree", "sqlite3.connect", "os.symlink", "os.link",
}  # fmt: skip


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _heard and event in _FILE_EVENTS:
        named = [one for one in arguments if isinstance(one, str | bytes | os.PathLike)]
        for heard in _heard:
            heard.extend(os.fsdecode(one) for one in named[:2] if one)


_hooked: list[bool] = []


@contextmanager
def touched() -> Iterator[list[str]]:
    """Gather the paths of files that the block touches, in any thread of this process."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)
    heard: list[str] = []
    _heard.append(heard)
    try:
        yield heard
    finally:
        _heard.remove(heard)


def outside(paths: list[str], folder: Path) -> list[str]:
    """Return the paths that lie neither in a folder nor among modules, whatever `..` they have."""
    good = (os.path.realpath(folder), *_CODE)
    named = [path for path in paths if path.startswith(("/", "."))]
    return [path for path in named if not os.path.realpath(path).startswith(good)]
