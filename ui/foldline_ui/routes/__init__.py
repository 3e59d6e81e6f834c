"""All routes of the API in one table."""

from __future__ import annotations

from ..route import RouteTable
from . import events, health, openapi, runs, series

__all__ = ["table"]


def table() -> RouteTable:
    """Return a fresh table of all routes."""
    routes = RouteTable()
    for module in (health, runs, series, events, openapi):
        routes.include(module.ROUTES)
    return routes
