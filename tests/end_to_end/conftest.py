"""Processes that tests talk to: a server, scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.serving import START_S, Served, end, up

__all__ = ["START_S", "Script", "Serve", "Served", "end", "up"]

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


@pytest.fixture(scope="module")
def lasting() -> Iterator[Serve]:
    """Start `foldline up` for all tests of a module; none of them changes what it serves."""
    with ExitStack() as stack:
        yield lambda store: up(store, stack)


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
