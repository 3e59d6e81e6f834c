"""The routes by which other machines ship their logs."""

from __future__ import annotations

from aiohttp import web

from foldline.errors import SegmentRejected
from foldline.layout import SegmentName
from foldline_ingest.footprint import FILE_BYTES
from foldline_ingest.receiving import Receipt
from foldline_views.reachedviews import hides

from ..cargo import BINARY
from ..gate import PRINCIPAL
from ..parts import AFFILIATIONS, BUDGET, CARGO, RECEIVER, TALLY, views_of
from ..route import RouteTable
from ..shipments import Place
from ..wire import Nothing

__all__ = ["ROUTES", "check"]

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
    await check(request, request.match_info["run"])
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
    await check(request, request.match_info["run"])
    data = await request.app[CARGO].read(request, asked)
    reach, name = request[PRINCIPAL].reach, _name(request)
    budget = request.app[BUDGET]

    def take() -> Receipt:
        with budget.account(name.run) as count:

            def heed(logged: int, fresh: bytes) -> None:
                if not reach.is_all:
                    request.app[AFFILIATIONS].heed(name, reach.has, logged, fresh)
                if not logged:
                    budget.learn(name, fresh)
                count(len(fresh) + (0 if logged else FILE_BYTES))

            return request.app[RECEIVER].take(
                name,
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


async def check(request: web.Request, run: str) -> None:
    """Refuse what would be added to a run that who ships may not see."""
    if await hides(views_of(request), run):
        raise SegmentRejected(
            f"the run {run} is of an experiment that your token is not for",
            hint="foldline token create --scope ingest --experiment ..., on the server",
        )


def _name(request: web.Request) -> SegmentName:
    return SegmentName(request.match_info["run"], request.match_info["writer"])
