"""Connections, and how long each may keep us waiting.

A connection costs a descriptor and some memory, whether or not anything comes over it. One that
asks nothing is closed after a while, and so is one whose other end takes nothing of its answer.
"""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import anyio
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

__all__ = ["Connections", "raise_descriptors"]

log = logging.getLogger(__name__)

HEAD_S_MAX = 10.0  # from a connection to the end of its first question's head: 16 KB, and a key
IDLE_S_MAX = 30.0  # between an answer and the end of the next head; pages ask again, if need be
STALLED_S_MAX = 60.0  # in which nothing of an answer is taken: a phone in a tunnel is back sooner
DESCRIPTORS_MAX = 65_536  # that a server asks the system for: a connection takes some 10 KB
CONNECTIONS_SHARE = 0.75  # of the descriptors that there are; the rest is for files
LOOK_S = 1.0  # between two looks at all connections


@dataclass
class _Seen:
    """What is known of one connection."""

    since: float
    waits: int = 0  # bytes that its other end has not taken
    moved: float = 0.0  # when that number was last another


class Connections:
    """All connections of a server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[web.RequestHandler, _Seen] = {}
        self._heard: set[web.RequestHandler] = set()  # those that have asked something
        self._told = False
        self.limit = int(_descriptors() * CONNECTIONS_SHARE)

    @property
    def count(self) -> int:
        """How many there were at the last look."""
        return len(self._seen)

    def hear(self) -> Middleware:
        """Return the middleware that notes who has asked something."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._heard.add(request.protocol)
            return await handler(request)

        return note

    async def watch(self, server: web.Server) -> None:
        """Close what keeps us waiting, until cancelled."""
        while True:
            self.look(server.connections)
            await anyio.sleep(LOOK_S)

    def look(self, connections: list[web.RequestHandler]) -> None:
        """Close those of all connections that keep us waiting, or are too many."""
        now = self._clock()
        self._seen = {one: self._seen.get(one) or _Seen(now, moved=now) for one in connections}
        self._heard.intersection_update(self._seen)
        mute = [one for one in connections if one not in self._heard]
        over = len(connections) - self.limit
        if over > 0 and not self._told:
            log.warning("%d connections at once: the oldest are closed", len(connections))
        self._told = over > 0
        # Those that have asked nothing go first, then the oldest; a dict keeps their order.
        for one in list(dict.fromkeys([*mute, *self._seen]))[: max(over, 0)]:
            _cut(one)
        for one in mute:
            if now - self._seen[one].since > HEAD_S_MAX:
                _cut(one)
        for one in self._heard:
            seen = self._seen[one]
            waits = 0 if one.transport is None else one.transport.get_write_buffer_size()
            if waits != seen.waits or not waits:
                seen.waits, seen.moved = waits, now
            elif now - seen.moved > STALLED_S_MAX:
                _cut(one)


def _cut(connection: web.RequestHandler) -> None:
    """Let go of a connection at once: who reads nothing would not read to the end either."""
    if connection.transport is not None:
        connection.transport.abort()


def raise_descriptors() -> None:
    """Ask the system for as many descriptors as a server needs, or as it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS allows fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _descriptors() -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return DESCRIPTORS_MAX if limit == resource.RLIM_INFINITY else min(limit, DESCRIPTORS_MAX)
