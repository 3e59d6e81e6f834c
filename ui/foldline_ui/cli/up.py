"""The command that serves a store."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import webbrowser

import anyio

from foldline.layout import Layout, store_path
from foldline_ingest.supervisor import Supervisor
from foldline_views.reader import Views

from ..app import Composition, compose
from ..claim import Claim
from ..serving import address, bind, serve
from .exits import Exit
from .terminal import say, say_json

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Serve until Ctrl+C; make the store if there is none."""
    layout = Layout(store_path(arguments.store))
    layout.create()
    with Claim(layout) as claim, bind(arguments.host, arguments.port) as listening:
        url = address(listening) + arguments.prefix.lstrip("/")
        url = url if url.endswith("/") else f"{url}/"

        def ready() -> None:
            claim.publish(url)
            if arguments.json:
                say_json({"store": str(layout.root), "url": url, "pid": os.getpid()})
            else:
                say(f"Foldline is serving {layout.root} at {url}\nPress Ctrl+C to stop.")
            if arguments.open:
                # A browser that is slow to start must not keep the first page waiting.
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

        command = [sys.executable, "-m", "foldline_ui", "fold", "--store", str(layout.root)]
        app = compose(
            Composition(
                layout=layout,
                supervise=lambda: Supervisor(command),
                open_reader=lambda: Views.open(layout.views),
                host=arguments.host,
                prefix=arguments.prefix,
            )
        )
        anyio.run(serve, app, listening, ready)
    return Exit.DONE
