"""How soon a server that was killed answers again.

It is killed while trainings log and it folds. The next one is there once it answers with the runs
of the store, and has recovered once it has folded all that was logged meanwhile. The floor is the
same start after an end that was asked for, in turn with the kills.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

import foldline

from .opened import FOLD_S, PAGE
from .report import Report, scratch
from .servers import foldline_server, settle, wait_until
from .shapes import Shape, fill

__all__ = ["measure"]

STORE = Shape(5_000, metrics=10, steps=100, lines=20)
KILLS = 5
TRAININGS = 4
MEANWHILE = 20_000  # points of each training while there is no server


def measure() -> Report:
    """Kill a server a few times, and wait for the next one."""
    report = Report("recovery", f"A server of {STORE.runs:,} runs, killed and started again")
    with scratch("recovery") as store:
        fill(store, STORE)
        with foldline_server(store) as (_, client):
            settle(client, FOLD_S, runs=STORE.runs)
        runs = [foldline.Run(store=store, capture=False) for _ in range(TRAININGS)]
        total = STORE.runs + TRAININGS
        killed, asked = [], []
        for _ in range(KILLS):
            _ended(store, runs, signal.SIGTERM)
            asked.append(_started(store, total))
            _ended(store, runs, signal.SIGKILL)
            killed.append(_started(store, total))
        for run in runs:
            run.finish()
    note = f"{TRAININGS} trainings logged {MEANWHILE:,} points each meanwhile"
    for what, found, bound in (("asked to end", asked, None), ("killed", killed, 2.0)):
        pages, whole = zip(*found, strict=True)
        median = float(np.median(pages))
        report.add(f"{what}: start to the first page, median", median, "s", at_most=bound)
        report.add(f"{what}: the same, slowest of {KILLS}", max(pages), "s")
        report.add(f"{what}: start to all of it folded, median", np.median(whole), "s", note=note)
    ratio = np.median([one[0] for one in killed]) / np.median([one[0] for one in asked])
    report.add("first page, killed ÷ asked to end", ratio, "x")
    return report


def _started(store: Path, total: int) -> tuple[float, float]:
    """Start a server; return the seconds to its first page, and until it has folded all."""
    began = time.perf_counter()
    with foldline_server(store) as (_, client):
        wait_until(lambda: client.ask("runs/search", PAGE)["total"] >= STORE.runs, "a page")
        page = time.perf_counter() - began
        settle(client, runs=total)
        return page, time.perf_counter() - began


def _ended(store: Path, runs: list[foldline.Run], number: signal.Signals) -> None:
    """Serve the store until trainings have logged, and end the server in the middle of it."""
    with foldline_server(store) as (process, client):
        wait_until(lambda: client.ask("health")["runs"]["total"] >= STORE.runs, "a server")
        _log(runs)
        os.kill(process.pid, number)
        process.wait()
    _log(runs)


def _log(runs: list[foldline.Run]) -> None:
    for step in range(MEANWHILE // 2):
        for run in runs:
            run.track(0.5, name="loss", step=step)
