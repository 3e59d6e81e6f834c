"""Tests that the text index finds what a naive search finds."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from foldline_views.text.hits import Found
from foldline_views.text.index import TextIndex
from foldline_views.text.question import parse
from foldline_views.text.search import search, search_ids
from tests.views.text.corpus import Corpus, Naive, Tree, corpora, questions, split

MANY = 10_000


def places(found: Found) -> set[tuple[int, str, str, int | None]]:
    """Return run, kind, writer or file, and number, of every line and message that was found."""
    return {
        (group.run, hit.kind, hit.writer if hit.kind == "line" else hit.name, hit.line)
        for group in found.runs
        for hit in group.hits
        if hit.kind in {"line", "code"}
    }


@pytest.mark.parametrize(
    "examples", [60, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
def test_the_index_finds_what_reading_everything_finds(examples: int) -> None:
    """For any question: the same runs in the same order, the same lines, true marks."""

    @settings(max_examples=examples, deadline=None)
    @given(corpora(), questions())
    def finds(corpus: Corpus, asked: tuple[str, Tree]) -> None:
        index_and_check(corpus, *asked)

    finds()


def index_and_check(corpus: Corpus, text: str, tree: Tree) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        with TextIndex(folder / "text", write=True) as index:
            half = len(corpus.documents) // 2
            index.put(corpus.documents[: half + 1])
            index.commit()
            index.put(corpus.documents[half:], fresh=False)  # one of them again
            index.commit()
            index.reload()
            check(index, corpus, text, tree)
    finally:
        shutil.rmtree(folder)


def check(index: TextIndex, corpus: Corpus, text: str, tree: Tree) -> None:
    question = parse(text)
    naive = Naive(corpus)
    order = naive.order(tree)
    found = search(index, question, corpus.fetch, limit=MANY, hits=MANY)
    assert [group.run for group in found.runs] == order
    assert found.total == len(order) and found.exact
    assert search_ids(index, question, corpus.fetch) == (set(order), list(question.warnings))
    wanted = {
        (piece.run, piece.kind, *piece.place)
        for piece in naive.found(tree)
        if piece.kind in {"line", "code"}
    }
    assert places(found) == wanted
    first = search(index, question, corpus.fetch, limit=1, hits=1)
    assert [group.run for group in first.runs] == order[:1]
    for group in found.runs:
        for hit in group.hits:
            assert all(split(hit.text[start:end]) for start, end in hit.marks)
            assert hit.marks == sorted(hit.marks)
