"""The routes of the page that one sees first."""

from __future__ import annotations

from aiohttp import web

from foldline_views.activity import ActivityPage
from foldline_views.home import HomePage

from ..parts import views_of
from ..questions import ActivityAsked, HomeAsked
from ..route import RouteTable

__all__ = ["ROUTES"]

ROUTES = RouteTable()
MINUTE_S = 60


@ROUTES.add(
    "GET",
    "/home",
    scope="read",
    summary="What runs, what ran last, and what wants somebody to look.",
    request=HomeAsked,
    response=HomePage,
)
async def home(request: web.Request, asked: HomeAsked) -> HomePage:
    """Answer what there is to see just now."""
    return await views_of(request).home(asked.limit)


@ROUTES.add(
    "GET",
    "/activity",
    scope="read",
    summary="On which days runs were created and points tracked.",
    request=ActivityAsked,
    response=ActivityPage,
)
async def activity(request: web.Request, asked: ActivityAsked) -> ActivityPage:
    """Answer the days on which something happened."""
    return await views_of(request).activity(asked.days, asked.offset_min * MINUTE_S)
