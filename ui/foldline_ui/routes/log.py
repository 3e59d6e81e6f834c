"""The routes by which other machines ship their logs."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from foldline.errors import SegmentRejected
from foldline.layout import SegmentName
from foldline_ingest.receiving import Receipt
from foldline_views.reachedviews import hides

from ..cargo import BINARY
from ..gate import PRINCIPAL
from ..parts import AFFILIATIONS, CARGO, RECEIVER, TALLY, views_of
from ..route import RouteTable
from ..shipments import Place
from ..wire import Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/log/{run}/{writer}",
    scope="ingest",
    summary="How far a segment of the log is here.",
    request=Nothing,
    response=Receipt,
)
async def get_receipt(request: web.Request, _: Nothing) -> Receipt:
    """Answer where to go on with a segment that is to be shipped."""
    await _check(request)
    return await request.app[CARGO].run(request.app[RECEIVER].receipt, _name(request))


@ROUTES.add(
    "POST",
    "/log/{run}/{writer}",
    scope="ingest",
    summary="Ship bytes of a segment of the log, from an offset on.",
    request=Place,
    response=Receipt,
    takes=BINARY,
)
async def ship(request: web.Request, asked: Place) -> Receipt:
    """Append what is not there yet; what is there must be the same."""
    await _check(request)
    data = await request.app[CARGO].read(request, asked)
    reach = request[PRINCIPAL].reach
    heed = None
    if not reach.is_all:
        heed = partial(request.app[AFFILIATIONS].heed, _name(request), reach.has)

    def take() -> Receipt:
        return request.app[RECEIVER].take(
            _name(request),
            asked.offset,
            data,
            host=asked.host,
            ended=asked.ended,
            whole=asked.whole,
            heed=heed,
        )

    # Not given up halfway, should the sender go away: what is logged is logged whole.
    receipt = await request.app[CARGO].run(take)
    request.app[TALLY].ship(len(data))
    return receipt


async def _check(request: web.Request) -> None:
    """Refuse what would be added to a run that who ships may not see."""
    run = request.match_info["run"]
    if await hides(views_of(request), run):
        raise SegmentRejected(
            f"the run {run} is of an experiment that your token is not for",
            hint="foldline token create --scope ingest --experiment ..., on the server",
        )


def _name(request: web.Request) -> SegmentName:
    return SegmentName(request.match_info["run"], request.match_info["writer"])
