"""The routes by which a user's page is shown within ours."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path

import anyio.to_thread
from aiohttp import hdrs, web

from ..errors import ApiFailure
from ..route import RouteTable
from ..sandbox import FRAME, PAGE_SANDBOX
from ..wire import ApiError, Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()
HTML = "text/html"
SCRIPT = "text/javascript"


@ROUTES.add(
    "GET",
    "/frame",
    scope="read",
    summary="An empty page in a sandbox, which becomes the HTML that its parent posts to it.",
    request=Nothing,
    response=bytes,
    media=HTML,
)
async def get_frame(_: web.Request, __: Nothing) -> web.Response:
    """Answer a page without an origin, and without a way to anywhere."""
    headers = {"Content-Security-Policy": PAGE_SANDBOX, "X-Frame-Options": "SAMEORIGIN"}
    return web.Response(text=FRAME, content_type=HTML, headers=headers)


@ROUTES.add(
    "GET",
    "/plotly.js",
    scope="read",
    summary="The script that draws plotly's figures, where the server has plotly.",
    request=Nothing,
    response=bytes,
    media=SCRIPT,
)
async def get_plotly(_: web.Request, __: Nothing) -> web.StreamResponse:
    """Answer the script of the plotly that is installed beside the server."""
    script = await anyio.to_thread.run_sync(_plotly)
    if script is None:
        raise ApiFailure(
            HTTPStatus.NOT_IMPLEMENTED,
            ApiError(
                "not_installed",
                "plotly's figures are drawn by plotly, which the server does not have",
                hint="pip install plotly, where `foldline up` runs",
            ),
        )
    headers = {hdrs.CONTENT_TYPE: SCRIPT, hdrs.CACHE_CONTROL: "no-cache"}
    return web.FileResponse(script, headers=headers)


@cache
def _plotly() -> Path | None:
    """Return the file of plotly's script, without importing plotly, which takes a while."""
    found = find_spec("plotly")
    places = (found.submodule_search_locations if found else None) or ()
    scripts = (Path(place, "package_data", "plotly.min.js") for place in places)
    return next((script for script in scripts if script.is_file()), None)
