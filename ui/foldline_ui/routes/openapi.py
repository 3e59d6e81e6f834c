"""The route that describes all routes."""

from __future__ import annotations

from importlib.metadata import version

import msgspec
from aiohttp import web

from ..openapi import document
from ..parts import ROUTES as TABLE
from ..route import JSON, RouteTable
from ..wire import Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/openapi.json",
    scope="read",
    summary="This API as an OpenAPI 3.1 document.",
    request=Nothing,
    response=dict,
)
async def describe(request: web.Request, _: Nothing) -> web.Response:
    """Answer the document of the table that the server was built from."""
    text = msgspec.json.encode(document(request.app[TABLE], version("foldline")))
    return web.Response(body=msgspec.json.format(text), content_type=JSON)
