"""VALUES.md says what is kept."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from foldline.values import Table, kinds

DOCUMENT = Path(kinds.__file__).with_name("VALUES.md").read_text(encoding="utf-8")


def test_every_kind_is_described() -> None:
    """Each kind has its row, and each row its kind."""
    rows = re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    assert rows == list(kinds.CLASSES)
    assert [kinds.kind_of(kind).KIND for kind in rows] == rows


def test_the_table_of_the_document_is_kept_so() -> None:
    """The example is, byte for byte, what a table becomes."""
    example = "".join(line.strip() for line in re.findall(r"^    (.+)$", DOCUMENT, re.MULTILINE))
    table = Table(columns=["epoch", "word"], data=[[1, "a"], [float("nan"), None]])
    assert msgspec.json.decode(table.data) == msgspec.json.decode(example)
    assert table.data.decode() == example
