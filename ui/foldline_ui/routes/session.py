"""The routes by which browsers sign in and out."""

from __future__ import annotations

from http import HTTPStatus

import anyio.to_thread
import msgspec
from aiohttp import hdrs, web

from .. import sessions
from ..entrance import CodeAsked, SessionShown, SignedOut, TokenAsked
from ..errors import ApiFailure
from ..gate import PRINCIPAL, Gate, bad_token
from ..parts import GATE, PREFIX
from ..principals import LOCAL
from ..route import JSON, RouteTable
from ..sessions import Session
from ..wire import ApiError, Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/session",
    scope="any",
    summary="Who asks, and what they may; whether the server asks at all.",
    request=Nothing,
    response=SessionShown,
)
async def get_session(request: web.Request, _: Nothing) -> SessionShown:
    """Answer who is signed in."""
    return SessionShown.of(request[PRINCIPAL], auth=request.app[GATE].asks)


@ROUTES.add(
    "POST",
    "/session",
    scope="open",
    summary="Sign a browser in for a token; a cookie is set.",
    request=TokenAsked,
    response=SessionShown,
)
async def sign_in(request: web.Request, asked: TokenAsked) -> SessionShown | web.Response:
    """Answer who is signed in now."""
    gate = request.app[GATE]
    if not gate.asks:
        return SessionShown.of(LOCAL, auth=False)
    token = gate.of_token(asked.token.strip())
    if token is None:
        raise gate.refused(request, bad_token(), asked.token.strip())
    begun = await anyio.to_thread.run_sync(sessions.begin, gate.layout, token.id)
    return await _signed_in(request, gate, begun, web.Response(content_type=JSON))


@ROUTES.add(
    "DELETE",
    "/session",
    scope="open",
    summary="Sign the browser out.",
    request=Nothing,
    response=SignedOut,
)
async def sign_out(request: web.Request, _: Nothing) -> web.Response:
    """Answer that it is; whoever was not signed in is neither."""
    gate = request.app[GATE]
    answer = web.Response(body=msgspec.json.encode(SignedOut(gate.asks)), content_type=JSON)
    secret = request.cookies.get(gate.cookie, "")
    if gate.asks and secret:
        await anyio.to_thread.run_sync(sessions.end, gate.layout, secret)
        await gate.note(gate.event("signed_out", request, None))
        answer.del_cookie(gate.cookie, path=_path(request))
    return answer


@ROUTES.add(
    "GET",
    "/login",
    scope="open",
    summary="Sign a browser in by the code of an address, which is good once.",
    request=CodeAsked,
    response=bytes,
    media="text/html",
)
async def log_in(request: web.Request, asked: CodeAsked) -> web.Response:
    """Send the browser on to the pages, signed in."""
    gate = request.app[GATE]
    onwards = web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: _path(request)})
    if not gate.asks:
        return onwards
    begun = await anyio.to_thread.run_sync(sessions.redeem, gate.layout, asked.code)
    if begun is None:
        failure = ApiFailure(
            HTTPStatus.UNAUTHORIZED,
            ApiError(
                "bad_code",
                "the address was opened before, or is more than a quarter of an hour old",
                hint="`foldline token login`, on the server's machine, prints another",
            ),
        )
        raise gate.refused(request, failure, asked.code)
    return await _signed_in(request, gate, begun, onwards)


async def _signed_in(
    request: web.Request, gate: Gate, begun: tuple[Session, str], answer: web.Response
) -> web.Response:
    """Set the cookie, and note it; without a body the answer tells who is signed in."""
    session, secret = begun
    who = gate.of_session(session)
    if who is None:
        raise bad_token()
    if answer.content_type == JSON:
        answer.body = msgspec.json.encode(SessionShown.of(who, auth=True))
    answer.set_cookie(
        gate.cookie,
        secret,
        max_age=int(sessions.SESSION_S),
        path=_path(request),
        httponly=True,
        samesite="Strict",
        secure=request.scheme == "https",
    )
    await gate.note(gate.event("signed_in", request, who))
    return answer


def _path(request: web.Request) -> str:
    return request.app[PREFIX] + "/"
