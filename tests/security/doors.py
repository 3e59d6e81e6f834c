"""Every way into the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from foldline_ui import routes
from foldline_ui.route import API_PREFIX, JSON, Route

__all__ = ["PAGES", "Door", "doors", "filled"]

# What is good in the place of each parameter of a path.
GOOD = {"id": "0k1", "run": "0k1", "writer": "w1", "sha256": "a" * 64}
PAGES = ("/", "/runs", "/assets/nope.js", "/api", "/api/v2/health")
PARAMETER = re.compile(r"\{(\w+)\}")


class Door(NamedTuple):
    """A method, a path without parameters, and the route that answers it."""

    method: str
    path: str
    route: Route

    @property
    def body(self) -> bytes | None:
        """The smallest body of the right kind."""
        if self.method == "GET":
            return None
        return b"{}" if self.route.takes == JSON else b""

    @property
    def headers(self) -> dict[str, str]:
        """The header that the body needs."""
        return {} if self.body is None else {"Content-Type": self.route.takes}


def doors() -> Iterator[Door]:
    """Yield each route with every parameter of its path filled in."""
    for route in routes.table():
        yield Door(route.method, filled(route.path), route)


def filled(path: str, **other: str) -> str:
    """Return the address of a route; `other` values may stand in the place of good ones."""
    return API_PREFIX + PARAMETER.sub(lambda found: (GOOD | other)[found[1]], path)
