"""Where the words of a question stand in a text.

The index says which documents to look at; what is said about a single line is found here, from the
line itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .terms import Span, Words
from .tokens import Token

__all__ = ["EXCERPT_CHARS_MAX", "Excerpt", "excerpt", "find", "is_near"]

EXCERPT_CHARS_MAX = 400  # of a text around its first mark: what a page shows of one hit
BEFORE_CHARS = 80  # of an excerpt, before the first mark


class Excerpt(NamedTuple):
    """A part of a text: text[at:], as far as it is shown, with ranges of the part."""

    text: str
    at: int
    marks: list[Span]


def find(words: Words, tokens: Sequence[Token]) -> list[Span]:
    """Return the ranges of a text, given as its tokens, where the words stand."""
    wanted, last = words.words, len(words.words) - 1
    return [
        (tokens[place].start, tokens[place + last].end)
        for place in range(len(tokens) - last)
        if all(
            _fits(words, tokens[place + offset].word, word, last=offset == last)
            for offset, word in enumerate(wanted)
        )
    ]


def excerpt(text: str, marks: list[Span]) -> Excerpt:
    """Return what to show of a text, with marks that neither overlap nor leave it."""
    joined: list[Span] = []
    for start, end in sorted(marks):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    at = 0
    if len(text) > EXCERPT_CHARS_MAX and joined:
        at = min(max(0, joined[0][0] - BEFORE_CHARS), len(text) - EXCERPT_CHARS_MAX)
    part = text[at : at + EXCERPT_CHARS_MAX]
    inside = [(start - at, min(end - at, len(part))) for start, end in joined]
    return Excerpt(part, at, [mark for mark in inside if 0 <= mark[0] < mark[1]])


def _fits(words: Words, word: str, wanted: str, *, last: bool) -> bool:
    if words.match == "fuzzy":
        return is_near(word, wanted, words.edits)
    if words.match == "prefix" and last:
        return word.startswith(wanted)
    return word == wanted


def is_near(one: str, other: str, edits: int) -> bool:
    """Whether so many letters changed, added, dropped or swapped with their neighbour suffice."""
    if abs(len(one) - len(other)) > edits:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > edits:
            return False
    return row[-1] <= edits
