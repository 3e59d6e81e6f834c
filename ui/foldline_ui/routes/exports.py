"""The route that gives runs away as a file."""

from __future__ import annotations

from http import HTTPStatus

import anyio.to_thread
from aiohttp import hdrs, web

from foldline.errors import ValueRejected
from foldline_views.asked import Best, ExportRequest
from foldline_views.export import MEDIA_TYPES, encoded

from ..errors import ApiFailure
from ..parts import views_of
from ..route import RouteTable
from ..tables import ExportAsked
from ..wire import ApiError
from ..words import check, group_sorts, sorts

__all__ = ["ROUTES"]

ROUTES = RouteTable()

SUFFIXES = {"csv": "csv", "json": "json", "jsonl": "jsonl", "parquet": "parquet", "latex": "tex"}


@ROUTES.add(
    "POST",
    "/runs/export",
    scope="read",
    summary="Runs, or groups of them, as a CSV, JSON, Parquet or LaTeX file.",
    request=ExportAsked,
    response=bytes,
    media="*/*",
)
async def export_runs(request: web.Request, asked: ExportAsked) -> web.StreamResponse:
    """Answer a file, as it is made; all of it is true for one commit."""
    check("columns", asked.columns)
    check("group_by", asked.group_by)
    best = None if asked.best is None else Best(asked.best.by, asked.best.goal)
    check("best", () if best is None else (best.by,))
    table = await views_of(request).export(
        ExportRequest(
            asked.query,
            sorts(asked.sort),
            list(asked.columns),
            list(asked.group_by),
            best,
            group_sorts(asked.group_sort, "group_sort"),
        )
    )
    try:
        parts = encoded(table, asked.format, spreadsheet=asked.spreadsheet)
    except ValueRejected as error:
        failure = ApiError("not_installed", error.message, hint=error.hint)
        raise ApiFailure(HTTPStatus.NOT_IMPLEMENTED, failure) from error
    name = f"runs.{SUFFIXES[asked.format]}"
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: MEDIA_TYPES[asked.format],
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"',
        }
    )
    await response.prepare(request)
    # In a thread: the table is ours, and a part of it takes milliseconds to be written.
    while (part := await anyio.to_thread.run_sync(next, parts, None)) is not None:
        await response.write(part)
    await response.write_eof()
    return response
