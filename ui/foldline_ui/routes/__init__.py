"""All routes of the API in one table."""

from __future__ import annotations

from ..route import RouteTable
from . import (
    alerts,
    blobs,
    bookmarks,
    edits,
    events,
    explain,
    exports,
    frames,
    health,
    home,
    lines,
    log,
    log_blobs,
    metrics,
    openapi,
    parts,
    runs,
    search,
    series,
    session,
    tags,
    values,
)

__all__ = ["table"]


def table() -> RouteTable:
    """Return a fresh table of all routes."""
    routes = RouteTable()
    modules = (
        session,
        health,
        home,
        runs,
        parts,
        exports,
        edits,
        search,
        lines,
        values,
        blobs,
        log,
        log_blobs,
        frames,
        series,
        explain,
        alerts,
        bookmarks,
        tags,
        events,
        metrics,
        openapi,
    )
    for module in modules:
        routes.include(module.ROUTES)
    return routes
