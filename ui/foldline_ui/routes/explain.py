"""The route that explains a query."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from foldline_views.explain import Explanation

from ..parts import views_of
from ..route import RouteTable
from ..wire import ExplainAsked

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "POST",
    "/explain",
    scope="read",
    summary="What a query compiles to, and what each part of it costs.",
    request=ExplainAsked,
    response=Explanation,
)
async def explain_query(request: web.Request, asked: ExplainAsked) -> Explanation:
    """Answer a query, and tell how that was done."""
    subject: Literal["run", "metric"] = "run" if asked.of == "runs" else "metric"
    return await views_of(request).explain(asked.query, subject=subject)
