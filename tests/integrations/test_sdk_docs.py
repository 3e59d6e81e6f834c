"""The examples of docs/sdk.md that need a framework."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.examples import NEEDS_FRAMEWORKS, Example, check, examples


@pytest.mark.parametrize(
    "example", [one for one in examples() if one.section == NEEDS_FRAMEWORKS], ids=str
)
def test_every_example_with_a_framework_runs_when_pasted(example: Example, tmp_path: Path) -> None:
    """Each runs in an empty folder and prints what it says; warnings are the framework's own."""
    check(example, tmp_path)
