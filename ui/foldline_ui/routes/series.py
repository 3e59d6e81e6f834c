"""The routes about series and their points."""

from __future__ import annotations

from aiohttp import web

from foldline.ids import run_id
from foldline_views.answers import SeriesPage
from foldline_views.asked import FramesRequest

from ..parts import views_of
from ..questions import PointsAsked
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
    return await views_of(request).series(
        asked.query, limit=asked.limit, offset=asked.offset, columns=asked.columns
    )


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
    """Answer many curves at once."""
    frames = await views_of(request).frames(
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
    return await _sent(request, frames)


@ROUTES.add(
    "GET",
    "/runs/{id}/points",
    scope="read",
    summary="All points of one series as they were tracked, as numpy's archive.",
    request=PointsAsked,
    response=bytes,
    media=BINARY,
)
async def get_points(request: web.Request, asked: PointsAsked) -> web.StreamResponse:
    """Answer up to a million points, four arrays of floats."""
    run = run_id(request.match_info["id"])
    return await _sent(request, await views_of(request).points(run, asked.request()))


async def _sent(request: web.Request, data: bytes) -> web.StreamResponse:
    """Send bytes piece by piece: megabytes neither block the loop nor get copied."""
    response = web.StreamResponse()
    response.content_type = BINARY
    response.content_length = len(data)
    await response.prepare(request)
    view = memoryview(data)
    for start in range(0, len(data), PIECE_BYTES):
        # Waits while the client is slower than we are; ends by an exception if it went away.
        await response.write(view[start : start + PIECE_BYTES])
    await response.write_eof()
    return response
