"""One text, as a question is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

__all__ = ["Unit", "Value", "needles", "units"]


class Value(NamedTuple):
    """One of the texts that make up a unit."""

    field: str  # as a question names it
    name: str  # the path of a param
    text: str
    tokens: Sequence[Token]

    def marks(self, term: Term) -> list[Span]:
        """Return the ranges of the text that a question is found by."""
        return [mark for words in positive(term) for mark in self._marks(words)]

    def _marks(self, words: Words | Setting) -> list[Span]:
        if isinstance(words, Setting):
            value = self.text.removeprefix(f"{self.name} = ")
            found = self.field == "param" and words.pair in pairs(self.name, value)
            return [(0, len(self.text))] if found else []
        return find(words, self.tokens) if words.field in {"", self.field} else []


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


def units(
    document: Document, lines: Sequence[str], needles: frozenset[str] | None = None
) -> Iterator[Unit]:
    """Yield the units of a document; of a block of lines the last comes first.

    Lines that have none of `needles` are passed over.
    """
    match document:
        case ConsoleLines(first=first):
            yield from _lines(document, "line", first, lines, needles)
        case SourceLines(first=first):
            yield from _lines(document, "code", first, lines, needles)
        case RunWords():
            values = [_value(*value) for value in document.values() if value[2]]
            yield Unit(document, None, values)
        case Message(text=text, logger=logger):
            yield Unit(document, None, [_value("message", "", text) for text in (text, logger)])
        case Text(text=text, name=name, context=context):
            yield Unit(document, None, [_value("text", "", text) for text in (text, name, context)])


def needles(term: Term) -> frozenset[str] | None:
    """Return words one of which begins a word of every line that is found; None if there are none.

    Most lines of a block have nothing to do with a question, and this is a quick look at them.
    """
    match term:
        case Words(words=words, match=match) if match != "fuzzy" and not is_about_run(term):
            return frozenset({max(words, key=len)})
        case Any(parts=parts):
            found = [known for part in parts if (known := needles(part))]
            return frozenset().union(*found) if len(found) == len(parts) else None
        case All(parts=parts):
            return next(filter(None, map(needles, parts)), None)
        case _:
            return None


def _lines(
    document: Document, field: str, first: int, lines: Sequence[str], needles: frozenset[str] | None
) -> Iterator[Unit]:
    for place in range(len(lines) - 1, -1, -1):
        line = lines[place]
        if needles is not None and line.isascii():
            lower = line.lower()
            if not any(needle in lower for needle in needles):
                continue
        yield Unit(document, first + place, (_value(field, "", line),))


def _value(field: str, name: str, text: str) -> Value:
    return Value(field, name, text, tokens(text))
