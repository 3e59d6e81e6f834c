"""The routes about runs."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from aiohttp import hdrs, web

from foldline.errors import QueryError
from foldline.ids import run_id
from foldline_views.answers import RunDetail, RunsPage, Sort
from foldline_views.query import sort_key

from ..errors import ApiFailure
from ..parts import HUB, READER
from ..route import JSON, RouteTable
from ..wire import ApiError, Nothing, RunsAsked, SortBy

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "POST",
    "/runs/search",
    scope="read",
    summary="The runs that match a query, sorted, a page at a time.",
    request=RunsAsked,
    response=RunsPage,
)
async def search_runs(request: web.Request, asked: RunsAsked) -> RunsPage:
    """Answer one page of runs."""
    return await request.app[READER].runs(
        asked.query,
        sort=[_sort(number, key) for number, key in enumerate(asked.sort)],
        limit=asked.limit,
        cursor=asked.cursor,
    )


@ROUTES.add(
    "GET",
    "/runs/{id}",
    scope="read",
    summary="One run whole: settings, metrics, notes, error and writers.",
    request=Nothing,
    response=RunDetail,
)
async def get_run(request: web.Request, _: Nothing) -> web.Response:
    """Answer a run; 304 if it ended and nothing was folded since the caller's copy."""
    run = await request.app[READER].run(run_id(request.match_info["id"]))
    if run.status == "running":
        # Its duration moves with the clock, so a copy is never as good as an answer.
        return web.Response(body=msgspec.json.encode(run), content_type=JSON)
    tag = f"{request.app[HUB].epoch}-{run.watermark}"
    headers = {hdrs.ETAG: f'W/"{tag}"', hdrs.CACHE_CONTROL: "no-cache"}
    if any(known.value in {tag, "*"} for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=msgspec.json.encode(run), content_type=JSON, headers=headers)


def _sort(number: int, key: SortBy) -> Sort:
    """Return a sort key that can be sorted by.

    Its mistakes are told apart from the query's: their place in the text is in another text.
    """
    try:
        sort_key(key.by)
    except QueryError as error:
        raise ApiFailure(
            HTTPStatus.BAD_REQUEST,
            ApiError("bad_sort", f"sort[{number}]: {error.message}", hint=error.hint or None),
        ) from error
    return Sort(key.by, key.desc)
