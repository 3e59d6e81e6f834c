"""Which file of a shelf is in use.

`CURRENT` in a shelf's folder names the generation in use: `<number>/views.db`. A rebuild fills the
next one beside it and then moves CURRENT, so that readers always see a whole one.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from foldline.layout import Layout

__all__ = [
    "Generation",
    "Watch",
    "current",
    "database_path",
    "mark_damaged",
    "publish",
    "report_damage",
    "store_of",
]

# A reader that finds the file of a generation damaged leaves this beside it; the fold process sees
# it within a second, and makes the views again.
DAMAGED = "damaged"


class Generation(NamedTuple):
    """The file that holds the views of a shelf; two are equal if they are the same file."""

    number: int
    path: Path
    file: tuple[int, int]  # device and inode: a folder may be deleted, and made again

    @property
    def is_damaged(self) -> bool:
        """Whether a reader has found it damaged."""
        return (self.path.parent / DAMAGED).exists()


def database_path(folder: Path, number: int) -> Path:
    """Return the file of a generation in a shelf's folder."""
    return folder / str(number) / "views.db"


def current(folder: Path) -> Generation | None:
    """Return the generation that readers use, or None if there is none: before the first fold."""
    try:
        number = int((folder / "CURRENT").read_text())
        path = database_path(folder, number)
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return Generation(number, path, (found.st_dev, found.st_ino))


def publish(folder: Path, number: int) -> None:
    """Make a generation the one in use."""
    draft = folder / "CURRENT.new"
    draft.write_text(f"{number}\n")
    draft.replace(folder / "CURRENT")


def report_damage(generation: Generation) -> None:
    """Tell the fold process that what was read of a generation is damaged."""
    mark_damaged(generation.path)


def mark_damaged(path: Path) -> None:
    """Say of a generation's file that the views in it, or beside it, can't be used."""
    # Where nothing can be written nothing can be made again; or it is being replaced just now.
    with suppress(OSError):
        (path.parent / DAMAGED).touch()


def store_of(path: Path) -> Layout:
    """Return the store whose views a generation's file holds."""
    return Layout(path.parents[3])


class Watch:
    """Looks whether the files of a generation are still what they were when it was opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int]] = {}
        self._size = 0

    def complaint(self) -> str | None:
        """Return what has become of them, or None if they are as they were."""
        for suffix in ("", "-wal", "-shm"):
            try:
                found = self._path.with_name(self._path.name + suffix).stat()
            except (FileNotFoundError, NotADirectoryError):
                if suffix and suffix not in self._known:
                    continue  # not yet
                return "was deleted"
            now = (found.st_dev, found.st_ino)
            if self._known.setdefault(suffix, now) != now:
                return "was replaced"
            if not suffix:
                if found.st_size < self._size:
                    return "was cut short"
                self._size = found.st_size
        return None
