"""Calls of the system that fail by their number.

A library that is loaded before libc counts the calls that change a file below a folder, and lets
the n-th one fail, do half of its work, or be the end of the process. Nothing of the product is
replaced: SQLite and the text index meet the same disk. The library is compiled when it is asked
for, so a C compiler is needed, as on any machine that builds Python packages.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from enum import IntEnum
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

__all__ = ["VARIABLE", "Acting", "Fault", "How", "Outcome", "environment"]

SOURCE = Path(__file__).with_name("shim.c")
VARIABLE = "FAULTS_SHIM"


class How(IntEnum):
    """What befalls a call; as in shim.c."""

    ONCE = 0
    FOREVER = 1
    SHORT = 2
    KILL = 3
    KILL_AFTER = 4
    STOP = 5
    SLOW = 6  # every call, by `code` milliseconds


class Fault(NamedTuple):
    """What is to befall which call; the 0th one is none."""

    nth: int
    how: How = How.ONCE
    code: int = 0


class Outcome(NamedTuple):
    """How a scene ended: with what it said, by a signal, or stopped."""

    met: int  # calls that it made, as far as it could tell
    status: int  # as of `os.waitpid`
    said: Any
    error: str
    pid: int


class Acting:
    """A process that plays scenes, each in a child of its own, with a fault in it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.scenes"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def play(self, scene: str, store: Path, fault: Fault) -> Outcome:
        """Play a scene on a store. What it acknowledged is in `ledger` beside the store."""
        return self._ask([scene, str(store), *fault])

    def end(self, pid: int) -> None:
        """Kill a scene that was stopped, and wait until it is gone."""
        self._ask(["", str(pid), 0, 0, 0])

    def _ask(self, words: list[Any]) -> Outcome:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return Outcome(*json.loads(self._process.stdout.readline()))


def environment() -> dict[str, str]:
    """Return what a process needs to be started with; `VARIABLE` tells it where the library is."""
    return {**os.environ, "LD_PRELOAD": str(_library()), VARIABLE: str(_library())}


@cache
def _library() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="foldline-shim-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    assert compiler is not None, "these tests need a C compiler: cc, gcc or clang"
    library = folder / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*command, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library
