"""docs/reliability.md names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
FAULTS = 40  # they were numbered before there were tests: each has one, or the reason why not
NAMED = re.compile(r"\]\(\.\./(tests/[\w/]+\.py)\): ((?:`\w+`(?:, )?)+)")


def test_each_promise_names_its_tests() -> None:
    """Every test that the page names is defined in the file that it names."""
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 40
    lost = [
        f"{file}: {name}"
        for file, names in named
        for name in re.findall(r"\w+", names)
        if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert lost == []


def test_each_fault_is_tested_or_said_not_to_be() -> None:
    """No number is missing: a fault has tests, or stands below *Not tested* with its reason."""
    rows = re.findall(r"^\| ([\d, ]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {int(number) for row in rows for number in row.split(",")}
    assert told == set(range(1, FAULTS + 1))
