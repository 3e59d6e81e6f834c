"""The routes by which other machines ship their logs."""

from __future__ import annotations

from aiohttp import web

from foldline.layout import SegmentName
from foldline_ingest.receiving import Receipt

from ..cargo import BINARY
from ..parts import CARGO, RECEIVER
from ..route import RouteTable
from ..shipments import Place
from ..wire import Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/log/{run}/{writer}",
    scope="write",
    summary="How far a segment of the log is here.",
    request=Nothing,
    response=Receipt,
)
async def get_receipt(request: web.Request, _: Nothing) -> Receipt:
    """Answer where to go on with a segment that is to be shipped."""
    return await request.app[CARGO].run(request.app[RECEIVER].receipt, _name(request))


@ROUTES.add(
    "POST",
    "/log/{run}/{writer}",
    scope="write",
    summary="Ship bytes of a segment of the log, from an offset on.",
    request=Place,
    response=Receipt,
    takes=BINARY,
)
async def ship(request: web.Request, asked: Place) -> Receipt:
    """Append what is not there yet; what is there must be the same."""
    data = await request.app[CARGO].read(request, asked)

    def take() -> Receipt:
        return request.app[RECEIVER].take(
            _name(request),
            asked.offset,
            data,
            host=asked.host,
            ended=asked.ended,
            whole=asked.whole,
        )

    # Not given up halfway, should the sender go away: what is logged is logged whole.
    return await request.app[CARGO].run(take)


def _name(request: web.Request) -> SegmentName:
    return SegmentName(request.match_info["run"], request.match_info["writer"])
