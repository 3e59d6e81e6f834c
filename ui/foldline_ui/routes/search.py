"""The route that searches everything that runs say."""

from __future__ import annotations

from aiohttp import web

from foldline_views.searchpages import SearchPage

from ..parts import views_of
from ..questions import SearchAsked
from ..route import RouteTable

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/search",
    scope="read",
    summary="Where words stand in all that runs say: the best runs, with their best hits.",
    request=SearchAsked,
    response=SearchPage,
)
async def search_texts(request: web.Request, asked: SearchAsked) -> SearchPage:
    """Answer the runs in which a question is found."""
    return await views_of(request).search(asked.q, asked.query, limit=asked.limit, hits=asked.hits)
