"""The fold of a store: which views, which generation, which process.

`main` is the fold process that the server supervises; `catch_up` folds what is new once, for a
reader with no server; `rebuild` makes all views again from the log.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.lowlevel

from foldline.layout import Layout
from foldline_ingest.announce import Announcement, encode
from foldline_ingest.lease import Lease
from foldline_ingest.obituary import bury, find
from foldline_ingest.replay import replay
from foldline_ingest.worker import FoldWorker

from .database import current_generation, database_path
from .viewstore import SqliteViewStore, views_version

__all__ = ["catch_up", "fold_live", "main", "rebuild"]

Announce = Callable[[Announcement], Awaitable[None]]

# How often a fold process that found the lease taken tries again, in seconds: `foldline.open()`
# holds it for as long as one catch-up takes.
LEASE_RETRY_S = 0.1


async def catch_up(layout: Layout, announce: Announce | None = None) -> bool:
    """Fold what has been logged so far; False if another process is folding the store.

    Raises StoreNotFound or StoreTooNew.
    """
    layout.check()
    lease = Lease(layout.views)
    if not lease.take():
        return False
    try:
        async with _current(layout, lease, announce) as store:
            await _worker(layout, store, announce).catch_up()
    finally:
        lease.release()
    return True


async def rebuild(layout: Layout, announce: Announce | None = None) -> None:
    """Make all views again from the log, beside the old ones, then put them in their place.

    Raises StoreBusy while a server or another reader is folding the store.
    """
    layout.check()
    with Lease(layout.views) as lease:
        store = await _rebuilt(layout, lease, announce)
        await store.close()


async def fold_live(layout: Layout, announce: Announce | None = None) -> None:
    """Fold until cancelled; waits for the lease first."""
    lease = Lease(layout.views)
    while not lease.take():  # noqa: ASYNC110  # another process gives it back: there is no event
        await anyio.sleep(LEASE_RETRY_S)
    try:
        async with _current(layout, lease, announce) as store:
            await _worker(layout, store, announce).run()
    finally:
        lease.release()


def main(store: Path) -> None:
    """Be the fold process: announce on standard output, and end when standard input does."""
    anyio.run(_serve_pipe, Layout(store))


async def _serve_pipe(layout: Layout) -> None:
    output = anyio.wrap_file(sys.stdout.buffer)

    async def announce(announcement: Announcement) -> None:
        await output.write(encode(announcement))
        await output.flush()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fold_live, layout, announce)
        await _input_ends()
        tasks.cancel_scope.cancel()


async def _input_ends() -> None:
    """Wait until the server, which holds the other end of standard input, goes, however it goes.

    It is read by a daemon thread, which does not keep a process alive whose fold has failed.
    """
    ended = anyio.Event()
    token = anyio.lowlevel.current_token()

    def read() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        with suppress(RuntimeError):  # the loop has ended by itself
            anyio.from_thread.run_sync(ended.set, token=token)

    threading.Thread(target=read, daemon=True).start()
    await ended.wait()


def _worker(layout: Layout, store: SqliteViewStore, announce: Announce | None) -> FoldWorker:
    return FoldWorker(
        layout, store, announce=announce, bury=partial(bury, layout), find=partial(find, layout)
    )


@asynccontextmanager
async def _current(
    layout: Layout, lease: Lease, announce: Announce | None
) -> AsyncIterator[SqliteViewStore]:
    """Open the generation in use; if there is none, or of another version, build one."""
    store = await _kept(layout, lease)
    try:
        store = store or await _rebuilt(layout, lease, announce)
        yield store
    finally:
        if store is not None:
            with anyio.CancelScope(shield=True):  # its thread must not outlive the loop
                await store.close()


async def _kept(layout: Layout, lease: Lease) -> SqliteViewStore | None:
    """Return the views of the generation in use, if they are whole and of this version."""
    generation = current_generation(layout.views)
    if generation is None:
        return None
    try:
        path = database_path(layout.views, generation)
        store = await SqliteViewStore.open(path, lease.epoch, partial(replay, layout))
    except sqlite3.OperationalError:
        raise  # it is there, and can't be opened now: no space, or no right
    except sqlite3.DatabaseError:
        return None  # damaged, and derived: it is made again
    try:
        if await store.version() == views_version():
            return store
    except (sqlite3.DatabaseError, TypeError):
        pass  # the same, found a little later
    await store.close()
    return None


async def _rebuilt(layout: Layout, lease: Lease, announce: Announce | None) -> SqliteViewStore:
    """Fold the whole log into the next generation, and make it the one in use."""
    old = current_generation(layout.views)
    generation = (old or 0) + 1
    path = database_path(layout.views, generation)
    # What an interrupted rebuild left is derived and unfinished.
    shutil.rmtree(path.parent, ignore_errors=True)
    store = await SqliteViewStore.open(path, lease.epoch, partial(replay, layout))

    async def rebuilding(announcement: Announcement) -> None:
        announcement.state = "rebuilding"
        # Readers still look at the old generation: what changed in this one is not theirs yet.
        announcement.runs, announcement.series = [], []
        if announce is not None:
            await announce(announcement)

    try:
        if old is not None:
            await _worker(layout, store, rebuilding).catch_up()
    except BaseException:
        # Whatever it was: a connection left open keeps its thread, and that the process.
        await store.close()
        raise
    draft = layout.views / "CURRENT.new"
    draft.write_text(f"{generation}\n")
    draft.replace(layout.views / "CURRENT")
    if announce is not None:
        await announce(Announcement(0, 0, "catching_up", reset=True))
    if old is not None:
        shutil.rmtree(layout.views / str(old), ignore_errors=True)
    return store
