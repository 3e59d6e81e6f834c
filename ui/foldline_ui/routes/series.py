"""The routes about series and their points."""

from __future__ import annotations

from aiohttp import web

from foldline_views.answers import SeriesPage
from foldline_views.asked import FramesRequest

from ..parts import READER
from ..route import RouteTable
from ..wire import FramesAsked, SeriesAsked

__all__ = ["ROUTES"]

ROUTES = RouteTable()
BINARY = "application/octet-stream"
# What is handed to the socket at a time: enough to fill it, and little to copy when it is full.
PIECE_BYTES = 256 << 10


@ROUTES.add(
    "POST",
    "/series/search",
    scope="read",
    summary="The series that match a query, with summaries and their runs.",
    request=SeriesAsked,
    response=SeriesPage,
)
async def search_series(request: web.Request, asked: SeriesAsked) -> SeriesPage:
    """Answer the series that match."""
    return await request.app[READER].series(asked.query, limit=asked.limit)


@ROUTES.add(
    "POST",
    "/series/frames",
    scope="read",
    summary="The points of many series as binary columns.",
    request=FramesAsked,
    response=bytes,
    media=BINARY,
)
async def get_frames(request: web.Request, asked: FramesAsked) -> web.StreamResponse:
    """Send the columns piece by piece: megabytes neither block the loop nor get copied."""
    frames = await request.app[READER].frames(
        FramesRequest(
            query=asked.query,
            ids=None if asked.ids is None else list(asked.ids),
            x=asked.x,
            points=asked.points,
            range=asked.range,
            columns=asked.columns,
            expressions=asked.expressions,
            aggregate=asked.aggregate,
            smooth=asked.smooth,
            inherit=asked.inherit,
        )
    )
    response = web.StreamResponse()
    response.content_type = BINARY
    response.content_length = len(frames)
    await response.prepare(request)
    view = memoryview(frames)
    for start in range(0, len(frames), PIECE_BYTES):
        # Waits while the client is slower than we are; ends by an exception if it went away.
        await response.write(view[start : start + PIECE_BYTES])
    await response.write_eof()
    return response
