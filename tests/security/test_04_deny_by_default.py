"""Rule 4: what declares no scope is not served."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from aiohttp import web

from foldline_ui.route import API_PREFIX, Route, RouteTable, Scope
from foldline_ui.wire import Nothing
from tests.security.doors import doors
from tests.ui.fakes import Fake, serving


async def answer(_: web.Request, __: Nothing) -> web.Response:
    return web.Response()


@pytest.mark.parametrize(
    "lacking",
    [
        {"scope": ""},
        {"scope": None},
        {"scope": "all"},
        {"summary": ""},
        {"request": dict},
        {"response": type(None)},
    ],
)
def test_a_route_that_says_too_little_is_refused(lacking: dict[str, Any]) -> None:
    """A route enters the table with a scope of the list, a summary and its types, or not at all."""
    words: dict[str, Any] = {
        "scope": "read",
        "summary": "A route of this test.",
        "request": Nothing,
        "response": dict,
    }
    table = RouteTable()
    table.add("GET", "/good", **words)(answer)
    with pytest.raises((ValueError, TypeError)):
        table.add("GET", "/bad", **{**words, **lacking})(answer)
    assert [route.path for route in table] == ["/good"]
    with pytest.raises(TypeError):
        Route("GET", "/bad")  # type: ignore[call-arg] # a declaration has no defaults to forget


@pytest.mark.anyio
async def test_every_address_below_the_api_is_in_the_table(tmp_path: Path) -> None:
    """The router has the routes of the table, the pages, and nothing beside them."""
    fake = Fake(tmp_path)
    app = fake.app()
    declared = {(door.method, API_PREFIX + door.route.path) for door in doors()}
    async with serving(fake, app=app):
        served = {
            (route.method, route.resource.canonical)
            for route in app.router.routes()
            if route.resource is not None and route.method != "HEAD"
        }
    others = served - declared
    assert declared <= served
    assert len(others) == 1 and all(method == "GET" for method, _ in others)  # the pages
    assert not any(path.startswith("/api") for _, path in others)


def test_what_changes_something_is_no_mere_read() -> None:
    """PATCH and DELETE need more than the scope `read`, and a GET never changes anything."""
    assert {door.route.scope for door in doors()} <= set(get_args(Scope))
    mere = [door.path for door in doors() if door.method in {"PATCH", "DELETE", "PUT"}
            if door.route.scope == "read"]  # fmt: skip
    assert mere == []
