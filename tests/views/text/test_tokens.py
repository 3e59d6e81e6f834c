"""Tests of the words of a text."""

from __future__ import annotations

import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline_views.text.highlight import EXCERPT_CHARS_MAX, excerpt, is_near
from foldline_views.text.schema import analyzer
from foldline_views.text.tokens import WORD_CHARS_MAX, prepared, prepared_lines, tokens, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("learning_rate=1e-3", ["learning", "rate", "1e", "3"]),
        ("bert-base-uncased", ["bert", "base", "uncased"]),
        ("camelCase", ["camelcase"]),
        ("Ünïcödé RÉSUMÉ naïve", ["unicode", "resume", "naive"]),
        (
            "Straße Øre Æsir İstanbul \u0131l\u0131k",
            ["strasse", "ore", "aesir", "istanbul", "ilik"],
        ),
        ("e\u0301tude", ["etude"]),
        ("機械学習abc", ["機", "械", "学", "習", "abc"]),
        ("ガ カ", ["ガ", "カ"]),
        ("हिन्दी", ["हिन्दी"]),
        ("Ѐлка ΣΊΣΥΦΟΣ", ["елка", "σισυφοσ"]),
        ("a\ud800b\0c\ue000d", ["a", "b", "c", "d"]),
        ("½ ² ﬁt", ["1\u20442", "2", "fit"]),
        ("🙂 → __ --", []),
    ],
)
def test_words_are_folded(text: str, found: list[str]) -> None:
    """Words are letters and digits of any script, without case and accents."""
    assert list(words(text)) == found


ANALYZER = analyzer()


@settings(max_examples=500, deadline=None)
@given(st.text() | st.text("aB1_- é日ガ\u0301ß\ue000\ud800"))
def test_the_index_sees_the_same_words(text: str) -> None:
    """What the index makes of a prepared text is what `tokens` finds, for any text at all."""
    assert ANALYZER.analyze(prepared(text)) == list(words(text))


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text("aB1_- é\n\r\x01") | st.text() | st.just("A" * 300), max_size=5))
def test_lines_are_parted_in_the_index(lines: list[str]) -> None:
    """Between the words of two lines there is one that nobody can ask for."""
    found = ANALYZER.analyze(prepared_lines(lines))
    expected = [word for line in lines for word in (*words(line), "\x01")]
    assert found == expected[:-1]


@given(st.text())
def test_words_know_their_places(text: str) -> None:
    """Tokens lie in order, apart, and each holds at least a character."""
    end = 0
    for token in tokens(text):
        assert end <= token.start < token.end <= len(text)
        end = token.end


def test_a_long_word_is_several() -> None:
    """A million letters are words of a bounded length, in the index as elsewhere."""
    for letter in "xé":
        found = words(letter * 1_000_000)
        assert len(found) == 1_000_000 // WORD_CHARS_MAX + (1_000_000 % WORD_CHARS_MAX > 0)
        assert tuple(ANALYZER.analyze(prepared(letter * 1_000_000))) == found


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(1, 2))
@settings(max_examples=200, deadline=None)
def test_near_words_are_those_of_the_index(one: str, other: str, edits: int) -> None:
    """Here and in the index, the same words are nearly the same."""
    if not one or not other:
        return
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("word", tokenizer_name="raw")
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(15_000_000, 1)
    writer.add_document(tantivy.Document(word=one))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    query = tantivy.Query.fuzzy_term_query(schema, "word", other, edits)
    assert bool(index.searcher().search(query, 1).hits) == is_near(one, other, edits)


@given(st.integers(0, 1000), st.lists(st.tuples(st.integers(0, 999), st.integers(1, 50))))
def test_an_excerpt_shows_its_first_mark(length: int, found: list[tuple[int, int]]) -> None:
    """An excerpt is bounded; its marks lie in it, apart and in order, the first one among them."""
    text = "".join(chr(97 + place % 26) for place in range(length))
    marks = [(start, min(start + size, length)) for start, size in found if start < length]
    shown = excerpt(text, marks)
    assert shown.text == text[shown.at : shown.at + EXCERPT_CHARS_MAX]
    end = -1
    for start, stop in shown.marks:
        assert end < start < stop <= len(shown.text)
        end = stop
    if marks:
        assert shown.marks[0][0] + shown.at == min(marks)[0]
