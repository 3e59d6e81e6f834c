"""The examples of docs/sdk.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sdk.md"
NEEDS_FRAMEWORKS = "Frameworks"  # the section that tests/integrations runs

_PRINT = re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE)


class Example(NamedTuple):
    """A block of code, behind the first one of its section that it may build on."""

    section: str
    number: int
    script: str

    def __str__(self) -> str:
        return f"{self.section.lower().replace(' ', '-')}-{self.number}"


def examples() -> Iterator[Example]:
    """Yield every block of Python on the page."""
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        blocks = re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
        for number, block in enumerate(blocks):
            yield Example(title, number, block if number == 0 else blocks[0] + block)


def check(example: Example, folder: Path, *options: str) -> None:
    """Run an example as a reader does who pastes it, and hold it to what it says it prints."""
    script = folder / "pasted.py"
    script.write_text(example.script, encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FOLDLINE_")
    }
    done = subprocess.run(
        [sys.executable, *options, script.name],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "foldline: " not in done.stderr, done.stderr  # a notice, where a warning may not be
    printed, said = done.stdout.splitlines(), _PRINT.findall(example.script)
    assert printed == said, f"it printed {printed}, and not {said}"
