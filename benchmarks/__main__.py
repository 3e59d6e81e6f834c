"""Runs benchmarks: all, or the named ones.

python -m benchmarks [NAME...]

What takes an hour, or installs other people's programs, runs by name alone.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
from pathlib import Path

from .report import Report
from .targets import write

FOLDER = Path(__file__).resolve().parent
BY_NAME = {"hour", "pages", "peers"}


def main() -> int:
    """Measure, print a table for each benchmark, and save it; return 1 if one of them failed."""
    names = sorted(
        file.stem for file in FOLDER.glob("*.py") if "\ndef measure(" in file.read_text()
    )
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(names)}")
    parser.add_argument("--here", action="store_true", help="measure in this very process")
    options = parser.parse_args()
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    if options.here:
        for name in options.names:
            _measure(name)
        return 0
    failed = False
    for name in options.names or sorted(set(names) - BY_NAME):
        # A process each: no benchmark measures what another left in memory.
        command = [sys.executable, "-m", "benchmarks", "--here", name]
        failed |= subprocess.run(command, cwd=FOLDER.parent, check=False).returncode != 0
    write()
    return int(failed)


def _measure(name: str) -> None:
    start = time.perf_counter()
    report: Report = importlib.import_module(f"benchmarks.{name}").measure()
    report.took_s = round(time.perf_counter() - start, 1)
    path = report.save()
    print(f"\n{report.table()}\n\nsaved as {path.relative_to(FOLDER.parent)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
