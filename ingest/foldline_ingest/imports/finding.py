"""What other trackers left in a folder, whichever they were."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

from foldline.errors import ForeignNotFound

from . import aim, mlflow, tensorboard, wandb
from .foreign import ForeignRun

__all__ = ["TRACKERS", "find"]

Reader: TypeAlias = Callable[[Path, list[Path]], Iterable[ForeignRun]]

TRACKERS: dict[str, dict[str, Reader]] = {
    aim.TRACKER: {aim.NAMES: aim.runs},
    tensorboard.TRACKER: {tensorboard.NAMES: tensorboard.runs},
    wandb.TRACKER: {wandb.NAMES: wandb.runs},
    mlflow.TRACKER: {mlflow.NAMES: mlflow.runs, mlflow.DATABASES: mlflow.runs_of_database},
}
"""By the name of each tracker, what its files are called, and what reads them."""


def find(path: Path, tracker: str = "") -> Iterator[ForeignRun]:
    """Yield the runs below a folder, or of one file; of one tracker, or of all.

    Raises ForeignNotFound if the folder has no such file.
    """
    folder = path if path.is_dir() else path.parent
    files = _files(path)
    chosen = [TRACKERS[tracker]] if tracker else TRACKERS.values()
    readers = {pattern: read for patterns in chosen for pattern, read in patterns.items()}
    found = {
        pattern: [one for one in files if fnmatchcase(one.name, pattern)] for pattern in readers
    }
    if not any(found.values()):
        raise ForeignNotFound(
            f"{path} has nothing that {tracker or ' or '.join(TRACKERS)} left"
            if path.exists()
            else f"there is no {path}",
            hint="name a folder with event files, `.aim`, `wandb`, `mlruns`, or a database",
        )
    for pattern, read in readers.items():
        if found[pattern]:
            yield from read(folder, found[pattern])


def _files(path: Path) -> list[Path]:
    """Return all files below a folder.

    Folders that are links are not followed, so that it has an end; a pipe would never have one.
    """
    if not path.is_dir():
        return [path] if path.is_file() else []
    found = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    patterns = [pattern for patterns in TRACKERS.values() for pattern in patterns]
    return [
        file
        for file in found
        if any(fnmatchcase(file.name, p) for p in patterns) and file.is_file()
    ]
