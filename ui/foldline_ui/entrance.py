"""What travels over HTTP about signing in."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from .principals import MAY, Principal, Role, Scope
from .wire import Request

__all__ = ["CodeAsked", "SessionShown", "SignedOut", "TokenAsked"]

SECRET_CHARS_MAX = 200  # ours have 53

Secret = Annotated[str, Meta(max_length=SECRET_CHARS_MAX)]


class TokenAsked(Request, frozen=True):
    """The token for which a browser is to be signed in."""

    token: Secret


class CodeAsked(Request, frozen=True):
    """The code that an address to sign in by has."""

    code: Secret


class SessionShown(msgspec.Struct, frozen=True):
    """Who asks, and what they may."""

    auth: bool  # whether the server asks who one is; if not, everybody may all
    role: Role
    may: list[Scope]  # what routes ask for: read, ingest, write, admin
    experiments: list[str] | None  # within which; None is all, those to come among them
    name: str  # of the token
    expires_at: float | None  # unix seconds, when one has to sign in again

    @classmethod
    def of(cls, who: Principal, *, auth: bool) -> SessionShown:
        """Return what is told to somebody of themselves."""
        among = who.reach.experiments
        experiments = None if among is None else sorted(among)
        return cls(auth, who.role, list(MAY[who.role]), experiments, who.name, who.expires_at)


class SignedOut(msgspec.Struct, frozen=True):
    """Whether a browser is signed out."""

    signed_out: bool
