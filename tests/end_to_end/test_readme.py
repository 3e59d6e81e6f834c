"""The README's Python, run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import foldline

README = Path(__file__).resolve().parent.parent.parent / "README.md"
BLOCKS = [
    block
    for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    if "import foldline" in block
]


def test_the_readme_shows_how_to_begin() -> None:
    """The README has a script to paste, of about ten lines."""
    assert BLOCKS
    assert len(BLOCKS[0].splitlines()) <= 14


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_readme_runs_when_pasted(block: str, tmp_path: Path) -> None:
    """Each script of the README runs in an empty folder, without a warning, and leaves a run."""
    first = "" if "foldline.Run" in block else f"{BLOCKS[0]}\n"
    script = tmp_path / "pasted.py"
    script.write_text(first + block)
    command = [sys.executable, "-W", "error", script.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with foldline.open(tmp_path / "store") as store:
        runs = store.runs()
    assert len(runs) >= 1
    assert all(run.status == "finished" for run in runs)
    assert all(run.metrics for run in runs)
