"""The routes about what processes printed and said."""

from __future__ import annotations

from aiohttp import web

from foldline.ids import run_id
from foldline_views.contents import HitsPage, LinesPage, MessagesPage, StepAt, TimeAt

from ..parts import views_of
from ..questions import HitsAsked, LinesAsked, MessagesAsked, StepAsked, TimeAsked
from ..route import RouteTable

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/runs/{id}/lines",
    scope="read",
    summary="What the processes of a run printed, from any place on.",
    request=LinesAsked,
    response=LinesPage,
)
async def get_lines(request: web.Request, asked: LinesAsked) -> LinesPage:
    """Answer lines of one writer, or of all by time."""
    run = run_id(request.match_info["id"])
    return await views_of(request).lines(run, asked.request())


@ROUTES.add(
    "GET",
    "/runs/{id}/lines/search",
    scope="read",
    summary="The lines of a run that hold a text, as many as are found in a moment.",
    request=HitsAsked,
    response=HitsPage,
)
async def search_lines(request: web.Request, asked: HitsAsked) -> HitsPage:
    """Answer what was found so far; the cursor looks on."""
    run = run_id(request.match_info["id"])
    return await views_of(request).hits(run, asked.request())


@ROUTES.add(
    "GET",
    "/runs/{id}/messages",
    scope="read",
    summary="The messages of a run, of a level and above, by time.",
    request=MessagesAsked,
    response=MessagesPage,
)
async def get_messages(request: web.Request, asked: MessagesAsked) -> MessagesPage:
    """Answer one page of messages."""
    run = run_id(request.match_info["id"])
    return await views_of(request).messages(run, asked.request())


@ROUTES.add(
    "GET",
    "/runs/{id}/step",
    scope="read",
    summary="The step of a run that was current at a time, such as that of a line.",
    request=StepAsked,
    response=StepAt,
)
async def get_step(request: web.Request, asked: StepAsked) -> StepAt:
    """Answer the largest step that had been tracked then."""
    run = run_id(request.match_info["id"])
    return await views_of(request).step(run, asked.at, asked.series)


@ROUTES.add(
    "GET",
    "/runs/{id}/time",
    scope="read",
    summary="When a step of a run was tracked: the way from a chart to the lines.",
    request=TimeAsked,
    response=TimeAt,
)
async def get_time(request: web.Request, asked: TimeAsked) -> TimeAt:
    """Answer the time of the first point at a step, or behind it."""
    run = run_id(request.match_info["id"])
    return await views_of(request).time(run, asked.step, asked.series)
