"""Trainings that are killed, quickly begun."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import foldline

__all__ = ["kill_one"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.fuzz.deaths"])


def kill_one(store: Path, run: str, points: list[tuple[int, float]]) -> None:
    """Let a process of its own join a run, track points, and die by SIGKILL."""
    process = _context.Process(target=_die, args=(store, run, points))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def _die(store: Path, run: str, points: list[tuple[int, float]]) -> None:
    joined = foldline.Run(id=run, store=store, capture=False)
    for step, value in points:
        joined.track(value, name="loss", step=step)
    os.kill(os.getpid(), signal.SIGKILL)
