"""Servers for a browser to look at."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

from tests import warm

__all__ = ["Served", "begin", "end", "read_until", "up"]

START_S = 60.0  # a first start, on a busy machine, with everything to compile
STOP_S = 15.0


class Served(NamedTuple):
    """A running server: where it is, and which process."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> bytes:
        """Return the body of a GET."""
        with urlopen(f"{self.url}{path}", timeout=START_S) as answer:
            return bytes(answer.read())


def up(store: Path, processes: ExitStack, *words: str) -> Served:
    """Start a server that ends with `processes`, at any free port; wait until it answers."""
    line = ["up", "--json", "--port", "0", "--store", str(store), *words]
    process = warm.start(*line, stdout=subprocess.PIPE)
    processes.callback(end, process)
    told = read_until(process, "\n", START_S).partition("\n")[0]
    return Served(json.loads(told)["url"], process)


def begin(processes: ExitStack, *words: str, **more: Any) -> subprocess.Popen[str]:
    """Start a command of ours that ends with `processes`."""
    command = [sys.executable, "-m", "foldline_ui", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    processes.callback(end, process)
    return process


def read_until(process: subprocess.Popen[str], words: str, within_s: float) -> str:
    """Return what a process has printed, once it has printed `words`."""
    assert process.stdout
    said = ""
    deadline = time.monotonic() + within_s
    while words not in said:
        left = max(0.0, deadline - time.monotonic())
        assert select.select([process.stdout], [], [], left)[0], f"no {words!r} in:\n{said}"
        # Past the buffer of the text stream, which `select` can't see into.
        chunk = os.read(process.stdout.fileno(), 1 << 16).decode()
        assert chunk, f"it ended with status {process.wait()} after:\n{said}"
        said += chunk
    return said


def end(process: subprocess.Popen[str]) -> None:
    """End one process, first kindly."""
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
