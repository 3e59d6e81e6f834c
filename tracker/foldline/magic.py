"""The `%foldline` magic of notebooks.

`%foldline up` shows the pages of a store in the notebook, from the server that serves it or from
one that it starts and that ends with the kernel. `%foldline stop` ends the store's server.
"""

from __future__ import annotations

import argparse
import atexit
import os
import select
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from IPython.core.error import UsageError
from IPython.display import IFrame, display

from .layout import STORE_DEFAULT, Layout, store_path
from .served import Served, served

__all__ = ["foldline", "register"]

HEIGHT_PX_DEFAULT = 720  # a table and a chart, without scrolling the notebook
START_S_MAX = 30.0  # of a server, on a busy machine; it takes a second
STOP_S_MAX = 10.0  # the server gives open requests a second
PORT_TAKEN = 3  # the exit status that docs/cli.md gives it

_servers: list[subprocess.Popen[bytes]] = []  # started by this kernel


class _Grammar(argparse.ArgumentParser):
    """A parser that tells the notebook of an error, and does not end the kernel."""

    def error(self, message: str) -> NoReturn:
        """Raise what IPython shows without a traceback."""
        raise UsageError(f"{message}\n  hint: {self.format_usage().strip()}")


def register(shell: Any) -> None:
    """Make `%foldline` known to an IPython shell."""
    shell.register_magic_function(foldline, "line", "foldline")


def foldline(line: str) -> None:
    """Serve a store and show its pages here: `%foldline up`; end its server: `%foldline stop`."""
    grammar = _Grammar(prog="%foldline", add_help=False, allow_abbrev=False)
    grammar.add_argument("command", choices=["up", "stop"])
    grammar.add_argument("--store", help=f"FOLDLINE_STORE, else ./{STORE_DEFAULT}")
    grammar.add_argument("--height", type=int, default=HEIGHT_PX_DEFAULT, help="in pixels")
    asked = grammar.parse_args(shlex.split(line))
    layout = Layout(store_path(asked.store))
    there = served(layout)
    if asked.command == "stop":
        _stop(layout, there)
        return
    url = there.url if there else _start(layout.root)
    sys.stdout.write(f"Foldline is serving {layout.root} at {url}\n")
    display(IFrame(url, "100%", asked.height))


def _start(root: Path) -> str:
    """Return the address of a server that was started, at the usual port or any other."""
    for port in ([], ["--port", "0"]):
        command = [sys.executable, "-m", "foldline_ui", "up", "--store", str(root), "--json", *port]
        with tempfile.TemporaryFile() as errors:
            # A session of its own: interrupting a cell must not interrupt the server.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            assert process.stdout is not None
            with process.stdout as output:
                if not select.select([output], [], [], START_S_MAX)[0]:
                    process.kill()
                line = output.readline()
            if line:
                if not _servers:
                    atexit.register(_end_all)
                _servers.append(process)
                return str(msgspec.json.decode(line)["url"])
            status = process.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
        if status != PORT_TAKEN:
            break
    raise UsageError(f"the server did not start:\n{said}")


def _stop(layout: Layout, there: Served | None) -> None:
    if there is None:
        raise UsageError(f"nobody serves the store {layout.root}\n  hint: %foldline up")
    for process in _servers:
        if process.pid == there.pid:
            _end(process)
            break
    else:
        os.kill(there.pid, signal.SIGTERM)
    sys.stdout.write(f"The server at {there.url} was stopped\n")


def _end_all() -> None:
    for process in tuple(_servers):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    _servers.remove(process)
    process.terminate()
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
