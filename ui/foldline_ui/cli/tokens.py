"""The commands about tokens."""

from __future__ import annotations

import argparse
import time
from typing import Any
from urllib.parse import urlencode

from foldline.errors import StoreBusy
from foldline.layout import Layout, store_path

from .. import sessions, tokens
from ..audit import AuditEvent, write_down
from ..claim import published
from ..principals import ROLES
from ..tokens import Token
from .exits import Exit
from .terminal import say, say_json, table, when

__all__ = ["create", "list_tokens", "login", "login_address", "revoke"]

DAY_S = 86_400.0


def create(arguments: argparse.Namespace) -> Exit:
    """Make a token, and tell it this once."""
    layout = Layout(store_path(arguments.store))
    layout.create()  # so that a token is there before the server first starts
    expires_at = None if arguments.expires is None else time.time() + arguments.expires * DAY_S
    token, text = tokens.create(
        layout,
        arguments.scope,
        name=arguments.name,
        experiments=arguments.experiment or None,
        expires_at=expires_at,
    )
    _note(layout, "token_made", token)
    if arguments.json:
        say_json({**_told(token), "token": text})
        return Exit.DONE
    say(text)
    say(f"token {token.id} lets in a {ROLES[token.scope]}, for {_among(token)}, {_until(token)}")
    say("keep it now: it is told this once, and the store has nothing but its SHA-256")
    return Exit.DONE


def list_tokens(arguments: argparse.Namespace) -> Exit:
    """List the tokens of the store."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    found = tokens.read(layout).tokens
    if arguments.json:
        say_json({"tokens": [_told(token) for token in found]})
        return Exit.DONE
    rows = [
        (
            token.id,
            token.name or "-",
            token.scope,
            _among(token),
            _until(token),
            "never used" if token.used_at is None else when(token.used_at),
        )
        for token in found
    ]
    if rows:
        say(table(("TOKEN", "NAME", "SCOPE", "EXPERIMENTS", "ENDS", "LAST USED"), rows))
    else:
        say("there are no tokens; example: foldline token create --scope read")
    return Exit.DONE


def revoke(arguments: argparse.Namespace) -> Exit:
    """Remove a token: a server that runs refuses it from now on."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    token = tokens.revoke(layout, arguments.token)
    _note(layout, "token_revoked", token)
    if arguments.json:
        say_json({"revoked": token.id})
    else:
        say(f"token {token.id} is revoked, and whoever was signed in for it is signed out")
    return Exit.DONE


def login(arguments: argparse.Namespace) -> Exit:
    """Print an address by which a browser signs in, once."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    if arguments.token:
        tokens.of_id(tokens.read(layout), arguments.token)
    url = published(layout)
    if url is None:
        raise StoreBusy(
            f"no server serves the store {layout.root}",
            hint="`foldline up` prints such an address when it starts",
        )
    address = login_address(layout, url, arguments.token)
    if arguments.json:
        say_json({"url": address})
    else:
        say(f"{address}\ngood once, for {sessions.LOGIN_S / 60:.0f} minutes")
    return Exit.DONE


def login_address(layout: Layout, url: str, token: str = "") -> str:
    """Return an address of a server by which one signs in, for a token or as the owner."""
    return f"{url}api/v1/login?{urlencode({'code': sessions.offer(layout, token)})}"


def _note(layout: Layout, what: str, token: Token) -> None:
    of = {"token": token.id, "name": token.name, "scope": token.scope}
    write_down(layout, AuditEvent(time.time(), what, "owner", of=of, asked=token.experiments))


def _told(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "experiments": token.experiments,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
    }


def _among(token: Token) -> str:
    return "all experiments" if token.experiments is None else ", ".join(token.experiments)


def _until(token: Token) -> str:
    if token.expires_at is None:
        return "until it is revoked"
    if token.is_over(time.time()):
        return "expired"
    return f"until {when(token.expires_at)}"
