"""The route of server-sent events."""

from __future__ import annotations

import socket
from functools import partial
from http import HTTPStatus

import anyio
from aiohttp import hdrs, web

from foldline_views.reachedviews import reachable

from ..errors import ApiFailure, TooManyListeners
from ..events import FAREWELL, HEARTBEAT_S, Listener
from ..gate import PRINCIPAL
from ..parts import GATE, HUB, views_of
from ..route import RouteTable
from ..wire import ApiError, Change, Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()
# A listener that takes nothing for this long is gone, whatever its socket says.
STALLED_S = 60.0
FAREWELL_S = 0.2  # of a server that ends: who does not take its last word does without
# What the system holds of a stream for a listener that is slow to read, in bytes. Left alone it
# would be megabytes each, and the listener would read minutes of old notices before a new one.
HELD_BYTES = 64 * 1024
EVENT_ID_CHARS_MAX = 64  # ours have under thirty


@ROUTES.add(
    "GET",
    "/events",
    scope="read",
    summary="Server-sent events: `change`, `reset`, `health`, `closing`; resumed by Last-Event-ID.",
    request=Nothing,
    response=Change,
    media="text/event-stream",
)
async def listen(request: web.Request, _: Nothing) -> web.StreamResponse:
    """Stream what changes until either side has enough."""
    last = request.headers.get("Last-Event-ID", "")[:EVENT_ID_CHARS_MAX]
    try:
        reach = request[PRINCIPAL].reach
        seen = None if reach.is_all else partial(reachable, views_of(request))
        with request.app[HUB].listen(last, seen) as listener:
            return await _stream(request, listener)
    except TooManyListeners:
        raise ApiFailure(
            HTTPStatus.SERVICE_UNAVAILABLE,
            ApiError(
                "too_many_listeners",
                "too many pages listen to this server",
                hint="close tabs that you do not need; the others go on",
            ),
            {hdrs.RETRY_AFTER: f"{HEARTBEAT_S:.0f}"},
        ) from None


async def _stream(request: web.Request, listener: Listener) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "text/event-stream"
    response.headers["X-Accel-Buffering"] = "no"  # else nginx holds events back
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HELD_BYTES)
    await response.prepare(request)
    piece: bytes | None = listener.greeting()
    try:
        while piece is not None:
            with anyio.fail_after(STALLED_S):
                await response.write(piece)
            piece = await listener.next()
            if not request.app[GATE].knows(request):
                piece = None  # signed out meanwhile, or the token was revoked
        with anyio.fail_after(FAREWELL_S):
            await response.write(FAREWELL)
    except (ConnectionResetError, TimeoutError):
        return response  # the listener is gone, which is how most streams end
    # The server ends: the connection is not for keeping.
    response.force_close()
    return response
