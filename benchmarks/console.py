"""What a captured console costs the script that prints."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from .report import Report, scratch

__all__ = ["measure"]

LINES = 1_000_000
ROUNDS = 3  # fresh processes for each figure, in turns, so that all meet the same disturbances
# What is timed ends when the last line has left the script; finish() then waits for the rest.
SCRIPT = f"""
import sys, time
import foldline
run = foldline.Run()
start = time.perf_counter()
for step in range({LINES}):
    print("step", step, "loss", 0.25)
sys.stdout.flush()
printed = time.perf_counter() - start
start = time.perf_counter()
run.finish()
print(printed, time.perf_counter() - start, file=sys.stderr)
"""
CAPTURES = {"not captured": "none", "captured": "console"}


def measure() -> Report:
    """Time a million prints into /dev/null and into a file, captured and not."""
    report = Report("console", f"Cost of printing {LINES:,} lines")
    figures: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with scratch("console") as folder:
        targets = {"/dev/null": Path(os.devnull), "a file": folder / "printed"}
        for _ in range(ROUNDS):
            for target, path in targets.items():
                for kind, capture in CAPTURES.items():
                    timed = _life(folder, capture, path)
                    figures.setdefault((target, kind), []).append(timed)
        for target in targets:
            free = _middle(figures[target, "not captured"], 0) / LINES
            kept = _middle(figures[target, "captured"], 0) / LINES
            report.add(f"a line into {target}, not captured", free * 1e6, "µs")
            report.add(f"a line into {target}, captured", kept * 1e6, "µs")
            report.add(
                f"a line into {target}, what capture adds",
                (kept - free) * 1e6,
                "µs",
                at_most=2.0,
            )
            finish = _middle(figures[target, "captured"], 1)
            report.add(f"finish() right after, {target}", finish * 1e3, "ms", at_most=200.0)
    return report


def _middle(timed: list[tuple[float, float]], which: int) -> float:
    return statistics.median(pair[which] for pair in timed)


def _life(folder: Path, capture: str, output: Path) -> tuple[float, float]:
    """Return the seconds that the printing took, and finish()."""
    environment = {
        **os.environ, "FOLDLINE_STORE": str(folder / "store"), "FOLDLINE_CAPTURE": capture
    }  # fmt: skip
    with output.open("w") as file:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            check=True,
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
        )
    printed, finish = map(float, done.stderr.split()[-2:])
    return printed, finish
