"""One process's fold of a store, shelf by shelf.

Every shelf has a worker of its own, in one event loop and under one lease. Views that somebody
damaged or deleted meanwhile are made again from the log; who had read them goes on to see them
until they are whole again.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from functools import partial
from pathlib import Path

import anyio

from foldline.errors import FoldlineError, StoreUnwritable, ViewDamaged
from foldline.layout import Layout, SegmentName
from foldline_ingest.announce import LIVE_SHELF, Announcement
from foldline_ingest.lease import Lease
from foldline_ingest.log import Log, Lost
from foldline_ingest.obituary import bury, find
from foldline_ingest.replay import replay
from foldline_ingest.worker import Announce, FoldWorker, Pace

from .generation import Watch, current, database_path, publish, report_damage
from .shelf import Shelf
from .viewstore import SqliteViewStore

__all__ = ["Fold"]

log = logging.getLogger(__name__)

# How soon it is seen that files were deleted or reported damaged, in seconds: a few calls of the
# system for each shelf.
WATCH_S = 0.25
# How long after damage the views are made again, in seconds: who deletes a folder needs a moment.
HEAL_S = 0.1
# How long a disk that is full or refuses is left alone, in seconds. What is logged waits meanwhile.
ROOM_S = 2.0


class Fold:
    """The fold of a store by this process, for as long as it holds the lease.

    `seen` has the names of the shelves that readers have seen whole: made again, one of these is
    shown when it is whole again, and any other while it fills.
    """

    def __init__(
        self,
        layout: Layout,
        lease: Lease,
        announce: Announce | None = None,
        *,
        seen: set[str] | None = None,
    ) -> None:
        self._layout = layout
        self._lease = lease
        self._announce = None if announce is None else self._told
        self._hear = announce
        self._last: dict[str, Announcement] = {}  # of each shelf
        self._seen = set() if seen is None else seen
        self._logs: list[Log] = []
        self._first_worker: FoldWorker | None = None  # of the shelf that comes before the others
        self._burying = threading.Lock()
        _sweep(layout.views)

    async def lease_ends(self) -> None:
        """Return when somebody has deleted the lease, so that another process may take it."""
        while self._lease.is_held():  # noqa: ASYNC110  # it is a file: there is no event
            await anyio.sleep(WATCH_S)

    async def catch_up(self, shelf: Shelf) -> None:
        """Fold what has been logged so far into a shelf."""
        store = await self._opened(shelf)
        try:
            await self._worker(shelf, store, self._announce).catch_up()
        finally:
            await store.close()

    async def rebuild(self, shelf: Shelf) -> None:
        """Make a shelf again, beside its old self if it has one, and put it in use when whole."""
        store = await self._rebuilt(shelf, beside=True)
        await store.close()

    async def keep(self, shelf: Shelf) -> None:
        """Fold into a shelf until cancelled; what is damaged or deleted meanwhile is made again.

        Where the views can't be written it is tried again and again: the log is whole, and waits.
        """
        while True:
            store: SqliteViewStore | None = None
            damage: ExceptionGroup[ViewDamaged] | None = None
            refusal: ExceptionGroup[StoreUnwritable | OSError] | None = None
            try:
                store = await self._opened(shelf)
                self._seen.add(shelf.name)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(partial(self._watch, shelf, store, published=True))
                    await self._worker(shelf, store, self._announce).run()
            except* ViewDamaged as found:
                damage = found
            except* (StoreUnwritable, OSError) as found:
                refusal = found
            finally:
                if store is not None:
                    await store.close()
            if damage is None:
                assert refusal is not None  # nothing else ends it
                await self._refused(shelf, _message(refusal))
                continue
            log.warning("%s; they are made again", _message(damage))
            await anyio.sleep(HEAL_S)
            if store is not None:
                self._condemn(shelf, store)

    async def _refused(self, shelf: Shelf, reason: str) -> None:
        """Say why a shelf stands still, and leave its disk alone for a while."""
        log.warning("%s; it is tried again in %g s", reason, ROOM_S)
        if self._announce is not None:
            last = self._last.get(shelf.name) or Announcement(0, 0, "")
            told = (last.watermark, last.lag_bytes, "down")
            await self._announce(Announcement(*told, message=reason, shelf=shelf.name))
        await anyio.sleep(ROOM_S)

    async def _told(self, announcement: Announcement) -> None:
        assert self._hear is not None  # or nobody calls it
        self._last[announcement.shelf] = announcement
        await self._hear(announcement)

    def _condemn(self, shelf: Shelf, store: SqliteViewStore) -> None:
        """See to it that nobody opens a damaged file again.

        It may look whole: one that lost its journals is as old as its last checkpoint, or torn,
        and readers who have the lost ones open would never see what is committed to new ones.
        """
        generation = current(shelf.folder(self._layout.views))
        if generation is not None and generation.path == store.path:
            report_damage(generation)

    def _worker(
        self, shelf: Shelf, store: SqliteViewStore, announce: Announce | None
    ) -> FoldWorker:
        first = shelf.name == LIVE_SHELF
        worker = FoldWorker(
            self._layout,
            store,
            announce=announce,
            bury=partial(self._bury, first=first),
            find=partial(find, self._layout) if first else None,
            shelf=shelf.name,
            pace=Pace(shelf.poll_s, shelf.events_only, lambda: not first and self._is_behind()),
            logs=self._logs,
        )
        if first:
            self._first_worker = worker
        return worker

    def _bury(self, lost: Lost, *, first: bool) -> list[SegmentName]:
        """Log that a writer is gone, and return the segments that say so.

        Whichever shelf sees a death says it before it takes the writer for finished: the next one
        may never come to it. That a writer is only silent is for one to judge, as it may come back.
        """
        if lost.silent and not first:
            return []
        with self._burying:
            return bury(self._layout, lost)

    def _is_behind(self) -> bool:
        return self._first_worker is not None and self._first_worker.state != "live"

    async def _opened(self, shelf: Shelf) -> SqliteViewStore:
        """Open the generation in use; if there is none, or of another version, make one."""
        generation = current(shelf.folder(self._layout.views))
        if generation is not None and not generation.is_damaged:
            store = await self._kept(shelf, generation.path)
            if store is not None:
                return store
        beside = generation is not None or shelf.name in self._seen
        return await self._rebuilt(shelf, beside=beside)

    async def _kept(self, shelf: Shelf, path: Path) -> SqliteViewStore | None:
        """Return the views of a file, if they are whole and of this version."""
        try:
            store = await self._store(shelf, path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                return None  # nobody else writes here: it was emptied while it was read
            raise  # it is there, and can't be opened now: no space, or no right
        except ViewDamaged:
            return None  # it is derived, and made again
        try:
            if await store.version() == shelf.version:
                return store
        except (ViewDamaged, TypeError):
            pass  # the same, found a little later
        await store.close()
        return None

    async def _rebuilt(self, shelf: Shelf, *, beside: bool) -> SqliteViewStore:
        """Make a shelf's next generation and put it in use: `beside` means, once it is whole."""
        folder = shelf.folder(self._layout.views)
        number = max(_generations(folder), default=0) + 1
        store = await self._store(shelf, database_path(folder, number))
        try:
            if beside:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(partial(self._watch, shelf, store, published=False))
                    await self._worker(shelf, store, self._rebuilding).catch_up()
                    tasks.cancel_scope.cancel()
            publish(folder, number)
        except BaseException:
            # Whatever it was: a connection left open keeps its thread, and that the process.
            await store.close()
            raise
        if self._announce is not None:
            reset = Announcement(0, 0, "catching_up", reset=True, shelf=shelf.name)
            await self._announce(reset)
        # With what an interrupted rebuild left, which is derived and unfinished.
        for old in _generations(folder) - {number}:
            shutil.rmtree(folder / str(old), ignore_errors=True)
        return store

    async def _rebuilding(self, announcement: Announcement) -> None:
        announcement.state = "rebuilding"
        # Readers still look at the old generation: what changed in this one is not theirs yet.
        announcement.runs, announcement.series = [], []
        if self._announce is not None:
            await self._announce(announcement)

    async def _store(self, shelf: Shelf, path: Path) -> SqliteViewStore:
        return await SqliteViewStore.open(
            path, shelf, self._lease.epoch, partial(replay, self._layout)
        )

    async def _watch(self, shelf: Shelf, store: SqliteViewStore, *, published: bool) -> None:
        """Raise ViewDamaged when the files are not those any more that the store was opened on.

        SQLite goes on to write to a file that was deleted, and nobody would read it.
        """
        folder = shelf.folder(self._layout.views)
        watch = Watch(store.path)
        while True:
            wrong = watch.complaint()
            used = current(folder) if published else None
            if used is not None and used.is_damaged:
                wrong = "was found damaged by a reader"
            elif published and (used is None or used.path != store.path):
                wrong = wrong or "is not named by CURRENT any more"
            if wrong is not None:
                raise ViewDamaged(f"{store.path} {wrong}", hint="it is made again from the log")
            await anyio.sleep(WATCH_S)


def _generations(folder: Path) -> set[int]:
    if not folder.is_dir():
        return set()
    return {int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()}


def _sweep(views: Path) -> None:
    """Remove the views that earlier versions kept, when all were in one file."""
    for number in _generations(views):
        shutil.rmtree(views / str(number), ignore_errors=True)
    (views / "CURRENT").unlink(missing_ok=True)


def _message(group: BaseException) -> str:
    """Return what the first error of a group says."""
    first = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first.message if isinstance(first, FoldlineError) else str(first)
