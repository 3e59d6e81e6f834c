"""The table of routes, and what each declares.

Nothing is served that is not in the table, and nothing enters the table without a scope, a summary
and the types of its request and its answer. The OpenAPI document is made from the same table, so
the two can't tell different stories.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar, get_args

import anyio
import msgspec
from aiohttp import web

from .errors import ApiFailure
from .principals import Scope
from .wire import ApiError, Nothing, Request

__all__ = ["ASKED", "Answer", "Route", "RouteTable", "Scope"]

API_PREFIX = "/api/v1"
JSON = "application/json"
BODY_BYTES_MAX = 1 << 20  # a frames request for 10,000 series by number is about 110 KB
BODY_TIMEOUT_S = 10.0  # a body of that size that takes longer is held open on purpose
SUMMARY_CHARS_MIN = 10  # a word alone says nothing

ASKED = web.RequestKey("ASKED", Request)
"""What is asked, once it was read."""

Asked = TypeVar("Asked", bound=Request)
Answer = Callable[[web.Request, Any], Awaitable[msgspec.Struct | web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One route: what it is, and the coroutine that answers it.

    Raises ValueError if a declaration is missing or empty.
    """

    method: str
    path: str
    scope: Scope
    summary: str
    request: type[Request]
    response: type
    media: str
    answer: Answer
    takes: str = JSON  # the media type of the body; if it is another, the address asks

    def __post_init__(self) -> None:
        """Refuse a route that does not say what it is."""
        where = f"{self.method} {self.path}"
        if self.scope not in get_args(Scope):
            raise ValueError(f"{where} declares no scope out of {', '.join(get_args(Scope))}")
        if len(self.summary) < SUMMARY_CHARS_MIN:
            raise ValueError(f"{where} declares no summary")
        if not issubclass(self.request, Request):
            raise ValueError(f"{where} declares no request type")
        if self.response is type(None):
            raise ValueError(f"{where} declares no response type")

    @property
    def name(self) -> str:
        """The name of the answering function: the operation's id."""
        return getattr(self.answer, "__name__", self.path)

    @property
    def asks_by_address(self) -> bool:
        """Whether what is asked stands behind the question mark, and not in the body."""
        return self.method == "GET" or self.takes != JSON

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Read what is asked, let the route answer, and write the answer."""
        if self.request is Nothing:
            asked: Request = Nothing()
        elif self.asks_by_address:
            asked = _query(request, self.request)
        else:
            asked = await _body(request, self.request)
        request[ASKED] = asked
        answer = await self.answer(request, asked)
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.Response(body=msgspec.json.encode(answer), content_type=JSON)


class RouteTable:
    """All routes of the API, in the order in which they are documented."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], Route] = {}

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes.values())

    def add(
        self,
        method: str,
        path: str,
        *,
        scope: Scope,
        summary: str,
        request: type[Request],
        response: type,
        media: str = JSON,
        takes: str = JSON,
    ) -> Callable[[Answer], Answer]:
        """Register the decorated coroutine; `path` is below /api/v1.

        Raises ValueError for a route that is incomplete or there already.
        """

        def register(answer: Answer) -> Answer:
            self._take(Route(method, path, scope, summary, request, response, media, answer, takes))
            return answer

        return register

    def include(self, other: RouteTable) -> None:
        """Take over the routes of another table. Raises ValueError for one that is there."""
        for route in other:
            self._take(route)

    def _take(self, route: Route) -> None:
        key = (route.method, route.path)
        if key in self._routes:
            raise ValueError(f"{route.method} {route.path} is registered twice")
        self._routes[key] = route

    def install(self, router: web.UrlDispatcher, prefix: str = "") -> None:
        """Let the router serve the table, below a prefix."""
        for route in self:
            router.add_route(route.method, prefix + API_PREFIX + route.path, route.serve)


def _query(request: web.Request, kind: type[Asked]) -> Asked:
    """Return what the part of the address behind the question mark asks."""
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise ApiFailure(
                HTTPStatus.BAD_REQUEST,
                ApiError(
                    "bad_request", f"`{name[:80]}` is there more than once", hint="say it once"
                ),
            )
    return msgspec.convert(dict(request.query), kind, strict=False)


async def _body(request: web.Request, kind: type[Asked]) -> Asked:
    if request.content_type != JSON:
        raise ApiFailure(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            ApiError(
                "unsupported_media_type",
                f"the body has the content type {request.content_type}",
                hint=f"send JSON, with the header Content-Type: {JSON}",
            ),
        )
    if request.headers.get("Content-Encoding", "identity") != "identity":
        # A few bytes can unpack to gigabytes; requests are small enough to travel as they are.
        raise ApiFailure(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            ApiError(
                "unsupported_media_type",
                "the body is compressed",
                hint="send it without Content-Encoding",
            ),
        )
    try:
        with anyio.fail_after(BODY_TIMEOUT_S):
            body = await request.read()
    except TimeoutError:
        raise ApiFailure(
            HTTPStatus.REQUEST_TIMEOUT,
            ApiError("timeout", f"the body did not arrive in {BODY_TIMEOUT_S:g} s"),
        ) from None
    try:
        return msgspec.json.decode(body, type=kind)
    except UnicodeDecodeError as error:  # which is none of msgspec's own errors
        raise msgspec.DecodeError("it is not UTF-8") from error
