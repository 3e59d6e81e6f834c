"""The grammar of the commands about who is let in."""

from __future__ import annotations

import argparse
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import get_args

from ..principals import TokenScope
from .command import Commands, add, add_group
from .verbs import days

__all__ = ["add_access", "add_entrance"]

Network = IPv4Network | IPv6Network

EVENTS_DEFAULT = 50  # of the audit: what fits a terminal


def add_access(commands: Commands) -> None:
    """Add `foldline token` and `foldline audit`."""
    verbs = add_group(
        commands,
        "token",
        "who is let in: create, list and revoke tokens, sign in",
        "foldline token create --scope read --experiment mnist",
    )
    making = add(
        verbs,
        "create",
        "make a token, and print it once",
        "foldline token create --scope ingest --experiment mnist --expires 30d",
    )
    making.add_argument(
        "--scope", required=True, choices=get_args(TokenScope), help="what it is for"
    )
    making.add_argument(
        "--experiment",
        action="append",
        default=[],
        metavar="NAME",
        help="only within this one; may be said again; without it, within all",
    )
    making.add_argument(
        "--expires", type=days, metavar="TIME", help="good for so long, as 30d or 12h"
    )
    making.add_argument("--name", default="", help="whose it is, for lists")
    making.set_defaults(module="tokens", function="create")
    listing = add(verbs, "ls", "list the tokens of the store", "foldline token ls")
    listing.set_defaults(module="tokens", function="list_tokens")
    revoking = add(verbs, "revoke", "refuse a token from now on", "foldline token revoke 1f0c22ab")
    revoking.add_argument("token", metavar="ID", help="as `token ls` lists it")
    revoking.set_defaults(module="tokens", function="revoke")
    entering = add(
        verbs, "login", "print an address by which a browser signs in", "foldline token login"
    )
    entering.add_argument(
        "token",
        metavar="ID",
        nargs="?",
        default="",
        help="for this token; without it, as the owner of the store, who may all",
    )
    entering.set_defaults(module="tokens", function="login")
    auditing = add(
        commands, "audit", "list who signed in, was refused, and changed what", "foldline audit"
    )
    auditing.add_argument(
        "--limit", type=int, default=EVENTS_DEFAULT, metavar="N", help="the last N (%(default)s)"
    )


def add_entrance(command: argparse.ArgumentParser) -> None:
    """Add the options of `foldline up` by which others get in."""
    command.add_argument("--auth", action="store_true", help="ask for a token on loopback, too")
    command.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a name that the server is reached by; may be said again",
    )
    command.add_argument(
        "--cert", metavar="FILE", help="serve https with this certificate, a PEM file"
    )
    command.add_argument("--key", metavar="FILE", help="its key, if that is another file")
    command.add_argument(
        "--trusted-proxy",
        type=_network,
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a proxy, or a network of them, that is believed for whom it asks",
    )


def _network(text: str) -> Network:
    """Read an address or a network; argparse tells of the error."""
    try:
        return ip_network(text.strip("[]"), strict=False)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as 10.0.0.1") from None
