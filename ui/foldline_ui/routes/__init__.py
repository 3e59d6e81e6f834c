"""All routes of the API in one table."""

from __future__ import annotations

from ..route import RouteTable
from . import blobs, events, explain, health, lines, openapi, runs, series, values

__all__ = ["table"]


def table() -> RouteTable:
    """Return a fresh table of all routes."""
    routes = RouteTable()
    for module in (health, runs, lines, values, blobs, series, explain, events, openapi):
        routes.include(module.ROUTES)
    return routes
