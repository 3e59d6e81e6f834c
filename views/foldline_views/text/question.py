"""The language of the search box.

    cuda "out of memory" -warning           all words, a phrase, none of this
    (oom OR killed) experiment:mnist        either, in runs of an experiment
    learn* memroy~ param:lr=0.1 after:2h    begins with, nearly, a param's value, a time

Nothing that a person types is refused for its shape: what can't be read as a question is searched
as it stands, and a warning says so. Errors are left for what has one meaning and is wrong in it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from foldline.errors import QueryError

from ..dates import moment
from ..source import TEXT_CHARS_MAX
from ..words import nearest
from .documents import pair
from .terms import (
    RUN_FIELDS,
    TEXT_FIELDS,
    All,
    Level,
    Match,
    Not,
    Period,
    Setting,
    Span,
    Term,
    Words,
    all_of,
    any_of,
    settled,
)
from .tokens import words

__all__ = ["TERMS_MAX", "Question", "parse"]

TERMS_MAX = 64  # words and phrases: each is looked up in every field
DEPTH_MAX = 16  # parentheses in one another: more than a person counts

PREFIX_CHARS_MIN = 2  # one letter begins a good part of all words
NUMBER_PREFIX_CHARS_MIN = (
    4  # and two digits a good part of all numbers, of which there are millions
)
FUZZY_CHARS_MIN = 3  # of two letters one is half
EDITS_MAX = 2  # letters: the most that the index looks for

FIELDS = {name: name for name in (*RUN_FIELDS, *TEXT_FIELDS)} | {
    "tags": "tag",
    "params": "param",
    "notes": "note",
    "description": "note",
    "id": "run",
    "console": "line",
    "log": "message",
}
FILTERS = ("level", "after", "before")

LEVELS = {
    "debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "critical": 50, "fatal": 50,
}  # fmt: skip

UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}

_FIELD = re.compile(r"([A-Za-z]+):(?!//|\\|:)")  # what looks like a field, and no address or file
_BREAKS = re.compile(r'[\s"]')
_AGO = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(s|min|m|h|d|w)")
_SPACES = re.compile(r"\s*")
_COMPARED = re.compile(r"[^<>]+[<>]=?[^<>]+")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, understood; `term` is None where there is nothing to look for."""

    text: str
    term: Term | None
    warnings: tuple[str, ...] = ()


def parse(text: str, *, now: float | None = None, zone: tzinfo = UTC) -> Question:
    """Return what a text asks.

    `now` is what `after:2h` counts from, in unix seconds, and `zone` what dates without one are
    in. Raises QueryError, with a range and a hint, for what is too long or has a wrong value.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise QueryError(
            f"the question has {len(text)} characters; at most {TEXT_CHARS_MAX} are read",
            at=(TEXT_CHARS_MAX, len(text)),
            hint="shorten it",
        )
    reader = _Reader(text, time.time() if now is None else now, zone)
    term = reader.whole()
    return Question(text, term, tuple(dict.fromkeys(reader.warnings)))


@dataclass(slots=True)
class _Reader:
    """A place in the text, which moves on."""

    text: str
    now: float
    zone: tzinfo
    at: int = 0
    depth: int = 0
    terms: int = 0
    warnings: list[str] = field(default_factory=list)

    def whole(self) -> Term | None:
        parts = []
        while True:
            part = self.any()
            if part:
                parts.append(part)
            if self.at >= len(self.text):
                break
            self.at += 1  # a parenthesis that closes nothing
            self.warnings.append('a ")" was never opened, and is left out')
        if not parts:
            self.warnings.append("there is no word to search for")
            return None
        return settled(all_of((0, len(self.text)), parts))

    def any(self) -> Term | None:
        """Read parts with OR between them, up to a closing parenthesis or the end."""
        start = self.at
        branches = []
        while True:
            part = self.all()
            if part:
                branches.append(part)
            if not self._word_is("OR"):
                break
        if not branches:
            return None
        return any_of((start, self.at), branches)

    def all(self) -> Term | None:
        start = self.at
        parts = []
        while True:
            self._skip()
            if self.at >= len(self.text) or self.text[self.at] == ")" or self._peek() == "OR":
                break
            if self._word_is("AND"):
                continue
            if part := self.one():
                parts.append(part)
        return all_of((start, self.at), parts) if parts else None

    def one(self) -> Term | None:
        """Read one part, perhaps denied; None if there was nothing to search in it."""
        start = self.at
        if self._word_is("NOT"):
            self._skip()
            if self.at >= len(self.text) or self.text[self.at] == ")":
                return self._words(start, "NOT", "whole", "")
            return self._denied(start)
        if re.match(r'-[^\s\-)=>"]|-"', self.text[start:]):
            self.at += 1
            return self._denied(start)
        if self.text[start] == "(":
            return self._group()
        return self._value()

    def _denied(self, start: int) -> Term | None:
        part = self.one()
        if part is None:
            return None
        return part.part if isinstance(part, Not) else Not((start, self.at), part)

    def _group(self) -> Term | None:
        start = self.at
        self.at += 1
        self.depth += 1
        if self.depth > DEPTH_MAX:
            message = f"the question is nested more than {DEPTH_MAX} levels deep"
            raise QueryError(message, at=(start, len(self.text)), hint="remove parentheses")
        part = self.any()
        self.depth -= 1
        if self.at < len(self.text):
            self.at += 1
        else:
            self.warnings.append('a "(" is never closed')
        return part

    def _value(self) -> Term | None:
        start = self.at
        name = ""
        if found := _FIELD.match(self.text, start):
            known = FIELDS.get(found[1].lower(), found[1].lower())
            if known in FILTERS:
                self.at = found.end()
                return self._filter(known, start)
            if known in FIELDS:
                self.at = found.end()
                name = known
            else:
                self._unknown(found[1])
        if name and (self.at >= len(self.text) or self.text[self.at].isspace()):
            self.at = start  # `note:` alone may well be what a line says
            name = ""
        if self.at < len(self.text) and self.text[self.at] == '"':
            return self._phrase(start, name)
        text = self._bare()
        if name == "param":
            setting = re.fullmatch(r"([^=]+)=(.+)", text)
            if setting and words(setting[1]):
                return self._counted(Setting((start, self.at), pair(setting[1], setting[2])))
            if _COMPARED.fullmatch(text):
                self.warnings.append(
                    "numbers are compared in the query language, like run.hparams.lr > 0.1"
                )
        match: Match = "whole"
        edits = 0
        if len(text) > 1 and text.endswith("*"):
            match, text = "prefix", text.rstrip("*")
        elif fuzzy := re.fullmatch(r"(.+?)~([0-9]?)", text):
            text, edits = fuzzy[1], min(int(fuzzy[2] or 1), EDITS_MAX)
            match = "fuzzy" if edits else "whole"
        return self._words(start, text, match, name, edits)

    def _unknown(self, name: str) -> None:
        near = nearest(name.lower(), [*FIELDS, *FILTERS])
        hint = f"; did you mean {near}:?" if near else ""
        self.warnings.append(f"no field is called {name}:, so it is searched as text{hint}")

    def _phrase(self, start: int, name: str) -> Term | None:
        self.at += 1
        end = self.text.find('"', self.at)
        if end < 0:
            self.warnings.append("a quotation mark is never closed")
            end = len(self.text)
        text = self.text[self.at : end]
        self.at = min(end + 1, len(self.text))
        match: Match = "whole"
        if self.text.startswith("*", self.at):
            match = "prefix"
            self.at += 1
        setting = re.fullmatch(r"([^=]+)=(.+)", text)
        if name == "param" and setting and match == "whole":
            return self._counted(Setting((start, self.at), pair(setting[1], setting[2])))
        return self._words(start, text, match, name)

    def _bare(self) -> str:
        """Read up to a blank, a quotation mark, or a parenthesis that is not the word's own."""
        start, own = self.at, 0
        while self.at < len(self.text):
            sign = self.text[self.at]
            if _BREAKS.match(sign):
                break
            own += (sign == "(") - (sign == ")")
            if own < 0:
                break
            self.at += 1
        return self.text[start : self.at]

    def _words(self, start: int, text: str, match: Match, name: str, edits: int = 0) -> Term | None:
        at = (start, self.at)
        found = words(text)
        if not found:
            if text.strip():
                self.warnings.append(f'"{text}" has no letters or digits to search for')
            return None
        least = NUMBER_PREFIX_CHARS_MIN if found[-1][0].isdigit() else PREFIX_CHARS_MIN
        if match == "prefix" and len(found) == 1 and _is_short(found[0], least):
            self.warnings.append(f'"{text}*" is too short, and searched as a whole word')
            match = "whole"
        if match != "fuzzy":
            return self._counted(Words(at, found, match, name))
        parts: list[Term] = []
        for word in found:
            close = not _is_short(word, FUZZY_CHARS_MIN)
            parts.append(
                self._counted(
                    Words(at, (word,), "fuzzy", name, edits)
                    if close
                    else Words(at, (word,), "whole", name)
                )
            )
        return parts[0] if len(parts) == 1 else All(at, tuple(parts))

    def _counted(self, term: Words | Setting) -> Term:
        self.terms += len(term.words) if isinstance(term, Words) else 1
        if self.terms > TERMS_MAX:
            message = f"the question has more than {TERMS_MAX} words"
            raise QueryError(message, at=term.at, hint="search for the rarest of them")
        return term

    def _filter(self, name: str, start: int) -> Term:
        quoted = self.text.startswith('"', self.at)
        if quoted:
            end = self.text.find('"', self.at + 1)
            end = len(self.text) if end < 0 else end
            value = self.text[self.at + 1 : end]
            self.at = min(end + 1, len(self.text))
        else:
            value = self._bare()
        at = (start, self.at)
        if name == "level":
            return Level(at, _level(value, at))
        seconds = self._moment(value.strip(), at)
        return Period(at, since=seconds) if name == "after" else Period(at, until=seconds)

    def _moment(self, text: str, at: Span) -> float:
        if ago := _AGO.fullmatch(text):
            return self.now - float(ago[1]) * UNITS_S[ago[2]]
        if text in {"today", "yesterday"}:
            day = datetime.fromtimestamp(self.now, self.zone)
            midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
            return (midnight - timedelta(days=text == "yesterday")).timestamp()
        try:
            return moment(text, self.zone, at)
        except QueryError as error:
            error.hint = "like after:2026-01-31, after:2h or after:yesterday"
            raise

    def _skip(self) -> None:
        found = _SPACES.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _peek(self) -> str:
        self._skip()
        found = re.compile(r"(?:OR|AND|NOT)(?=[\s()]|$)").match(self.text, self.at)
        return found[0] if found else ""

    def _word_is(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self.at += len(word)
        return True


def _is_short(word: str, least: int) -> bool:
    return len(word) < least and word.isascii()


def _level(text: str, at: Span) -> int:
    name = text.lower()
    if name in LEVELS:
        return LEVELS[name]
    if re.fullmatch(r"\d{1,3}", name):
        return int(name)
    near = nearest(name, LEVELS)
    hint = f"did you mean level:{near}?" if near else f"one of {', '.join(LEVELS)}"
    raise QueryError(f'"{text}" is no level of a message', at=at, hint=hint)
