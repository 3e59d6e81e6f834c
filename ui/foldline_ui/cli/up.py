"""The command that serves a store."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio

from foldline.layout import Layout, store_path
from foldline_ingest.supervisor import Supervisor
from foldline_views.reader import Views

from .. import tokens
from ..allowance import Allowance
from ..app import Composition, compose
from ..certificate import context_of
from ..claim import Claim
from ..connections import raise_descriptors
from ..errors import HostRefused
from ..guard import is_loopback
from ..logbook import open_logbook
from ..serving import address, bind, names_here, serve
from .exits import Exit
from .terminal import say, say_json
from .tokens import login_address

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Serve until Ctrl+C; make the store if there is none."""
    layout = Layout(store_path(arguments.store))
    layout.create()
    raise_descriptors()
    os.umask(0o077)  # whatever is made below the store is for its owner
    asks, listen = _entrance(arguments, layout)
    tls = None
    if arguments.cert:
        tls = context_of(Path(arguments.cert), Path(arguments.key) if arguments.key else None)
    with Claim(layout) as claim, listen() as listening:
        url, front = _addresses(arguments, listening)

        def ready() -> None:
            claim.publish(url, front)
            told: dict[str, object] = {"store": str(layout.root), "url": url, "pid": os.getpid()}
            door = login_address(layout, front) if asks else url
            if arguments.json:
                say_json(told | {"login": door} if asks else told)
            else:
                say(f"Foldline is serving {layout.root} at {front}")
                if asks:
                    say(f"Sign in, once, within a quarter of an hour: {door}")
                say("Press Ctrl+C to stop.")
            if arguments.open:
                # A browser that is slow to start must not keep the first page waiting.
                threading.Thread(target=webbrowser.open, args=(door,), daemon=True).start()

        command = [sys.executable, "-m", "foldline_ui", "fold", "--store", str(layout.root)]
        command += ["--log-format", arguments.log_format]
        open_logbook(arguments.log_format, requests=arguments.log_requests)
        app = compose(
            Composition(
                layout=layout,
                supervise=lambda: Supervisor(command),
                open_reader=lambda: Views.open(layout.views),
                host=arguments.host,
                prefix=arguments.prefix,
                allowance=Allowance.told(),
                asks=asks,
                names=names_here(arguments.host) | {name.lower() for name in arguments.name},
                proxies=tuple(arguments.trusted_proxy),
            )
        )
        anyio.run(serve, app, listening, ready, tls)
    return Exit.DONE


def _addresses(arguments: argparse.Namespace, listening: socket.socket) -> tuple[str, str]:
    """Return the address that the server listens at, and the one that people ask for it by."""
    name, prefix = next(iter(arguments.name), ""), arguments.prefix.lstrip("/")
    if arguments.trusted_proxy and name:  # it listens elsewhere, and serves https
        named, name = f"https://{name}/", ""
    else:
        named = ""
    url = address(listening, scheme="https" if arguments.cert else "http", name=name)
    addresses = [one + (f"{prefix}/" if prefix else "") for one in (url, named or url)]
    return addresses[0], addresses[1]


def _entrance(
    arguments: argparse.Namespace, layout: Layout
) -> tuple[bool, Callable[[], socket.socket]]:
    """Return whether a token is asked for, and what listens. Raises HostRefused.

    Who has no token is asked for none, and so is let listen on loopback alone.
    """
    known = any(not token.is_over(time.time()) for token in tokens.read(layout).tokens)
    if arguments.trusted_proxy and not known:
        raise HostRefused(
            "others reach the server by its proxy, and there is no token to tell them apart by",
            hint="foldline token create --scope admin, and then the same command again",
        )
    local = is_loopback(arguments.host) and not arguments.trusted_proxy
    listen = partial(bind, arguments.host, arguments.port, asks=known)
    return arguments.auth or not local, listen
