"""Who listens to changes, and what they missed.

The hub keeps the last changes in one bounded ring, and a listener is no more than a position in
it. A listener that is slow has a position far behind, and gets all it missed merged into one
notice; nothing is ever kept for it. All listeners together are sent so many bytes a second and no
more: beyond that each is told less often, and more at a time. When its position has left the ring,
or was another server's, it is told to read everything again.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import anyio
import msgspec

from foldline_ingest.announce import LIVE_SHELF, Announcement
from foldline_ingest.view import SeriesDelta
from foldline_views.answers import number

from .errors import TooManyListeners
from .wire import Change, SeriesChange

__all__ = ["Hub", "Listener"]

RING_CHANGES_MAX = 1024  # about twenty seconds of commits at the fold's fastest pace
RING_NAMES_MAX = 20_000  # runs and series over all changes in the ring: about 10 MB
NOTICE_SERIES_MAX = 512  # past this a page reads again what it shows, which is cheaper
NOTICE_RUNS_MAX = 512  # as for series: more runs than any page shows
LISTENERS_MAX = 256  # open tabs of a team; each costs a socket and a task
# What all listeners together are sent, in bytes a second: a tenth of a core. One that watches a
# few curves is told of each commit; 256 that watch thousands, once in a second.
STREAM_BYTES_PER_S = 20_000_000
PAUSE_S_MAX = 2.0  # between two notices of a listener, however many there are
HEARTBEAT_S = 15.0  # proxies and browsers give a silent connection up after thirty and more
RETRY_MS = 1000  # how long a browser waits before it comes back

Seen = Callable[[set[str]], Awaitable[set[str]]]
"""Says which of some runs somebody may hear of."""

HEARTBEAT = b":\n\n"
# The last thing that a stream says if it is the server that ends: come back in a moment.
FAREWELL = f"event: closing\nretry: {RETRY_MS}\ndata: {{}}\n\n".encode()


class Hub:
    """Takes announcements and tells them to any number of listeners.

    Owned by one event loop; publishing never waits for a listener.
    """

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)  # positions of another server mean nothing here
        self.position = 0
        self.closed = False
        self._watermark = 0
        self._lag_bytes = 0
        self._floor = 0  # the oldest position that can still be served by merging
        self._noticed: dict[str, int] = {}  # how often each thing changed that is only named
        self._ring: deque[Announcement] = deque()
        self._ring_names = 0
        self._listeners = 0
        self._moved = anyio.Event()
        self._ended = anyio.Event()
        self._cached: tuple[int, bytes] = (-1, b"")

    @property
    def listeners(self) -> int:
        """How many listen."""
        return self._listeners

    def publish(self, announcement: Announcement) -> None:
        """Tell all listeners what a commit changed. The views must show it already."""
        live = announcement.shelf == LIVE_SHELF
        if not (live or announcement.runs or announcement.reset):
            return  # a commit that says nothing new to anyone
        self.position += 1
        if len(announcement.runs) > NOTICE_RUNS_MAX:
            runs = announcement.runs[:NOTICE_RUNS_MAX]
            announcement = msgspec.structs.replace(announcement, runs=runs, truncated=True)
        self._ring.append(announcement)
        self._ring_names += _names(announcement)
        if live:
            self._watermark, self._lag_bytes = announcement.watermark, announcement.lag_bytes
        if live and announcement.reset:
            self._ring.clear()
            self._ring_names = 0
            self._floor = self.position
        while len(self._ring) > RING_CHANGES_MAX or self._ring_names > RING_NAMES_MAX:
            self._ring_names -= _names(self._ring.popleft())
            self._floor += 1
        self._wake()

    def publish_notice(self, kind: str) -> None:
        """Tell all listeners that something changed which they ask for by itself."""
        self._noticed[kind] = self._noticed.get(kind, 0) + 1
        self._wake()

    def close(self) -> None:
        """End all listeners; new ones end at once."""
        self.closed = True
        self._ended.set()
        self._wake()

    @contextmanager
    def listen(
        self, last_event_id: str | None = None, seen: Seen | None = None
    ) -> Iterator[Listener]:
        """Open a listener that goes on after `last_event_id`, or hears the last changes again.

        `seen` says which runs it may hear of, if not of all. Raises TooManyListeners.
        """
        if self._listeners >= LISTENERS_MAX:
            raise TooManyListeners
        self._listeners += 1
        try:
            yield Listener(self, self._place(last_event_id), seen)
        finally:
            self._listeners -= 1

    def since(self, position: int) -> bytes:
        """Return the event that brings a listener at `position` up to date."""
        if not self._floor <= position <= self.position:
            return self._event("reset", b"{}")
        if self._cached[0] != position * (1 << 40) + self.position:
            # Listeners that keep up all ask for the same step: it is written once.
            change = msgspec.json.encode(self._merged(self.position - position))
            event = self._event("change", change)
            self._cached = (position * (1 << 40) + self.position, event)
        return self._cached[1]

    async def seen_since(self, position: int, seen: Seen) -> bytes:
        """Return the event that brings a listener up to date who may not hear of all runs."""
        if not self._floor <= position <= self.position:
            return self._event("reset", b"{}")
        change = self._merged(self.position - position)
        runs = {*change.runs, *(one.run for one in change.series)}
        mine = await seen(runs.union(*change.shelves.values()))
        shelves = {
            shelf: kept
            for shelf, ids in change.shelves.items()
            if (kept := tuple(run for run in ids if run in mine))
        }
        told = msgspec.structs.replace(
            change,
            runs=tuple(run for run in change.runs if run in mine),
            series=tuple(one for one in change.series if one.run in mine),
            shelves=shelves,
        )
        if not (told.runs or told.series or told.shelves or told.truncated):
            return b""
        return self._event("change", msgspec.json.encode(told))

    def _event(self, kind: str, told: bytes) -> bytes:
        return f"event: {kind}\nid: {self.id}\ndata: {told.decode()}\n\n".encode()

    @property
    def id(self) -> str:
        """The id of the newest event."""
        return f"{self.epoch}-{self.position}"

    @property
    def noticed(self) -> dict[str, int]:
        """How often each thing changed that is only named, such as the health."""
        return dict(self._noticed)

    async def moved(self) -> None:
        """Wait for the next thing that happens."""
        await self._moved.wait()

    async def rest(self, length: int) -> None:
        """Wait for as long as a listener that was sent `length` bytes rests, or until the end."""
        with anyio.move_on_after(min(length * self._listeners / STREAM_BYTES_PER_S, PAUSE_S_MAX)):
            await self._ended.wait()

    def _place(self, last_event_id: str | None) -> int:
        if not last_event_id:
            # A page asks for its rows and opens its stream at the same time. A commit between the
            # two would never be told, so a new listener first hears what the ring still holds.
            return self._floor
        epoch, _, number = last_event_id.partition("-")
        if epoch != self.epoch or not (number.isascii() and number.isdigit()):
            return -1
        return int(number[:18])

    def _merged(self, count: int) -> Change:
        """Return the newest `count` changes as one: of each series only its newest point."""
        series: dict[int, SeriesDelta] = {}
        runs: dict[str, dict[str, None]] = {LIVE_SHELF: {}}  # by shelf
        truncated = False
        for announcement in islice(reversed(self._ring), count):
            # The views of another shelf that are made again void what was read of them alone.
            truncated |= announcement.truncated or announcement.reset
            for delta in reversed(announcement.series):
                series.setdefault(delta.id, delta)
            more = runs.setdefault(announcement.shelf, {})
            more.update(dict.fromkeys(announcement.runs))
            if len(series) > NOTICE_SERIES_MAX or len(more) > NOTICE_RUNS_MAX:
                truncated = True
                break
        told = {shelf: tuple(islice(ids, NOTICE_RUNS_MAX)) for shelf, ids in runs.items()}
        return Change(
            watermark=self._watermark,
            lag_bytes=self._lag_bytes,
            runs=told.pop(LIVE_SHELF),
            series=tuple(_told(delta) for delta in islice(series.values(), NOTICE_SERIES_MAX)),
            shelves={shelf: ids for shelf, ids in told.items() if ids},
            truncated=truncated,
        )

    def _wake(self) -> None:
        moved, self._moved = self._moved, anyio.Event()
        moved.set()


class Listener:
    """A position in the hub's changes."""

    def __init__(self, hub: Hub, position: int, seen: Seen | None = None) -> None:
        self._hub = hub
        self._seen = seen
        self._position = position
        self._noticed = hub.noticed
        self._sent = 0  # bytes, by the last call

    def greeting(self) -> bytes:
        """Return what a stream starts with.

        It carries an id but no data, so a browser that loses the stream before the first change
        knows where to go on all the same.
        """
        place = f"id: {self._hub.epoch}-{self._position}\n" if self._position >= 0 else ""
        return f"retry: {RETRY_MS}\n{place}\n".encode()

    async def next(self) -> bytes | None:
        """Return what to send next: events, or a heartbeat after a silence; None at the end."""
        await self._hub.rest(self._sent)
        with anyio.move_on_after(HEARTBEAT_S):
            while not self._due():
                await self._hub.moved()
        if self._hub.closed:
            return None
        events = b""
        if self._position != self._hub.position:
            position, self._position = self._position, self._hub.position
            if self._seen is None:
                events += self._hub.since(position)
            else:
                events += await self._hub.seen_since(position, self._seen)
        noticed = self._hub.noticed
        for kind, times in noticed.items():
            if times != self._noticed.get(kind):
                events += f"event: {kind}\ndata: {{}}\n\n".encode()
        self._noticed = noticed
        self._sent = len(events)
        return events or HEARTBEAT

    def _due(self) -> bool:
        hub = self._hub
        return hub.closed or self._position != hub.position or self._noticed != hub.noticed


def _names(announcement: Announcement) -> int:
    return len(announcement.series) + len(announcement.runs)


def _told(delta: SeriesDelta) -> SeriesChange:
    return SeriesChange(
        id=delta.id,
        run=delta.run,
        name=delta.name,
        context=delta.context,
        count=delta.count,
        step=delta.step,
        value=number(delta.value),
        time=delta.time,
    )
