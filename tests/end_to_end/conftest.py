"""Processes that tests talk to: a server, scripts."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pytest

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


Serve = Callable[[Path], Served]
Script = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    """Whatever was started is ended, by its own process id."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(processes: ExitStack) -> Serve:
    """Start `foldline up` for a store, at any free port."""
    return lambda store: up(store, processes)


def up(store: Path, processes: ExitStack) -> Served:
    """Start a server that ends with `processes`; wait until it answers."""
    command = [sys.executable, "-m", "foldline_ui", "up", "--json", "--port", "0"]
    process = subprocess.Popen([*command, "--store", str(store)], stdout=subprocess.PIPE, text=True)
    processes.callback(end, process)
    assert process.stdout
    assert select.select([process.stdout], [], [], START_S)[0], "the server did not start"
    line = process.stdout.readline()
    assert line, f"the server ended with status {process.wait()}"
    return Served(json.loads(line)["url"], process)


@pytest.fixture
def script(processes: ExitStack, tmp_path: Path) -> Script:
    """Start a Python script that reads lines from its input, as a training would run."""

    def start(source: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", source],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.callback(end, process)
        return process

    return start


def end(process: subprocess.Popen[str]) -> None:
    """End one process, first kindly."""
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
