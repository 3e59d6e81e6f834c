"""One text, as a question is asked of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from .documents import ConsoleLines, Document, Message, RunWords, SourceLines, Text, pairs
from .highlight import find
from .schema import milliseconds
from .terms import (
    All,
    Any,
    Level,
    Not,
    Period,
    Setting,
    Span,
    Term,
    Words,
    is_about_run,
    positive,
)
from .tokens import Token, tokens

__all__ = ["Unit", "Value", "needles", "pieces", "units"]

PIECES_KEPT = 256  # words of a few questions


class Value:
    """One of the texts that make up a unit."""

    __slots__ = ("_tokens", "field", "name", "text")

    def __init__(self, field: str, name: str, text: str) -> None:
        self.field = field  # as a question names it
        self.name = name  # the path of a param
        self.text = text
        self._tokens: Sequence[Token] | None = None

    def marks(self, term: Term) -> list[Span]:
        """Return the ranges of the text that a question is found by."""
        return [mark for words in positive(term) for mark in self._marks(words)]

    def _marks(self, words: Words | Setting) -> list[Span]:
        if isinstance(words, Setting):
            value = self.text.removeprefix(f"{self.name} = ")
            found = self.field == "param" and words.pair in pairs(self.name, value)
            return [(0, len(self.text))] if found else []
        if words.field not in {"", self.field} or not _may_have(self.text, pieces(words)):
            return []
        if self._tokens is None:
            self._tokens = tokens(self.text)
        return find(words, self._tokens)


class Unit(NamedTuple):
    """A line, a message, a tracked text, or the words of a run."""

    document: Document
    line: int | None  # its number, of a line
    values: Sequence[Value]

    def holds(self, term: Term, of_runs: Mapping[Term, frozenset[int]]) -> bool:
        """Whether a part of a question holds; `of_runs` knows it of parts about runs."""
        if is_about_run(term):
            return self.document.run in of_runs[term]
        match term:
            case Words():
                return any(value.marks(term) for value in self.values)
            case All(parts=parts):
                return all(self.holds(part, of_runs) for part in parts)
            case Any(parts=parts):
                return any(self.holds(part, of_runs) for part in parts)
            case Not(part=part):
                return not self.holds(part, of_runs)
            case Level(level=level):
                return isinstance(self.document, Message) and self.document.level >= level
            case Period(since=since, until=until):
                return self._is_within(since, until)
            case _:
                raise AssertionError(term)

    def _is_within(self, since: float | None, until: float | None) -> bool:
        first = last = self.document.time
        if isinstance(self.document, ConsoleLines):
            first = self.document.since
        if since is not None and milliseconds(last) < milliseconds(since):
            return False
        return until is None or milliseconds(first) < milliseconds(until)


def units(document: Document, lines: Sequence[str], term: Term) -> Iterator[Unit]:
    """Yield the units of a document; of a block of lines the last comes first.

    Some lines in which the term can't hold are passed over.
    """
    match document:
        case ConsoleLines(first=first):
            yield from _lines(document, "line", first, lines, term)
        case SourceLines(first=first):
            yield from _lines(document, "code", first, lines, term)
        case RunWords():
            yield Unit(document, None, [Value(*value) for value in document.values() if value[2]])
        case Message(text=text, logger=logger):
            yield Unit(document, None, [Value("message", "", text) for text in (text, logger)])
        case Text(text=text, name=name, context=context):
            yield Unit(document, None, [Value("text", "", text) for text in (text, name, context)])


def needles(term: Term) -> frozenset[str] | None:
    """Return texts one of which is in every line where a part holds; None if there are none.

    Most lines of a block have nothing to do with a question, and this tells at a glance.
    """
    if is_about_run(term):
        return None
    match term:
        case Words():
            return pieces(term)
        case Any(parts=parts):
            found = [known for part in parts if (known := needles(part))]
            return frozenset().union(*found) if len(found) == len(parts) else None
        case All(parts=parts):
            return next(filter(None, map(needles, parts)), None)
        case _:
            return None


@lru_cache(maxsize=PIECES_KEPT)
def pieces(words: Words) -> frozenset[str]:
    """Return texts one of which is wherever the words are."""
    if words.match != "fuzzy":
        return frozenset({max(words.words, key=len)})
    # An edit spoils one piece, or two where it swaps letters: one piece is always left.
    word, count = words.words[0], 2 * words.edits + 1
    cuts = [len(word) * place // count for place in range(count + 1)]
    return frozenset(word[start:end] for start, end in pairwise(cuts))


def _may_have(text: str, needles: Collection[str]) -> bool:
    """Say whether one of these may be in a text: a quick look, where all is ASCII."""
    if not text.isascii():
        return True
    lower = text.lower()
    for needle in needles:  # noqa: SIM110 -- a generator takes twice as long, for each line
        if needle in lower:
            return True
    return False


def _lines(
    document: Document, field: str, first: int, lines: Sequence[str], term: Term
) -> Iterator[Unit]:
    sought = needles(term)
    for place in range(len(lines) - 1, -1, -1):
        if sought is None or _may_have(lines[place], sought):
            yield Unit(document, first + place, (Value(field, "", lines[place]),))
