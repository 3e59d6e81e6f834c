"""The words of a text, folded, with their places.

This is the one place where a text becomes words: what is indexed, what is asked and what is
highlighted can't differ. A word is a run of letters and digits of any script, in lower case and
without accents; `learning_rate` is two. A character of a script that is written without blanks is
a word by itself, so that any part of such a text is found.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

__all__ = ["WORD_CHARS_MAX", "Token", "prepared", "prepared_lines", "tokens", "words"]

# Characters of one word: a longer run of letters is several. The index drops words over 64 KiB.
WORD_CHARS_MAX = 128

# Stands between two lines of a block in the index, so that no phrase reaches over it. It is no
# letter, so no text has it as a word.
LINE_END = " \x01 "

_ASCII = re.compile(rf"[0-9A-Za-z]{{1,{WORD_CHARS_MAX}}}")
_LONG = re.compile(rf"[0-9A-Za-z]{{{WORD_CHARS_MAX + 1}}}")

# Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese letters.
_ALONE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
# What makes words of ASCII, all else being blanks: letters in lower case, and digits.
_SIMPLE = {
    code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128) if code != 10
}

_ACCENTS = re.compile("[\u0300-\u036f]")
_NO_LETTER = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")  # of ASCII: what the index would split at

# Letters that are no plain one with an accent, and are typed as one all the same.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}
)


class Token(NamedTuple):
    """A word of a text: text[start:end], folded."""

    start: int
    end: int
    word: str


def tokens(text: str) -> list[Token]:
    """Return the words of a text, in order."""
    if text.isascii():
        return [Token(m.start(), m.end(), m[0].lower()) for m in _ASCII.finditer(text)]
    return list(_wide_tokens(text))


def words(text: str) -> tuple[str, ...]:
    """Return the folded words of a text."""
    return tuple(token.word for token in tokens(text))


def prepared(text: str) -> str:
    """Return the words of a text with blanks between them, which is what the index splits at.

    It is given nothing else to do: its own splitting by a pattern takes twice as long as all the
    rest, and tables of letters differ between versions of Unicode.
    """
    if text.isascii() and (len(text) <= WORD_CHARS_MAX or not _LONG.search(text)):
        return text.translate(_SIMPLE)
    return " ".join(token.word for token in tokens(text))


def prepared_lines(lines: Sequence[str]) -> str:
    """Return the words of lines, so that nothing follows from one line to the next."""
    text = "\n".join(lines)
    if text.isascii() and text.count("\n") < len(lines) and not _LONG.search(text):
        return text.translate(_SIMPLE).replace("\n", LINE_END)
    return LINE_END.join(map(prepared, lines))


def _wide_tokens(text: str) -> Iterator[Token]:
    for stretch in _wide().finditer(text):
        start, end = stretch.span()
        while start < end:
            alone = _ALONE.search(text, start, end)
            stop = alone.start() if alone else end
            for place in range(start, stop, WORD_CHARS_MAX):
                until = min(place + WORD_CHARS_MAX, stop)
                if word := _folded(text[place:until]):
                    yield Token(place, until, word)
            if alone:
                if word := _bare(unicodedata.normalize("NFKC", alone[0])):
                    yield Token(stop, stop + 1, word)
                stop += 1
            start = stop


def _folded(word: str) -> str:
    parts = unicodedata.normalize("NFKD", word.casefold())
    plain = _ACCENTS.sub("", parts).translate(_PLAIN)
    return _bare(unicodedata.normalize("NFKC", plain))


def _bare(word: str) -> str:
    # In lower case at the very end: for a few scripts `casefold` is upper case.
    return _NO_LETTER.sub("", word.lower())


@cache
def _wide() -> re.Pattern[str]:
    r"""Return the pattern of letters, digits and the signs that combine with them.

    Python's `\w` leaves these signs out, and with them most of the vowels of India.
    """
    signs = [code for code in range(0x300, sys.maxunicode) if _is_sign(code)]
    return re.compile("(?:[^\\W_]|[" + "".join(map(chr, signs)) + "])+")


def _is_sign(code: int) -> bool:
    # Beyond the second plane there are ideographs, and selectors that mean nothing to a search.
    return code < 0x20000 and unicodedata.category(chr(code))[0] == "M"
