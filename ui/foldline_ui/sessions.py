"""Browsers that are signed in, or soon will be.

Both stand in `sessions.json` of the store, by their SHA-256 alone. An address is good once. Either
acts for a token, or for the owner of the store, and is worth nothing once that token is revoked.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from foldline.layout import Layout
from foldline_views import register

from .errors import TokenRejected
from .tokens import digest_of, random_text

__all__ = [
    "LOGIN_S",
    "SESSION_S",
    "Login",
    "Session",
    "Sessions",
    "begin",
    "end",
    "find",
    "offer",
    "read",
    "redeem",
]

SESSION_S = 14 * 86_400.0  # after two weeks one signs in again
LOGIN_S = 15 * 60.0  # an address is opened at once, or lies in a terminal for others to find
SESSIONS_MAX = 1000  # browsers that are signed in: beyond it the oldest signs in again
SESSIONS_EACH_MAX = 50  # of one token: who signs in again and again signs out nobody else
LOGINS_MAX = 100  # addresses that nobody has opened yet: beyond it the oldest is void
FILE_BYTES_MAX = 1 << 20  # of sessions.json: as many of both have 200 KB


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address that was handed out and not opened yet."""

    digest: str
    token: str  # for which one is signed in, by its id; "" is the owner of the store
    expires_at: float


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A browser that is signed in."""

    digest: str
    token: str
    created_at: float
    expires_at: float


class Sessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a store, the oldest first."""

    logins: list[Login] = []
    sessions: list[Session] = []


Kept = TypeVar("Kept", Login, Session)


def offer(layout: Layout, token: str = "") -> str:
    """Return a code with which one signs in, once. Raises StoreUnwritable."""
    code = random_text()
    with _changing(layout) as kept:
        kept.logins.append(Login(digest_of(code), token, time.time() + LOGIN_S))
    return code


def redeem(layout: Layout, code: str) -> tuple[Session, str] | None:
    """Sign in by a code, which is good no more: the session and its secret, or None.

    Raises StoreUnwritable.
    """
    if find(read(layout).logins, code) is None:
        return None  # without a lock: whoever guesses waits for nobody, and nobody for them
    with _changing(layout) as kept:
        login = find(kept.logins, code)
        if login is None:
            return None
        kept.logins.remove(login)
        return _begun(kept, login.token)


def begin(layout: Layout, token: str) -> tuple[Session, str]:
    """Sign in for a token: the session and its secret. Raises StoreUnwritable."""
    with _changing(layout) as kept:
        return _begun(kept, token)


def end(layout: Layout, secret: str) -> None:
    """End a session, if there is one. Raises StoreUnwritable."""
    if find(read(layout).sessions, secret) is None:
        return
    with _changing(layout) as kept:
        if (session := find(kept.sessions, secret)) is not None:
            kept.sessions.remove(session)


def read(layout: Layout) -> Sessions:
    """Return what there is. Raises TokenRejected if the file says something else."""
    try:
        return register.read(layout.sessions, Sessions, FILE_BYTES_MAX)
    except ValueError as error:
        raise TokenRejected(
            f"the sessions in {layout.sessions} are wrong: {error}",
            hint="move the file away: everybody signs in again",
        ) from error


def find(among: Sequence[Kept], secret: str) -> Kept | None:
    """Return what a secret is of and has not expired; it takes as long whichever it is."""
    digest, now = digest_of(secret), time.time()
    found = None
    for one in among:
        if hmac.compare_digest(one.digest, digest) and one.expires_at > now:
            found = one
    return found


def _begun(kept: Sessions, token: str) -> tuple[Session, str]:
    secret, now = random_text(), time.time()
    session = Session(digest_of(secret), token, now, now + SESSION_S)
    kept.sessions.append(session)
    mine = [one for one in kept.sessions if one.token == token]
    for one in mine[:-SESSIONS_EACH_MAX]:
        kept.sessions.remove(one)
    return session, secret


@contextmanager
def _changing(layout: Layout) -> Iterator[Sessions]:
    with register.alone(layout, "sessions"):
        now = time.time()
        there = read(layout)
        kept = Sessions(
            [login for login in there.logins if login.expires_at > now],
            [session for session in there.sessions if session.expires_at > now],
        )
        yield kept
        shortened = Sessions(kept.logins[-LOGINS_MAX:], kept.sessions[-SESSIONS_MAX:])
        register.replace(layout.sessions, shortened)
