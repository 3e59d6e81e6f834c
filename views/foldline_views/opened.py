"""The views of a shelf, open for reading.

A reader stays with its file for as long as that is in use, and goes over to the next one when the
views were made again: after a rebuild, or because somebody deleted or damaged them. What it read
before stays true for its watermark: a file that was deleted can be read by who has it open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import anyio

from foldline.errors import StoreBusy, ViewDamaged

from .database import Database, connect, guarded
from .generation import Generation, current, report_damage
from .shelf import Shelf
from .viewstore import read_version

__all__ = ["Opened", "not_ready", "read"]

T = TypeVar("T")


class Opened:
    """A shelf's views for many tasks, each read one job on the connection's own thread."""

    def __init__(self, views: Path, shelf: Shelf) -> None:
        self._folder = shelf.folder(views)
        self._shelf = shelf
        self._database: Database | None = None
        self._generation: Generation | None = None
        self._opening = anyio.Lock()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a job reads, in the generation that is in use now.

        Raises StoreBusy as long as nothing has been folded, and ViewDamaged if the file can't be
        read; it is made again then.
        """
        async with self._opening:
            generation = current(self._folder)
            if generation is not None and generation != self._generation:
                await self._open(generation)
            database, generation = self._database, self._generation
        if database is None or generation is None:
            raise not_ready(self._shelf)
        try:
            return await database.run(job)
        except ViewDamaged:
            report_damage(generation)
            raise

    async def close(self) -> None:
        """Close the file; the next read opens it again."""
        database, self._database, self._generation = self._database, None, None
        if database is not None:
            await database.close()

    async def _open(self, generation: Generation) -> None:
        try:
            fresh = await Database.open(generation.path)
        except sqlite3.OperationalError as error:
            raise not_ready(self._shelf) from error  # it was put away a moment ago
        except ViewDamaged:
            report_damage(generation)
            raise
        try:
            version = await fresh.run(read_version)
        except BaseException as error:
            # Whatever it was: a connection left open keeps its thread, and that the process.
            await fresh.close()
            if isinstance(error, ViewDamaged):
                report_damage(generation)
            raise
        if version != self._shelf.version:
            await fresh.close()  # of another Foldline: the fold makes a new generation
            return
        old, self._database, self._generation = self._database, fresh, generation
        if old is not None:
            await old.close()


@contextmanager
def read(views: Path, shelf: Shelf) -> Iterator[sqlite3.Connection | None]:
    """Open a shelf's views for one question, on this thread; None if there are none to use.

    Raises ViewDamaged if the file can't be read, there or in the block; it is made again then.
    """
    generation = current(shelf.folder(views))
    if generation is None:
        yield None
        return
    try:
        with guarded(generation.path), closing(connect(generation.path, write=False)) as db:
            yield db if read_version(db) == shelf.version else None
    except ViewDamaged:
        report_damage(generation)
        raise


def not_ready(shelf: Shelf) -> StoreBusy:
    """Return the error of views that nobody has folded yet."""
    return StoreBusy(
        f"the views of {shelf.name} are not made yet",
        hint="they are made by `foldline up`; ask again in a moment",
    )
