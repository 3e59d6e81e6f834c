"""Who is let in, and as whom.

A route says what it asks of a caller, and the gate stands before all of them: whoever shows no
token gets no further. What a caller sees of the store is another matter: see `views_of`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from http import HTTPStatus

import anyio
import anyio.to_thread
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from foldline.errors import FoldlineError
from foldline.layout import Layout
from foldline_views.reach import EVERYTHING
from foldline_views.register import Watched

from . import sessions, tokens
from .allowance import REFUSED_S_MAX, Allowance, network_of, too_fast
from .audit import Audit, AuditEvent
from .errors import ApiFailure
from .principals import LOCAL, Principal, Scope
from .route import ASKED, Route
from .sessions import Session
from .tokens import Token
from .wire import ApiError

__all__ = ["PRINCIPAL", "Gate", "bad_token", "forbidden", "not_signed_in", "whole"]

log = logging.getLogger(__name__)

PRINCIPAL = web.RequestKey("PRINCIPAL", Principal)
"""Who asks; on every request that is answered by a route that asks for it."""

USED_S = 60.0  # between two notes of when tokens were used last: a disk is synced for each
BEARER = "bearer "


class Gate:
    """Lets in whoever shows a token of the store; without `asks`, everybody."""

    def __init__(self, layout: Layout, *, asks: bool = False) -> None:
        self.asks = asks
        self.audit = Audit(layout)
        self.layout = layout
        # By store, as cookies don't tell ports apart.
        named = hashlib.sha256(str(layout.root).encode("utf-8", "surrogateescape")).hexdigest()
        self.cookie = f"foldline_{named[:8]}"
        self._tokens = Watched(layout.tokens, lambda: tokens.read(layout))
        self._sessions = Watched(layout.sessions, lambda: sessions.read(layout))
        self._used: dict[str, float] = {}
        self._refusals = Allowance(REFUSED_S_MAX, 0)  # by network
        self._noting: set[asyncio.Future[None]] = set()

    # ------------------------------------------------------------------------------ who somebody is

    def of_token(self, text: str) -> Token | None:
        """Return the token that a text is, unless it has expired. Raises TokenRejected."""
        token = tokens.shown(self._tokens(), text)
        return None if token is None or token.is_over(time.time()) else token

    def of_session(self, session: Session) -> Principal | None:
        """Return whom a session acts for, None once that token is no more. Raises TokenRejected."""
        if not session.token:
            return Principal("admin", EVERYTHING, "owner", "", session.expires_at)
        for token in self._tokens().tokens:
            if token.id == session.token and not token.is_over(time.time()):
                ends = min(session.expires_at, token.expires_at or session.expires_at)
                who = token.principal
                return Principal(who.role, who.reach, who.name, who.token, ends)
        return None

    def known(self, request: web.Request) -> Principal | None:
        """Return who asks, or None if nobody is known who does.

        Raises ApiFailure for a token that is none: whoever shows one means to be asked for it.
        """
        if not self.asks:
            return LOCAL
        shown = request.headers.get(hdrs.AUTHORIZATION)
        if shown is not None:
            text = shown[len(BEARER) :].strip() if shown.lower().startswith(BEARER) else ""
            token = self.of_token(text)
            if token is None:
                raise self.refused(request, bad_token(), text)
            who = token.principal
        else:
            secret = request.cookies.get(self.cookie, "")
            session = sessions.find(self._sessions().sessions, secret) if secret else None
            found = None if session is None else self.of_session(session)
            if found is None:
                return None
            who = found
        if who.token:
            self._used[who.token] = time.time()
        return who

    def knows(self, request: web.Request) -> bool:
        """Say whether who asks is known still."""
        try:
            return self.known(request) is not None
        except ApiFailure:
            return False

    def admitted(self, request: web.Request, scope: Scope) -> Principal:
        """Return who asks. Raises ApiFailure unless they may have what the route is for."""
        who = self.known(request)
        if who is None:
            raise self.refused(request, not_signed_in())
        if not who.may(scope):
            raise forbidden(f"a {who.role} may not do this: it needs the right {scope!r}")
        return who

    def refused(
        self, request: web.Request, answer: ApiFailure, shown: str | None = None
    ) -> ApiFailure:
        """Return the answer to somebody who is not let in: to come later, if that is too often.

        Counted by the address that asks. Who is let in never gets here: others behind the same
        address go on. `shown` is what was no token, which is written down.
        """
        if (wait_s := self._refusals.wait_s(network_of(request.remote), 0)) > 0:
            return too_fast(
                "too much is asked from this address without a good token",
                "set FOLDLINE_TOKEN, or sign in; ask again after the seconds of Retry-After",
                wait_s,
            )
        if shown is not None:
            self._note_refused(request, shown)
        return answer

    # ------------------------------------------------------------------------------- what is noted

    def event(self, what: str, request: web.Request, who: Principal | None) -> AuditEvent:
        """Return an event of the audit, of somebody who asks."""
        event = AuditEvent(time.time(), what, address=request.remote or "")
        if who is not None:
            event.who, event.token = who.name, who.token
        return event

    def _note_refused(self, request: web.Request, text: str) -> None:
        """Note that somebody shows a token that is none, by the id that it would have."""
        event = self.event("refused", request, None)
        event.of = {"token": tokens.digest_of(text)[: tokens.ID_CHARS]} if text else {}
        # Nobody waits for the disk because somebody else has no token.
        noting = asyncio.get_running_loop().run_in_executor(None, self._write_refused, event)
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    def _write_refused(self, event: AuditEvent) -> None:
        try:
            self.audit.refused(event)
        except FoldlineError as error:
            log.error("%s", error)

    async def note(self, event: AuditEvent) -> None:
        """Write an event down; a disk that is full ends no request."""
        try:
            await anyio.to_thread.run_sync(self.audit.note, event)
        except FoldlineError as error:
            log.error("%s", error)

    async def run(self) -> None:
        """Note now and then when tokens were used last, until cancelled; then once more."""
        try:
            while True:
                await anyio.sleep(USED_S)
                await anyio.to_thread.run_sync(self.settle)
        finally:
            await asyncio.gather(*self._noting)
            self.settle()

    def settle(self) -> None:
        """Note when tokens were used last, since it was noted before."""
        used, self._used = self._used, {}
        if used:
            try:
                tokens.touch(self.layout, used)
            except FoldlineError as error:
                log.error("%s", error)

    def stand(self) -> Middleware:
        """Return the middleware that lets nobody past who is not let in."""

        @web.middleware
        async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
            route = getattr(request.match_info.handler, "__self__", None)
            if not isinstance(route, Route) or route.scope == "open":
                return await handler(request)
            who = request[PRINCIPAL] = self.admitted(request, route.scope)
            if route.scope not in {"write", "admin"}:
                return await handler(request)
            # Not given up halfway, should the caller go away: what is done is written down.
            return await asyncio.shield(done(request, handler, route, who))

        async def done(
            request: web.Request, handler: Handler, route: Route, who: Principal
        ) -> web.StreamResponse:
            answer = await handler(request)
            event = self.event(route.name, request, who)
            event.of = dict(request.match_info)
            event.asked = request.get(ASKED)
            await self.note(event)
            return answer

        return admit


def whole(request: web.Request) -> bool:
    """Say whether all experiments are within reach of who asks."""
    return request[PRINCIPAL].reach.is_all


def not_signed_in() -> ApiFailure:
    """Return the answer to somebody who says nothing of who they are."""
    return ApiFailure(
        HTTPStatus.UNAUTHORIZED,
        ApiError(
            "not_signed_in",
            "the server asks who you are",
            hint="open the address that `foldline token login` prints on the server's machine; "
            "programs set FOLDLINE_TOKEN",
        ),
        {hdrs.WWW_AUTHENTICATE: "Bearer"},
    )


def bad_token() -> ApiFailure:
    """Return the answer to a token that is none."""
    return ApiFailure(
        HTTPStatus.UNAUTHORIZED,
        ApiError(
            "bad_token",
            "the token is not known here: it was revoked, has expired, or is another server's",
            hint="`foldline token create`, on the server's machine, makes one",
        ),
        {hdrs.WWW_AUTHENTICATE: 'Bearer error="invalid_token"'},
    )


def forbidden(message: str) -> ApiFailure:
    """Return the answer to somebody who is known, and may not."""
    return ApiFailure(
        HTTPStatus.FORBIDDEN,
        ApiError(
            "forbidden",
            message,
            hint="ask whoever runs the server for another token; docs/auth.md lists the roles",
        ),
    )
