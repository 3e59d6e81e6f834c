"""The fold of a store: which shelves, which generation, which process.

`main` is the fold process that the server supervises; `catch_up` folds what is new once, for a
reader with no server; `rebuild` makes views again from the log.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.lowlevel

from foldline.layout import Layout
from foldline_ingest.announce import Announcement, encode
from foldline_ingest.lease import Lease
from foldline_ingest.supervisor import end_with_parent
from foldline_ingest.tidying import tidy
from foldline_ingest.worker import Announce

from . import alerting
from .database import unwritable
from .fold import Fold
from .shelf import Shelf
from .shelves import CATALOG, SHELVES

__all__ = ["catch_up", "fold_live", "main", "rebuild"]

# How often a fold process that found the lease taken tries again, in seconds: `foldline.open()`
# holds it for as long as one catch-up takes.
LEASE_RETRY_S = 0.1
# The thread that commits waits this long at most for one that computes: see `ui serving`.
SWITCH_INTERVAL_S = 0.0005


async def catch_up(
    layout: Layout, announce: Announce | None = None, *, shelves: Sequence[Shelf] = (CATALOG,)
) -> bool:
    """Fold what has been logged so far; False if another process is folding the store.

    Only the shelves that a question needs have to be folded for it. Raises StoreNotFound,
    StoreTooNew, or StoreUnwritable if the views can't be written.
    """
    layout.check()
    lease = Lease(layout.views)
    if not lease.take():
        return False
    try:
        fold = Fold(layout, lease, announce)
        with _alone(layout):
            for shelf in shelves:
                await fold.catch_up(shelf)
    finally:
        lease.release()
    return True


async def rebuild(
    layout: Layout, announce: Announce | None = None, *, shelves: Sequence[Shelf] = SHELVES
) -> None:
    """Make views again from the log, beside the old ones, then put them in their place.

    Raises StoreBusy while a server or another reader is folding the store, and StoreUnwritable.
    """
    layout.check()
    with Lease(layout.views) as lease, _alone(layout):
        fold = Fold(layout, lease, announce)
        for shelf in shelves:
            await fold.rebuild(shelf)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Raise what went wrong in one of several tasks as the one error that it is."""
    try:
        yield
    except (ExceptionGroup, OSError) as found:
        first: Exception = found
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        if isinstance(first, OSError):
            raise unwritable(layout.views, first.strerror or str(first)) from found
        raise first from found


async def fold_live(
    layout: Layout, announce: Announce | None = None, *, shelves: Sequence[Shelf] = SHELVES
) -> None:
    """Fold until cancelled; waits for the lease first, and again if somebody deletes it."""
    seen: set[str] = set()  # shelves that were whole
    while True:
        lease = Lease(layout.views)
        while not lease.take():  # noqa: ASYNC110  # another process gives it back, without an event
            await anyio.sleep(LEASE_RETRY_S)
        fold = Fold(layout, lease, announce, seen=seen)
        try:
            async with anyio.create_task_group() as tasks:
                for shelf in shelves:
                    tasks.start_soon(fold.keep, shelf)
                tasks.start_soon(alerting.watch, layout)
                tasks.start_soon(tidy, layout)
                await fold.lease_ends()
                tasks.cancel_scope.cancel()
        finally:
            lease.release()


def main(store: Path) -> None:
    """Be the fold process: announce on standard output, and end when standard input does."""
    end_with_parent()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    anyio.run(_serve_pipe, Layout(store))


async def _serve_pipe(layout: Layout) -> None:
    output = anyio.wrap_file(sys.stdout.buffer)
    turn = anyio.Lock()  # the workers of all shelves announce

    async def announce(announcement: Announcement) -> None:
        async with turn:
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
