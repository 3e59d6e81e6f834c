"""A coverage-guided fuzzer at one of the targets.

python -m tests.fuzz query -max_total_time=60

Needs `pip install 'foldline[fuzz]'`. What libFuzzer takes it is given: a folder of seeds, `-runs=`.
What makes a target fail is kept in build/fuzz.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

FOUND = Path("build/fuzz")


def main(name: str, *words: str) -> None:
    """Fuzz until libFuzzer has enough."""
    atheris = importlib.import_module("atheris")
    # Only what is imported here is instrumented: a fuzzer looks for ways into our own code.
    with atheris.instrument_imports(include=["foldline", "foldline_ingest", "foldline_views"]):
        targets = importlib.import_module("tests.fuzz.targets")
    with tempfile.TemporaryDirectory() as seeds:
        for number, seed in enumerate(targets.SEEDS[name]):
            Path(seeds, str(number)).write_bytes(seed)
        FOUND.mkdir(parents=True, exist_ok=True)
        options = ["-max_len=4096", f"-artifact_prefix={FOUND}/{name}-"]
        atheris.Setup([sys.argv[0], *options, *words, seeds], targets.TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
