"""The loop that folds a log into views.

tail -> batch -> fold -> commit -> announce. Two tasks: one reads ahead, one folds and commits; a
stream of one batch list lies between them, so that reading overlaps with committing and never
runs further ahead than that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from foldline.layout import Layout, SegmentName

from .announce import LIVE_SHELF, Announcement
from .log import BATCH_BYTES_MAX, Log, Lost, Polled
from .view import ViewStore

__all__ = ["Announce", "Bury", "Find", "FoldWorker", "Pace"]

Announce = Callable[[Announcement], Awaitable[None]]
Bury = Callable[[Lost], Sequence[SegmentName]]
"""Logs that a writer is lost, and returns the segments that say so."""
Find = Callable[[SegmentName], Sequence[SegmentName]]
"""Logs that the writer of a segment lives, if it was taken for lost; returns what says so."""

# How often a log that does not move is polled, in seconds, by who polls more often when it does.
POLL_IDLE_S = 0.1
IDLE_AFTER_S = 2.0
# Between commits the worker rests as long as the last commit took, but no longer than this: under
# load batches grow instead of commits piling up, and a page is never older than a second for it.
REST_S_MAX = 0.5
# Batch lists between reading and folding. One is enough to overlap the two; more would only make
# what is shown older.
AHEAD_MAX = 1


class Pace(NamedTuple):
    """How a worker follows the log."""

    poll_s: float = 0.02  # between looks at a log that moves; each costs about 2 µs a segment
    events_only: bool = False
    # Whether another worker has much to do that is more urgent: this one rests meanwhile for as
    # long as it works.
    gives_way: Callable[[], bool] = lambda: False


LIVE = Pace()


class FoldWorker:
    """Follows the log of a store and keeps the views of a shelf up to date.

    The caller holds the store's lease. `bury` is called, off the event loop, for each writer that
    is found dead or silent, and `find` for each of other hosts that gives a sign of life. `logs`
    has the logs of all workers of a store; this one's joins them while it is followed.
    """

    def __init__(
        self,
        layout: Layout,
        store: ViewStore,
        *,
        announce: Announce | None = None,
        bury: Bury | None = None,
        find: Find | None = None,
        shelf: str = LIVE_SHELF,
        pace: Pace = LIVE,
        logs: list[Log] | None = None,
    ) -> None:
        self._layout = layout
        self._store = store
        self._shelf = shelf
        self._pace = pace
        self._logs: list[Log] = [] if logs is None else logs
        self._announce = announce
        self._bury = bury
        self._find = find
        self.state = "catching_up"
        self._forever = False
        self._lag_at_start = 0

    async def run(self) -> None:
        """Fold until cancelled."""
        self._forever = True
        await self._follow()

    async def catch_up(self) -> None:
        """Fold what has been logged so far, then return."""
        await self._follow()

    async def _follow(self) -> None:
        log = Log(
            self._layout,
            await self._store.progress(),
            events_only=self._pace.events_only,
            others=self._logs,
        )
        self._logs.append(log)
        send, receive = anyio.create_memory_object_stream[Polled](AHEAD_MAX)
        try:
            await anyio.to_thread.run_sync(log.discover)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tail, log, send)
                tasks.start_soon(self._fold, log, receive)
        finally:
            self._logs.remove(log)
            log.close()

    async def _tail(self, log: Log, send: MemoryObjectSendStream[Polled]) -> None:
        moved_at = time.monotonic()
        async with send:
            while True:
                started = time.monotonic()
                polled = await anyio.to_thread.run_sync(log.poll)
                for said in await anyio.to_thread.run_sync(self._tell, polled):
                    log.follow(said)
                if polled.batches:
                    moved_at = started
                if polled.batches or (self._forever and self.state != "live"):
                    await send.send(polled)
                # A writer that never rests must not keep a reader that folds once for ever.
                if not self._forever and log.is_caught_up():
                    return
                if self._forever and polled.bytes < BATCH_BYTES_MAX:
                    idle = started - moved_at > IDLE_AFTER_S
                    await anyio.sleep(max(self._pace.poll_s, POLL_IDLE_S if idle else 0.0))

    def _tell(self, polled: Polled) -> list[SegmentName]:
        """Log what was seen of writers, and return the segments that say so."""
        said: list[SegmentName] = []
        for lost in polled.lost if self._bury else ():
            assert self._bury is not None  # just asked
            said += self._bury(lost)
        for name in polled.found if self._find else ():
            assert self._find is not None  # just asked
            said += self._find(name)
        return said

    async def _fold(self, log: Log, receive: MemoryObjectReceiveStream[Polled]) -> None:
        async with receive:
            async for polled in receive:
                started = time.monotonic()
                await self._apply(log, polled)
                if polled.lag_bytes == 0 or self._pace.gives_way():
                    await anyio.sleep(min(time.monotonic() - started, REST_S_MAX))

    async def _apply(self, log: Log, polled: Polled) -> None:
        applied = await self._store.apply(polled.batches)
        for batch in polled.batches:
            if batch.finished:
                log.retire(batch.segment)
        arrived = self._forever and self.state != "live" and _is_up_to_date(polled)
        if arrived:
            self.state = "live"
        if self._announce is None or not (polled.batches or arrived):
            return
        announcement = Announcement(
            watermark=applied.watermark,
            lag_bytes=polled.lag_bytes,
            state=self.state,
            progress=self._progress(polled.lag_bytes),
            runs=applied.runs,
            series=applied.series,
            truncated=applied.truncated,
            shelf=self._shelf,
        )
        if arrived or any(batch.damage for batch in polled.batches):
            announcement.damage = list(await self._store.damage())
        await self._announce(announcement)

    def _progress(self, lag_bytes: int) -> float | None:
        if self.state == "live":
            return None
        self._lag_at_start = max(self._lag_at_start, lag_bytes)
        if not self._lag_at_start:
            return 1.0
        return math.floor(100 * (1 - lag_bytes / self._lag_at_start)) / 100


def _is_up_to_date(polled: Polled) -> bool:
    """Say whether a poll reached the end of everything that was there when it began."""
    return polled.lag_bytes == 0 and polled.bytes < BATCH_BYTES_MAX
