"""Tests of the language of the search box."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.errors import QueryError
from foldline_views.text.index import TextIndex
from foldline_views.text.question import TERMS_MAX, parse
from foldline_views.text.search import search, search_ids
from foldline_views.text.terms import Absent, All, Level, Not, Period, Setting, Words

ODD = [
    "", " ", "-", "--", '"', '""', "(", ")", "()", "((", "))", "*", "~", "a*b", "a~b", "-*", "-(",
    "NOT", "AND", "OR", "a OR", "OR a", "a AND", "NOT NOT a", "- a", "a:b:c", "foo:", ":foo",
    "tag:", "tag:-x", "tag:(a OR b)", "param:=", "param:a=", "param:=b", "C:\\new", "f(x) + g(y)",
    "http://x.y/z?q=1", "a && b || !c", "<b>x</b>", "\0", "\ud800", "日本*", "é~", "x" * 4000,
    "a" * 300 + "*", "level:", "[a TO b]", "a^2", "+a -b", "{}", "\\", "a\\", "/re.*/", "*:*",
    "IN [a b]", '"a"~2', "🙂", "ab~9",
]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> TextIndex:
    index = TextIndex(tmp_path_factory.mktemp("odd") / "text", write=True)
    index.commit()
    return index


def ask(index: TextIndex, text: str) -> None:
    """Ask; only our own error with a range may come of it."""
    try:
        question = parse(text, now=0.0)
    except QueryError as error:
        start, end = error.at
        assert 0 <= start <= end <= len(text) and error.hint  # noqa: PT017  # any text may raise it
        return
    assert question.term is not None or question.warnings
    answer = search(index, question, lambda _: ())
    assert search_ids(index, question)[0] == set() and answer.total == 0


@pytest.mark.parametrize("text", ODD)
def test_odd_questions_are_answered(index: TextIndex, text: str) -> None:
    """Whatever is typed has an answer, or an error of ours."""
    ask(index, text)


@given(text=st.text('ab"()-*~: ORNOT\\|ta=é日<') | st.text(max_size=50))
def test_any_text_is_a_question(index: TextIndex, text: str) -> None:
    """No text at all makes the parser or the index stumble."""
    ask(index, text)


def test_a_question_becomes_a_tree() -> None:
    """Words, fields, filters and denials each have their node, with their place in the text."""
    text = 'cuda "out of mem"* -tag:old memroy~'
    term = parse(text).term
    assert isinstance(term, All)
    assert term.parts == (
        Words((0, 4), ("cuda",)),
        Words((5, 18), ("out", "of", "mem"), "prefix"),
        Not((19, 27), Words((20, 27), ("old",), field="tag")),
        Words((28, 35), ("memroy",), "fuzzy", edits=1),
    )
    assert parse("param:LR=1E-3").term == Setting((0, 13), "lr=0.001")
    assert parse("level:warning").term == Level((0, 13), 30)
    assert parse("after:2h", now=7200.0).term == Period((0, 8), since=0.0)
    assert parse("before:1970-01-02").term == Period((0, 17), until=86_400.0)
    assert parse("-cuda").term == Absent((0, 5), Words((1, 5), ("cuda",)))


@pytest.mark.parametrize(
    ("text", "at", "hint"),
    [
        ("cuda after:soon", (5, 15), "after:2026-01-31"),
        ("level:eror", (0, 10), "level:error"),
        ("level:9999 x", (0, 10), "debug"),
        ("a " * 65, (128, 129), "rarest"),
        ("(" * 17 + "a", (16, 18), "parentheses"),
        ("a" * 5000, (4096, 5000), "shorten"),
    ],
)
def test_what_is_wrong_is_shown(text: str, at: tuple[int, int], hint: str) -> None:
    """An error has the range that is to blame, and what to type instead."""
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.at == at and hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("nmae:resnet", "did you mean name:?"),
        ("param:lr>0.1", "run.hparams.lr > 0.1"),
        ("a*", "too short"),
        ("123*", "too short"),
        ("(cuda", "never closed"),
        ('"cuda', "never closed"),
        ("cuda)", "never opened"),
        ("+++", "no letters or digits"),
        ("", "no word"),
    ],
)
def test_a_doubt_is_told(text: str, warning: str) -> None:
    """What is read otherwise than it was perhaps meant carries a warning."""
    assert any(warning in told for told in parse(text).warnings)


def test_many_words_are_bounded() -> None:
    """As many words as are allowed are read."""
    term = parse(" ".join(f"w{number}" for number in range(TERMS_MAX))).term
    assert isinstance(term, All) and len(term.parts) == TERMS_MAX
