"""The tables of the benchmarks' README say what the results say."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import msgspec
import pytest

from benchmarks.report import RESULTS, Report
from benchmarks.targets import README, TARGETS, Target, page


def test_the_readme_has_the_results_as_they_are() -> None:
    """What is measured anew is in the tables: `python -m benchmarks.targets` writes them."""
    text = README.read_text(encoding="utf-8")
    assert page(text) == text


def test_the_readme_lists_every_benchmark() -> None:
    """Whoever adds a benchmark says in the README what it asks."""
    folder = README.parent
    measured = {
        file.stem for file in folder.glob("*.py") if "\ndef measure(" in file.read_text("utf-8")
    }
    listed = set(re.findall(r"^\| `(\w+)` \|", README.read_text("utf-8"), re.MULTILINE))
    assert measured <= listed


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.benchmark}, {target.what}")
def test_targets_name_figures_that_are_measured(target: Target) -> None:
    """A target finds its figure in the results of its benchmark, where there are any."""
    file = RESULTS / f"{target.benchmark}.json"
    if file.exists():
        report = msgspec.json.decode(file.read_bytes(), type=Report)
        assert any(fnmatchcase(figure.what, target.figure) for figure in report.figures)
