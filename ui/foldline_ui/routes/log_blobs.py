"""The routes by which other machines ship their blobs."""

from __future__ import annotations

from aiohttp import web

from foldline_ingest.incoming import lacking, take_blob

from ..cargo import BINARY
from ..parts import BUDGET, CARGO, LAYOUT, TALLY
from ..route import RouteTable
from ..shipments import BlobPiece, BlobReceipt, Digests, Lacking
from .log import check

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "POST",
    "/blobs/lacking",
    scope="ingest",
    summary="Which blobs out of a list are not here.",
    request=Digests,
    response=Lacking,
)
async def which_are_lacking(request: web.Request, asked: Digests) -> Lacking:
    """Answer what is to be sent before the events that name it."""
    layout = request.app[LAYOUT]
    return Lacking(await request.app[CARGO].run(lacking, layout, asked.digests))


@ROUTES.add(
    "POST",
    "/blobs/{sha256}",
    scope="ingest",
    summary="Ship bytes of a blob, from an offset on.",
    request=BlobPiece,
    response=BlobReceipt,
    takes=BINARY,
)
async def ship_blob(request: web.Request, asked: BlobPiece) -> BlobReceipt:
    """Keep them; the last ones are checked against the name, with all others."""
    await check(request, asked.run)
    data = await request.app[CARGO].read(request, asked)

    def take() -> int:
        with request.app[BUDGET].account(asked.run) as count:
            return take_blob(
                request.app[LAYOUT],
                request.match_info["sha256"],
                asked.offset,
                data,
                asked.whole,
                run=asked.run,
                heed=count,
            )

    received = await request.app[CARGO].run(take)
    request.app[TALLY].ship(len(data))
    return BlobReceipt(received)
