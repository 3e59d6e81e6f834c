"""Tests that the page of the search box tells the truth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from foldline_views.text.documents import (
    ConsoleLines,
    Document,
    Message,
    RunWords,
    SourceLines,
    Text,
    param_texts,
    source_lines,
)
from foldline_views.text.index import TextIndex
from foldline_views.text.question import EDITS_MAX, FIELDS, FILTERS, LEVELS, parse
from foldline_views.text.search import search
from foldline_views.text.terms import RUN_FIELDS, TEXT_FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "search.md").read_text(encoding="utf-8")
DAY = 86_400.0
NEW_YEAR = 1_767_225_600.0  # 2026-01-01T00:00:00Z
NAMES = {1: "a", 2: "b", 3: "c"}

A_LINES = ("epoch 3: val/loss=0.25", "RuntimeError: CUDA out of memory", "memory is fine")
C_LINES = ("epoch 3 done in 12:30:05", "C++ extension loaded")


def documents() -> list[Document]:
    a, b, c = NEW_YEAR + DAY, NEW_YEAR + 2 * DAY, NEW_YEAR - 31 * DAY
    return [
        RunWords(
            1, a, "id1", name="resnet-50 baseline", experiment="mnist", tags=["sweep"],
            params=param_texts({"hparams": {"lr": 0.001}, "opt": "AdamW"}), status="finished",
        ),
        ConsoleLines(1, a, "w", 0, a, None, A_LINES),
        *source_lines(1, a, "src/train.py", "ab", "learning_rate = 0.1\n"),
        RunWords(
            2, b, "id2", name="bert-base-uncased", experiment="glue", hosts=["gpu-7"],
            notes="ran out of disk, memory was fine",
            params=param_texts({"hparams": {"base_lr": 0.001}}),
        ),
        Message(2, b, "w", 1, 40, "worker 3 died"),
        Text(2, b, "w", 2, "sample", 1, "机器学习 à la carte"),
        RunWords(3, c, "id3", name="bert again", experiment="glue", git=["fix/cuda-oom"]),
        ConsoleLines(3, c, "w", 0, c, None, C_LINES),
    ]  # fmt: skip


def fetch(block: SourceLines | ConsoleLines) -> list[str]:
    (found,) = (document for document in documents() if document.key == block.key)
    assert isinstance(found, SourceLines | ConsoleLines)
    return list(found.lines)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextIndex]:
    with TextIndex(tmp_path_factory.mktemp("search") / "text", write=True) as index:
        index.put(documents())
        index.commit()
        index.reload()
        yield index


def examples() -> Iterator[tuple[str, str, list[str]]]:
    """Yield the section, the example and the finds of every rule on the page."""
    for section in PAGE.split("\n## ")[1:]:
        for example, found in re.findall(r"\| `([^`]+)` \| ([^|]*)\|$", section, re.MULTILINE):
            yield section.splitlines()[0], example, found.split()


@pytest.mark.parametrize(("title", "example", "wanted"), list(examples()))
def test_an_example_finds_what_the_page_says(
    index: TextIndex, title: str, example: str, wanted: list[str]
) -> None:
    """Every rule of the page is shown by a question that really gives this answer."""
    found = search(index, parse(example, now=NEW_YEAR + 2.5 * DAY), fetch)
    assert sorted(NAMES[group.run] for group in found.runs) == wanted
    assert found.total == len(wanted) and found.exact
    assert not found.warnings or title == "What is odd"


def test_the_page_has_an_example_for_every_rule() -> None:
    """No row of a table of rules goes untested."""
    rules = re.findall(r"^\| (?!rule |---|run \|)", PAGE.split("\n## ", 1)[1], re.MULTILINE)
    assert len(list(examples())) == len(rules) > 30


def test_the_page_names_every_field() -> None:
    """A field, a level and a bound that the language knows are on the page."""
    for name in (*RUN_FIELDS, *TEXT_FIELDS, *FILTERS):
        assert f"`{name}:" in PAGE
    assert set(FIELDS.values()) == {*RUN_FIELDS, *TEXT_FIELDS}
    for level in set(LEVELS) - {"warn", "fatal"}:
        assert level in PAGE
    assert EDITS_MAX == 2
