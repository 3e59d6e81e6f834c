"""The routes about runs."""

from __future__ import annotations

import msgspec
from aiohttp import hdrs, web

from foldline.ids import run_id
from foldline_views.answers import ColumnsPage, GroupsPage, RunsPage
from foldline_views.asked import Best, GroupOf, MetricOf
from foldline_views.portions import RunPortion

from ..parts import HUB, views_of
from ..route import JSON, RouteTable
from ..tables import ColumnsAsked, GroupsAsked
from ..wire import Nothing, RunsAsked
from ..words import check, group_sorts, sorts

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
    group = None if asked.group is None else GroupOf(list(asked.group.by), asked.group.id)
    if group is not None:
        check("group.by", group.by)
    check("columns", asked.columns or ())
    return await views_of(request).runs(
        asked.query,
        sort=sorts(asked.sort),
        limit=asked.limit,
        cursor=asked.cursor,
        group=group,
        text=asked.text,
        columns=asked.columns,
        metrics=[MetricOf(one.name, one.context) for one in asked.metrics],
        offset=asked.offset,
    )


@ROUTES.add(
    "POST",
    "/runs/groups",
    scope="read",
    summary="The runs that match in groups, with figures over all members.",
    request=GroupsAsked,
    response=GroupsPage,
)
async def group_runs(request: web.Request, asked: GroupsAsked) -> GroupsPage:
    """Answer one page of groups."""
    sort = group_sorts(asked.sort)
    best = None if asked.best is None else Best(asked.best.by, asked.best.goal)
    check("by", asked.by)
    check("columns", asked.columns)
    check("best", () if best is None else (best.by,))
    return await views_of(request).groups(
        asked.query,
        asked.by,
        columns=asked.columns,
        best=best,
        sort=sort,
        limit=asked.limit,
        cursor=asked.cursor,
    )


@ROUTES.add(
    "POST",
    "/runs/columns",
    scope="read",
    summary="The columns of the runs that match: kinds, ranges, counts of values.",
    request=ColumnsAsked,
    response=ColumnsPage,
)
async def find_columns(request: web.Request, asked: ColumnsAsked) -> ColumnsPage:
    """Answer one page of columns."""
    return await views_of(request).columns(
        asked.query,
        like=asked.like,
        sources=asked.sources,
        differing=asked.differing,
        values=asked.values,
        limit=asked.limit,
        cursor=asked.cursor,
    )


@ROUTES.add(
    "GET",
    "/runs/{id}",
    scope="read",
    summary="One run: settings, metrics, notes, error and writers; of what is large a part.",
    request=Nothing,
    response=RunPortion,
)
async def get_run(request: web.Request, _: Nothing) -> web.Response:
    """Answer a run; 304 if it ended and nothing was folded since the caller's copy."""
    run = await views_of(request).run(run_id(request.match_info["id"]))
    if run.status == "running":
        # Its duration moves with the clock, so a copy is never as good as an answer.
        return web.Response(body=msgspec.json.encode(run), content_type=JSON)
    tag = f"{request.app[HUB].epoch}-{run.watermark}"
    headers = {hdrs.ETAG: f'W/"{tag}"', hdrs.CACHE_CONTROL: "no-cache"}
    if any(known.value in {tag, "*"} for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=msgspec.json.encode(run), content_type=JSON, headers=headers)
