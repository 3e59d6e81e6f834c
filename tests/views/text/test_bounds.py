"""Tests of searches that reach a bound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foldline.errors import QuestionError
from foldline_views.text import reader as reading
from foldline_views.text import search as searching
from foldline_views.text.documents import BLOCK_LINES, ConsoleLines, Message, SourceLines
from foldline_views.text.index import TextIndex
from foldline_views.text.question import parse
from foldline_views.text.search import search, search_ids

RUNS = 30
TOGETHER = ["one two", "one"]  # in runs of an even number
APART = ["one", "two"]


def fetch(block: SourceLines | ConsoleLines) -> list[str]:
    return APART if block.run % 2 else TOGETHER


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TextIndex]:
    with TextIndex(tmp_path / "text", write=True) as index:
        for run in range(RUNS):
            lines = APART if run % 2 else TOGETHER
            index.put([ConsoleLines(run, 1.0 + run, "w", 0, 1.0, None, lines)])
            index.put(Message(run, 100.0, "w", seq, 20, "hello") for seq in range(3))
        index.commit()
        index.reload()
        yield index


def test_words_are_on_one_line_where_lines_can_be_read(index: TextIndex) -> None:
    """With the lines an answer is exact; without them it says of how many runs it is not sure."""
    even = set(range(0, RUNS, 2))
    assert search_ids(index, parse("one two"), fetch) == (even, [])
    runs, warnings = search_ids(index, parse("one two"))
    assert runs == set(range(RUNS)) and warnings[0].startswith(f"{RUNS} of the runs")
    found = search(index, parse("one two"), fetch, limit=RUNS)
    assert {group.run for group in found.runs} == even
    assert (found.total, found.exact, found.warnings) == (RUNS // 2, True, [])


def test_an_answer_reads_so_many_blocks(index: TextIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound nothing false is shown, the total is an upper one, and both are said."""
    monkeypatch.setattr(searching, "READ_MAX", 5)
    monkeypatch.setattr(searching, "COUNT_READ_MAX", 5)
    found = search(index, parse("one two"), fetch, limit=RUNS)
    assert [group.run for group in found.runs] == [28, 26]
    assert RUNS // 2 <= found.total <= RUNS and not found.exact
    assert "5 blocks" in found.warnings[0]


def test_runs_are_counted_in_any_number(index: TextIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """More runs than the index counts by itself are counted all the same."""
    monkeypatch.setattr(reading, "COUNTED_MAX", 10)
    assert search_ids(index, parse("hello"))[0] == set(range(RUNS))
    found = search(index, parse("hello"), fetch)
    assert found.total == RUNS and len(found.runs) == 20
    assert found.runs[0].more is False and len(found.runs[0].hits) == 3


def test_a_talkative_run_hides_no_other(index: TextIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much one run says last, every run has its own hits."""
    index.put(Message(1, 200.0, "w", seq, 20, "hello") for seq in range(10, 60))
    index.commit()
    index.reload()
    monkeypatch.setattr(searching, "PLACES_MAX", 40)
    found = search(index, parse("hello"), fetch, limit=RUNS, hits=3)
    assert found.runs[0].run == 1 and found.runs[0].more
    assert len(found.runs) == RUNS and all(len(group.hits) == 3 for group in found.runs)


def test_what_can_t_be_fetched_is_not_shown(index: TextIndex) -> None:
    """Lines that are gone are no hits; an error of whoever fetches is theirs, and comes through."""
    found = search(index, parse("two"), lambda _: ())
    assert found.runs == []

    def failing(block: SourceLines | ConsoleLines) -> list[str]:
        raise OSError("the view of lines is away")

    with pytest.raises(OSError, match="is away"):
        search(index, parse("two"), failing)


def test_a_phrase_of_too_many_ends_is_the_questions_fault(tmp_path: Path) -> None:
    """The index refuses it, and is whole: nobody makes it again for a question."""
    lines = [f"loss 0{number}" for number in range(20_000)]
    with TextIndex(tmp_path / "index", write=True) as index:
        index.put(
            ConsoleLines(1, 1.0, "w", first, 1.0, None, lines[first : first + BLOCK_LINES])
            for first in range(0, len(lines), BLOCK_LINES)
        )
        index.commit()
        index.reload()
        for ask in (search, search_ids):
            with pytest.raises(QuestionError, match="begin like the last one") as caught:
                ask(index, parse('"loss 0"*'), lambda block: lines[block.first :][:BLOCK_LINES])
            assert caught.value.at == (0, 9)
