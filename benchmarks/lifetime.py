"""What beginning and ending a run costs a script."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from .report import Report, scratch

__all__ = ["measure"]

ROUNDS = 15  # fresh processes for each figure, in turns, so that all meet the same disturbances
# numpy is there before: a training has it, and its import is no cost of ours.
SCRIPT = """
import sys, time
import numpy, foldline
if sys.argv[1] == "no run":
    print(0, 0, time.time())
    sys.exit()
start = time.perf_counter()
run = foldline.Run()
ready = time.perf_counter() - start
for step in range(1000):
    run.track(0.5, "loss", step)
start = time.perf_counter()
run.finish()
print(ready, time.perf_counter() - start, time.time())
"""
LEFT_OPEN = SCRIPT.replace("run.finish()\n", "")


def measure() -> Report:
    """Time Run(), finish() and the end of the process, with capture and without."""
    report = Report("lifetime", "Cost of a run's begin and end, in fresh processes")
    kinds = {"no run": "none", "without capture": "none", "with capture": "all"}
    figures: dict[tuple[str, str], list[float]] = {}
    with scratch("lifetime") as folder:
        for _ in range(ROUNDS):
            for kind, capture in kinds.items():
                for script, left in ((SCRIPT, ""), (LEFT_OPEN, "left open, ")):
                    ready, finish, exit_ = _life(folder, kind, capture, script)
                    figures.setdefault((kind, "Run()"), []).append(ready)
                    if not left:
                        figures.setdefault((kind, "finish()"), []).append(finish)
                    figures.setdefault((kind, f"{left}exit"), []).append(exit_)
    for kind, most in (("without capture", 5.0), ("with capture", 15.0)):
        report.add(f"Run(), {kind}", _middle(figures, kind, "Run()"), "ms", at_most=most)
        report.add(f"finish(), {kind}", _middle(figures, kind, "finish()"), "ms", at_most=200.0)
        for what in ("exit", "left open, exit"):
            added = _middle(figures, kind, what) - _middle(figures, "no run", what)
            report.add(f"added to the process's end, {what}, {kind}", added, "ms", at_most=200.0)
    return report


def _middle(figures: dict[tuple[str, str], list[float]], kind: str, what: str) -> float:
    return statistics.median(figures[kind, what]) * 1000


def _life(folder: Path, kind: str, capture: str, script: str) -> tuple[float, float, float]:
    """Return the seconds of Run(), of finish(), and from the last line to the process's end."""
    environment = {
        **os.environ, "FOLDLINE_STORE": str(folder / "store"), "FOLDLINE_CAPTURE": capture
    }  # fmt: skip
    command = [sys.executable, "-c", script, kind]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    ended = time.time()
    ready, finish, last = map(float, done.stdout.split())
    return ready, finish, ended - last
