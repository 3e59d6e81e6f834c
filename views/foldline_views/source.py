"""A query's text as a Python expression, with ranges.

Python's own parser reads the text; nothing is ever compiled or run. Its positions are lines and
bytes; here they become ranges of characters of the text that the user typed.
"""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from itertools import accumulate

from foldline.errors import QueryError

from .syntax import Span

__all__ = ["TEXT_CHARS_MAX", "Source"]

# Characters: longer than any query typed by hand, short enough to parse in a millisecond or two.
TEXT_CHARS_MAX = 4096

# NUL, and halves of characters, which no file could hold either.
UNREADABLE = re.compile("[\0\ud800-\udfff]")

# How Aim's queries once began; only the condition behind it means anything.
LEGACY = re.compile(r"\s*select\b[^'\"#]*?\bif\b", re.IGNORECASE)

# What people write who think in another language, and what it is called here.
FOREIGN = (
    (re.compile(r"&&"), 'write "and" instead of "&&"'),
    (re.compile(r"\|\|"), 'write "or" instead of "||"'),
    (re.compile(r"!(?!=)"), 'write "not" instead of "!"'),
    (re.compile(r"(?<![=<>!:])=(?!=)"), 'to compare, write "==" instead of "="'),
    (re.compile(r"\b(?:AND|OR|NOT|IN|IS)\b"), "and, or, not, in and is are written in lower case"),
)

# What Python says, in part, and what is meant.
REASONS = {
    "was never closed": "this parenthesis is never closed",
    "unterminated": "this text is never closed",
    "unmatched": "this parenthesis was never opened",
}


class Source:
    """The text of a query, parsed.

    Raises QueryError if the text is too long or no Python expression. `tree` is None if the text
    is empty or a comment.
    """

    def __init__(self, text: str) -> None:
        if len(text) > TEXT_CHARS_MAX:
            raise QueryError(
                f"the query has {len(text)} characters; at most {TEXT_CHARS_MAX} are read",
                at=(TEXT_CHARS_MAX, len(text)),
                hint="shorten it, for instance by filtering on a tag",
            )
        if odd := UNREADABLE.search(text):
            message, hint = "the query holds a character that can't be read", "type it again"
            raise QueryError(message, at=odd.span(), hint=hint)
        self.text = text
        # Lone carriage returns end a line for the parser; as blanks they leave all ranges alone.
        clean = text.replace("\r", " ").replace("\f", " ")
        if legacy := LEGACY.match(clean):
            clean = re.sub(r"[^\n]", " ", legacy[0]) + clean[legacy.end() :]
        bare = clean.lstrip()
        self._lines = clean.split("\n")
        self._starts = list(accumulate((len(line) + 1 for line in self._lines), initial=0))
        # Comments and line breaks are read as inside parentheses.
        self._wrapped = "\n" in bare.rstrip() or "#" in bare
        if self._wrapped:
            self._above, self._before = 1, 0
            code = [line for line in self._lines if line.partition("#")[0].strip()]
            self.tree = self._wrapped_tree(clean) if code else None
        else:
            self._before = len(clean) - len(bare)
            self._above = -bisect_right(self._starts, self._before) + 1
            self._before -= self._starts[-self._above]
            self.tree = self._parsed(bare.rstrip()) if bare else None

    def _wrapped_tree(self, clean: str) -> ast.expr:
        # Brackets of both shapes must fit, or `1) or (2` would close the pair that was put around.
        self._parsed(f"[\n{clean}\n]")
        return self._parsed(f"(\n{clean}\n)")

    def _parsed(self, code: str) -> ast.expr:
        try:
            # Odd escapes in a text literal are warned about: to the server, not to who typed them.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(code, mode="eval").body
        except SyntaxError as error:
            raise self._unreadable(error) from None
        except (RecursionError, MemoryError):
            raise QueryError(
                "the query is nested too deeply",
                at=(0, len(self.text)),
                hint="remove parentheses, or split it",
            ) from None

    def _unreadable(self, error: SyntaxError) -> QueryError:
        start = end = len(self.text.rstrip())
        if error.offset:  # 0 says that the text ended too early
            start = self._offset(error.lineno or 1, error.offset - 1)
            end = start + 1
        if error.end_lineno is not None and error.end_offset is not None:
            end = max(end, self._offset(error.end_lineno, error.end_offset - 1))
        start, end = min(start, len(self.text)), min(end, len(self.text))
        hint = "a query is one Python expression, like: run.hparams.lr > 0.01"
        outside_texts = re.sub(r"'[^']*'|\"[^\"]*\"", lambda m: " " * len(m[0]), self.text)
        for pattern, advice in FOREIGN:
            if found := pattern.search(outside_texts):
                start, end = found.span()
                hint = advice
                break
        message = "the query can't be read from here on"
        for sign, reason in REASONS.items():
            if sign in error.msg:
                message = reason
        return QueryError(message, at=(start, end), hint=hint)

    def _offset(self, line: int, column: int) -> int:
        """Return the place in the text of a line (from 1) and character of what was parsed."""
        index = line - 1 - self._above
        if index >= len(self._lines):
            return len(self.text)
        if index < 0:
            return 0
        return self._starts[index] + column + (self._before if line == 1 else 0)

    def _character(self, line: int, byte: int) -> int:
        index = line - 1 - self._above
        if not 0 <= index < len(self._lines):
            return self._offset(line, 0)
        before = self._before if line == 1 else 0
        content = self._lines[index][before:]
        column = byte if content.isascii() else len(content.encode()[:byte].decode())
        return self._starts[index] + before + column

    def at(self, tree: ast.expr | ast.keyword) -> Span:
        """Return the range of characters that a part of the expression stands in."""
        start = self._character(tree.lineno, tree.col_offset)
        if tree.end_lineno is None or tree.end_col_offset is None:
            return start, start
        return start, self._character(tree.end_lineno, tree.end_col_offset)

    def words(self, at: Span) -> str:
        """Return the text in a range, on one line."""
        return " ".join(self.text[at[0] : at[1]].split())
