"""SECURITY.md promises what tests show."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)`")


def test_every_promise_names_tests_that_are_there() -> None:
    """Each row of the table names files that exist, and that hold tests."""
    rows = [row for row in TEXT.splitlines() if re.match(r"\| \d+ \|", row)]
    assert len(rows) >= 13
    for row in rows:
        named = NAMED.findall(row)
        assert named, row
        for name in named:
            assert "def test_" in (ROOT / name).read_text(), name


def test_every_test_of_a_rule_is_named() -> None:
    """No test of a rule is without a promise, and each is named by its rule's number."""
    here = {f"tests/security/{file.name}" for file in (ROOT / "tests/security").glob("test_*.py")}
    assert here - set(NAMED.findall(TEXT)) == {"tests/security/test_security_document.py"}
    numbers = {int(row[1]) for row in re.finditer(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    files = {int(found[1]) for name in here if (found := re.search(r"test_(\d\d)_", name))}
    assert files <= numbers


def test_every_actor_is_answered() -> None:
    """Each of those who may want something stands beside at least one promise."""
    actors = set(re.findall(r"^(\d)\. \*\*", TEXT, re.MULTILINE))
    met = {
        number
        for row in TEXT.splitlines()
        if re.match(r"\| \d+ \|", row)
        for number in re.findall(r"\d", row.split("|")[3])
    }
    assert actors == met == set("1234567")
