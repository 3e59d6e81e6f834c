"""The routes about parts of one run."""

from __future__ import annotations

from aiohttp import web

from foldline.ids import run_id
from foldline_views.artifacts import VersionsPage
from foldline_views.captured import ArtifactsPage, CapturedPage
from foldline_views.lineage import LineagePage
from foldline_views.portions import ParamsPage, RunSeriesPage

from ..parts import views_of
from ..questions import ArtifactsAsked, ParamsAsked, RunSeriesAsked, VersionsAsked
from ..route import RouteTable
from ..wire import Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/runs/{id}/params",
    scope="read",
    summary="The params or the results of a run, a page at a time, or one of them whole.",
    request=ParamsAsked,
    response=ParamsPage,
)
async def get_params(request: web.Request, asked: ParamsAsked) -> ParamsPage:
    """Answer values at the ends of paths."""
    run = run_id(request.match_info["id"])
    return await views_of(request).params(run, asked.request())


@ROUTES.add(
    "GET",
    "/runs/{id}/series",
    scope="read",
    summary="The series of a run with their figures, a page at a time.",
    request=RunSeriesAsked,
    response=RunSeriesPage,
)
async def get_run_series(request: web.Request, asked: RunSeriesAsked) -> RunSeriesPage:
    """Answer series in the order in which they were defined."""
    run = run_id(request.match_info["id"])
    return await views_of(request).run_series(run, asked.request())


@ROUTES.add(
    "GET",
    "/runs/{id}/captured",
    scope="read",
    summary="Git, packages, sources, machine and environment of a run's processes.",
    request=Nothing,
    response=CapturedPage,
)
async def get_captured(request: web.Request, _: Nothing) -> CapturedPage:
    """Answer what was captured of each process."""
    return await views_of(request).captured(run_id(request.match_info["id"]))


@ROUTES.add(
    "GET",
    "/runs/{id}/lineage",
    scope="read",
    summary="The runs that a run goes on from, and those that go on from it.",
    request=Nothing,
    response=LineagePage,
)
async def get_lineage(request: web.Request, _: Nothing) -> LineagePage:
    """Answer a tree of forks."""
    return await views_of(request).lineage(run_id(request.match_info["id"]))


@ROUTES.add(
    "GET",
    "/runs/{id}/artifacts",
    scope="read",
    summary="What a run made and used, with the files of each version.",
    request=ArtifactsAsked,
    response=ArtifactsPage,
)
async def get_artifacts(request: web.Request, asked: ArtifactsAsked) -> ArtifactsPage:
    """Answer versions of artifacts."""
    run = run_id(request.match_info["id"])
    return await views_of(request).artifacts(run, asked.request())


@ROUTES.add(
    "GET",
    "/artifacts",
    scope="read",
    summary="The versions of the store's artifacts, and which runs made and used them.",
    request=VersionsAsked,
    response=VersionsPage,
)
async def get_versions(request: web.Request, asked: VersionsAsked) -> VersionsPage:
    """Answer versions by name and number."""
    return await views_of(request).versions(asked.name, asked.limit, asked.cursor)
