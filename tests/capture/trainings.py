"""Real scripts, run with their console captured."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

from tests.patience import wait_for
from tests.segment_walk import Walk, segments, walk

__all__ = ["Done", "Training", "companions", "events", "lines", "start", "train", "trainers"]

CONSOLE, LOST, CLOSED = 13, 9, 8  # types of events
TIMEOUT_S = 60


class Done(NamedTuple):
    """How a script ended, and what it printed."""

    code: int
    out: bytes
    err: bytes


class Training:
    """A script that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def end(self) -> Done:
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return Done(self.process.returncode, out or b"", err or b"")


def start(
    store: Path, script: str, *words: str, capture: str = "console", out: Any = None, **more: Any
) -> Training:
    """Start a script; it finds `foldline`, and a store that is its own."""
    env = {**os.environ, "FOLDLINE_STORE": str(store), "FOLDLINE_CAPTURE": capture}
    return Training(
        subprocess.Popen(
            [sys.executable, "-c", "import foldline, os, sys\n" + textwrap.dedent(script), *words],
            stdout=subprocess.PIPE if out is None else out,
            stderr=subprocess.PIPE if out is None else subprocess.STDOUT,
            env={**env, **more.pop("env", {})},
            **more,
        )
    )


def train(store: Path, script: str, *words: str, **more: Any) -> Done:
    """Run a script to its end."""
    return start(store, script, *words, **more).end()


def companions(store: Path) -> list[Walk]:
    """Return the segments of all companions, once they are closed."""

    def closed() -> list[Walk]:
        found = [one for one in map(walk, segments(store)) if _role(one) == "companion"]
        return found if found and all(one.finished for one in found) else []

    return wait_for(closed, "the companions to be done")


def trainers(store: Path) -> list[Walk]:
    """Return the segments of all that trained."""
    return [one for one in map(walk, segments(store)) if not _role(one)]


def events(store: Path, number: int) -> list[dict[str, Any]]:
    """Return the events of one type that companions logged."""
    return [fields for one in companions(store) for fields in one.of_type(number)]


def lines(store: Path, stream: str = "") -> list[str]:
    """Return the lines in the log of the only companion, each in its last state."""
    (found,) = companions(store)
    assert not found.damage
    return lines_of(found, stream)


def lines_of(found: Walk, stream: str = "") -> list[str]:
    last: dict[int, str] = {}
    streams: dict[int, str] = {}
    for fields in found.of_type(CONSOLE):
        for at, text in enumerate(fields["text"].split("\n"), fields["first"]):
            last[at] = text
            streams[at] = fields["stream"]
    assert sorted(last) == list(range(len(last)))
    return [last[at] for at in sorted(last) if not stream or streams[at] == stream]


def _role(one: Walk) -> str:
    (opened,) = one.of_type(1)
    return str(opened.get("role", ""))
