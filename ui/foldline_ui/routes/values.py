"""The routes about values that are no numbers."""

from __future__ import annotations

from aiohttp import web

from foldline.ids import run_id
from foldline_views.contents import RunsValuesPage, StepsPage, ValuesPage

from ..parts import views_of
from ..questions import RunsValuesAsked, StepsAsked, ValuesAsked
from ..route import RouteTable

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/runs/{id}/values",
    scope="read",
    summary="Images, sounds, texts and other values of a run, by sequence and step.",
    request=ValuesAsked,
    response=ValuesPage,
)
async def get_values(request: web.Request, asked: ValuesAsked) -> ValuesPage:
    """Answer one page of a run's values."""
    run = run_id(request.match_info["id"])
    return await views_of(request).values(run, asked.request())


@ROUTES.add(
    "GET",
    "/runs/{id}/values/steps",
    scope="read",
    summary="The steps at which a sequence of a run has values.",
    request=StepsAsked,
    response=StepsPage,
)
async def get_steps(request: web.Request, asked: StepsAsked) -> StepsPage:
    """Answer each step once, in order."""
    run = run_id(request.match_info["id"])
    return await views_of(request).steps(run, asked.request())


@ROUTES.add(
    "POST",
    "/values/search",
    scope="read",
    summary="Values of the runs that match a query, those of the newest run first.",
    request=RunsValuesAsked,
    response=RunsValuesPage,
)
async def search_values(request: web.Request, asked: RunsValuesAsked) -> RunsValuesPage:
    """Answer one page of values of many runs."""
    return await views_of(request).runs_values(asked.query, asked.request())
