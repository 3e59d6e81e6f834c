"""What `import foldline` costs a script."""

from __future__ import annotations

import statistics
import subprocess
import sys

from .report import Report

__all__ = ["measure"]

ROUNDS = 40  # fresh processes for each module, in turns, so that all meet the same disturbances
SCRIPT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""


def measure() -> Report:
    """Time the first import in fresh processes, beside that of msgspec alone."""
    report = Report("import_time", "Cost of `import foldline`, with warm file caches")
    modules = ("msgspec", "foldline")
    seconds: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(ROUNDS):
        for module in modules:
            seconds[module].append(_import_s(module))
    medians = {module: statistics.median(seconds[module]) * 1000 for module in modules}
    report.add("import msgspec, median", medians["msgspec"], "ms")
    report.add("import foldline, median", medians["foldline"], "ms")
    ratio = statistics.median(
        ours / theirs for ours, theirs in zip(seconds["foldline"], seconds["msgspec"], strict=True)
    )
    report.add("foldline to msgspec, median of pairs", ratio, "times", at_most=3.0)
    return report


def _import_s(module: str) -> float:
    command = [sys.executable, "-c", SCRIPT.format(module=module)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
