"""What a server has answered, counted.

Only what routes are called is kept, and never what was asked of them: so neither a token nor a
word of a user gets into what is counted and logged, and there are no more counts than routes.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

import anyio
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .exposition import Histogram
from .logbook import requests_log
from .route import API_PREFIX

__all__ = ["Asked", "Tally"]

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
PAGES = "pages"  # whatever is no part of the API: the front end's files
NOTHING = "none"  # nothing is there
LEFT = 499  # as nginx calls it: whoever asked went away before the answer


class Asked(NamedTuple):
    """What was asked, as far as it is kept."""

    method: str
    route: str


class Tally:
    """The counts of one server, from its start on."""

    def __init__(self) -> None:
        self.started_at = time.time()
        self.in_flight = 0
        self.answers: Counter[tuple[Asked, int]] = Counter()  # by status
        self.seconds: dict[Asked, Histogram] = {}
        self.shipped_bytes = 0  # of logs and blobs, unpacked
        self.shipped_pieces = 0
        self._idle: anyio.Event | None = None

    def ship(self, size: int) -> None:
        """Count a piece of a log or a blob that was taken."""
        self.shipped_bytes += size
        self.shipped_pieces += 1

    async def answered(self) -> None:
        """Wait until nothing is left to be answered."""
        self._idle = anyio.Event()
        if self.in_flight:
            await self._idle.wait()

    def count(self) -> Middleware:
        """Return the middleware that counts; it stands before all that may refuse."""

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            asked, start, status = _asked(request), time.perf_counter(), LEFT
            self.in_flight += 1
            response: web.StreamResponse | None = None
            try:
                response = await handler(request)
                status = response.status
            finally:
                self.in_flight -= 1
                self._note(asked, status, time.perf_counter() - start, response)
                if self._idle is not None and not self.in_flight:
                    self._idle.set()
            return response

        return counted

    def _note(
        self, asked: Asked, status: int, seconds: float, response: web.StreamResponse | None
    ) -> None:
        self.answers[asked, status] += 1
        # A stream takes as long as its page is open, which says nothing of the server.
        if response is None or response.content_type != "text/event-stream":
            self.seconds.setdefault(asked, Histogram()).add(seconds)
        requests_log.info(
            "%s %s %d %.1f ms",
            asked.method,
            asked.route,
            status,
            seconds * 1e3,
            extra={
                "event": "request",
                "told": {
                    "method": asked.method,
                    "route": asked.route,
                    "status": status,
                    "ms": round(seconds * 1e3, 1),
                },
            },
        )


def _asked(request: web.Request) -> Asked:
    resource = request.match_info.route.resource
    method = request.method if request.method in METHODS else "other"
    if resource is None:
        return Asked(method, NOTHING)
    _, api, path = resource.canonical.partition(API_PREFIX)
    return Asked(method, path if api else PAGES)
