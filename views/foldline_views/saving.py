"""When a reader writes the snapshot of its catalog."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread

from foldline.errors import ViewDamaged

from .catalog import Catalog
from .snapshot import Draft, is_due, path_beside

__all__ = ["Find", "Saving"]

T = TypeVar("T")

log = logging.getLogger(__name__)

# How long after a start, and after one another, snapshots are written at the least, in seconds. One
# of 100,000 runs takes a second of a thread.
SAVED_AFTER_S = 3.0
SAVED_EVERY_S = 60.0


class Find(Protocol):
    """Asks the catalog, which nobody else has meanwhile."""

    def __call__(self, question: Callable[[Catalog], T]) -> Awaitable[T]:
        """Return what a question finds."""
        ...


class Saving:
    """Writes snapshots in the background: a copy of the catalog, while that goes on."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._task: asyncio.Task[None] | None = None
        self._saved_at = -math.inf

    def look(self, catalog: Catalog, views: Path) -> None:
        """Write a snapshot beside a file of views in a while, if one is due and none is written."""
        if is_due(catalog) and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._save(catalog, views))

    async def close(self) -> None:
        """Write no more; what is being written is finished."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _save(self, catalog: Catalog, views: Path) -> None:
        await anyio.sleep(max(SAVED_AFTER_S, self._saved_at + SAVED_EVERY_S - time.monotonic()))
        self._saved_at = time.monotonic()
        draft = await self._find(lambda now: Draft(now) if now is catalog else None)
        if draft is None:
            return  # the views were made again
        try:
            file = await anyio.to_thread.run_sync(draft.write, path_beside(views))
        except (OSError, ViewDamaged) as error:
            log.info("no snapshot of the catalog was written: %s", error)
            return
        if file is not None:
            await self._find(lambda _: catalog.states.settle(file, draft.states))
