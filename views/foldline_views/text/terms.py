"""What a question to the text index asks, as a tree.

A question is asked of each *text*: a line of a console, a line of code, a message, a tracked text,
or all the words of a run together. Parts about a run hold for all of its texts alike.

Every node knows `at`, the (start, end) range of characters of the question that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "RUN_FIELDS",
    "TEXT_FIELDS",
    "Absent",
    "All",
    "Any",
    "Level",
    "Not",
    "Period",
    "Setting",
    "Span",
    "Term",
    "Words",
    "all_of",
    "any_of",
    "is_about_run",
    "positive",
    "said",
    "settled",
]

Span = tuple[int, int]
Match = Literal["whole", "prefix", "fuzzy"]

# The words of a run, the most telling first.
RUN_FIELDS = (
    "name", "experiment", "tag", "run", "param", "note", "git", "host", "user", "command", "status",
)  # fmt: skip

# The kinds of all other texts.
TEXT_FIELDS = ("line", "message", "text", "code")


@dataclass(frozen=True, slots=True)
class Words:
    """Words that follow one another; without a `field` anywhere.

    "prefix" is about the last word alone, "fuzzy" about the only one.
    """

    at: Span
    words: tuple[str, ...]
    match: Match = "whole"
    field: str = ""
    edits: int = 0  # how many letters a fuzzy word may differ in


@dataclass(frozen=True, slots=True)
class Setting:
    """A param whose path ends in these parts, with exactly this value."""

    at: Span
    pair: str  # as `documents.pairs` writes it


@dataclass(frozen=True, slots=True)
class Period:
    """Said from `since` on, or before `until`, in unix seconds."""

    at: Span
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A message of this level or a worse one."""

    at: Span
    level: int


@dataclass(frozen=True, slots=True)
class All:
    """Each of the parts holds for one and the same text."""

    at: Span
    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """One of the parts holds."""

    at: Span
    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold for the text, or for the run if it is about one."""

    at: Span
    part: Term


@dataclass(frozen=True, slots=True)
class Absent:
    """The part holds for no text of the run at all."""

    at: Span
    part: Term


Term = Words | Setting | Period | Level | All | Any | Not | Absent


def is_about_run(term: Term) -> bool:
    """Whether a part holds for all texts of a run, or for none."""
    match term:
        case Words(field=field):
            return field in RUN_FIELDS
        case Setting() | Absent():
            return True
        case All(parts=parts) | Any(parts=parts):
            return all(map(is_about_run, parts))
        case Not(part=part):
            return is_about_run(part)
        case _:
            return False


def all_of(at: Span, parts: list[Term]) -> Term:
    """Return what holds where all parts do.

    A denial beside something that texts are searched for is about the same text. Where there is
    nothing of the kind it is about the run: nobody asks for all lines without a word.
    """
    if len(parts) == 1:
        return parts[0]
    searched = any(not isinstance(part, Not) and not is_about_run(part) for part in parts)
    return All(at, tuple(parts) if searched else tuple(map(settled, parts)))


def any_of(at: Span, parts: list[Term]) -> Term:
    """Return what holds where one of the parts does."""
    return parts[0] if len(parts) == 1 else Any(at, tuple(map(settled, parts)))


def settled(term: Term) -> Term:
    """Return a part that stands by itself: a denial of texts is then one of the run's texts."""
    if isinstance(term, Not) and not is_about_run(term):
        return Absent(term.at, term.part)
    return term


def said(term: Term) -> Term:
    """Return what a question asks of all texts but the words of runs.

    Who looks for a run's name or else for a word wants no lines of that run without the word.
    """
    if not isinstance(term, Any):
        return term
    parts = tuple(part for part in term.parts if not is_about_run(part))
    return Any(term.at, parts) if parts else term


def positive(term: Term) -> Iterator[Words | Setting]:
    """Yield the words that a text is found by, and that are to be highlighted in it."""
    match term:
        case Words() | Setting():
            yield term
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                yield from positive(part)
        case _:
            return
