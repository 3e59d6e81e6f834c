"""The words of a text column, as arrays of their bytes.

A question about a column of texts is asked of its distinct words. Names of runs are mostly
distinct, so there may be a hundred thousand: Python asks each of them in milliseconds, numpy asks
all of their bytes at once. UTF-8 keeps the order of characters and never mistakes the middle of
one for another, so bytes answer for texts.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEW_WORDS", "Lexicon"]

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Words: fewer are asked one by one, which needs no arrays and is as fast.
FEW_WORDS = 256

# Bytes at a word's edge that arrays compare; the few words that are alike so far are asked in full.
EDGE_BYTES = 16

# Bytes at a word's front that arrays sort; words that are alike so far are sorted one by one.
SORTED_BYTES = 64

# Lists of words made of a column's words, such as those in lower case, that are kept with it.
DERIVED_MAX = 4

# New words are put among the sorted ones while they are fewer than one in this many: else all are
# sorted again.
RANKED_SHARE = 64

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def _alphabetical(word: str) -> tuple[str, str]:
    return word.casefold(), word


def _utf8(word: str) -> bytes:
    # Halves of characters come from file names, say: no reason to fail.
    return word.encode("utf-8", "surrogatepass")


class Lexicon:
    """Answers about all words of a list, which may grow at its end and changes nowhere else.

    Every answer is an array with one entry for each word.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self._count = 0  # words that are in the arrays
        self._bytes: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._ends: Ints = np.zeros(1, np.int64)  # of each word in `_bytes`, after one for none
        self._plain = True  # each character is one byte
        self._owner: NDArray[np.int32] | None = None  # the word of each byte
        self._heads: NDArray[np.uint64] | None = None  # the first eight bytes of each word
        self._ranks: NDArray[np.float64] = np.array([np.nan])
        self._sorted: list[str] = []  # each word once, in alphabetical order
        self._places: list[float] = []  # their ranks
        self._derived: dict[Any, Lexicon] = {}

    # --- questions --------------------------------------------------------------------------------

    def startswith(self, part: str) -> Mask:
        """Return which words start with a text."""
        return self._at_edge(part, str.startswith, ahead=True)

    def endswith(self, part: str) -> Mask:
        """Return which words end with a text."""
        return self._at_edge(part, str.endswith, ahead=False)

    def contains(self, part: str) -> Mask:
        """Return which words have a text in them."""
        needle = np.frombuffer(_utf8(part), np.uint8)
        size = len(needle)
        if len(self.words) < FEW_WORDS or not size:
            return self._asked(lambda word: part in word)
        self._grow()
        places = len(self._bytes) - size + 1
        found = np.zeros(self._count, np.bool_)
        if places <= 0:
            return found
        hits = self._bytes[:places] == needle[0]
        for offset in range(1, min(size, EDGE_BYTES)):
            hits &= self._bytes[offset : places + offset] == needle[offset]
        at = np.flatnonzero(hits)
        if self._owner is None:
            self._owner = np.repeat(np.arange(self._count, dtype=np.int32), np.diff(self._ends))
        owner = self._owner[at]
        owner = owner[at + size <= self._ends[owner + 1]]
        found[owner] = True
        if size > EDGE_BYTES:
            for place in np.flatnonzero(found).tolist():
                found[place] = part in self.words[place]
        return found

    def compare(self, op: str, text: str) -> Mask:
        """Return for which words `word op text` holds."""
        function = COMPARE[op]
        if len(self.words) < FEW_WORDS:
            return self._asked(lambda word: function(word, text))
        self._grow()
        if self._heads is None:
            self._heads = self._eight(0)
        head = np.uint64(int.from_bytes(_utf8(text)[:8].ljust(8, b"\0"), "big"))
        found: Mask = function(self._heads, head)  # type: ignore[assignment]  # arrays compare so
        # Words that are alike so far may differ behind, or in NULs, which fill up short ones.
        for place in np.flatnonzero(self._heads == head).tolist():
            found[place] = function(self.words[place], text)
        return found

    def lengths(self) -> Ints:
        """Return how many characters each word has."""
        if len(self.words) < FEW_WORDS:
            return np.fromiter(map(len, self.words), np.int64, len(self.words))
        self._grow()
        if self._plain:
            return np.diff(self._ends)
        first = (self._bytes & 0xC0) != 0x80  # of a character: the others go on with one
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(first, dtype=np.int64)))
        return np.diff(before[self._ends])

    def ranks(self) -> NDArray[np.float64]:
        """Return each word's place in alphabetical order, whatever the case, and NaN at the end."""
        known, fresh = len(self._ranks) - 1, self.words[len(self._ranks) - 1 :]
        if len(fresh) * RANKED_SHARE > known or not self._rank_between(fresh):
            self._sorted = self._in_order()
            self._places = [float(place) for place in range(len(self._sorted))]
            place_of = dict(zip(self._sorted, self._places, strict=True))
            ranks = [place_of[word] for word in self.words]
            self._ranks = np.array([*ranks, np.nan], np.float64)
        return self._ranks

    def _in_order(self) -> list[str]:
        """Return each word once, in alphabetical order.

        Arrays of the first bytes are sorted: while Python sorts texts, no other thread does
        anything. Words that are alike so far are few, and put in order by themselves.
        """
        if len(self.words) < FEW_WORDS:
            return sorted(set(self.words), key=_alphabetical)
        folded = self.derived("alphabetical", str.casefold)
        folded._grow()
        longest = min(int(np.diff(folded._ends).max()), SORTED_BYTES)
        keys = [folded._eight(start) for start in range(0, longest, 8)] or [folded._eight(0)]
        order = np.lexsort(keys[::-1])
        fresh = np.zeros(len(order), np.bool_)
        for key in keys:
            fresh[1:] |= key[order[1:]] != key[order[:-1]]
        words = [self.words[at] for at in order.tolist()]
        found: list[str] = []
        begin = 0
        for end in [*np.flatnonzero(fresh).tolist(), len(words)]:
            alike = words[begin:end]
            found += alike if end - begin == 1 else sorted(set(alike), key=_alphabetical)
            begin = end
        return found

    def _rank_between(self, fresh: Sequence[str]) -> bool:
        """Put a few new words among the sorted ones; False if there is no number left between."""
        ranks = []
        for word in fresh:
            at = bisect_left(self._sorted, _alphabetical(word), key=_alphabetical)
            if at == len(self._sorted) or self._sorted[at] != word:
                low = self._places[at - 1] if at else self._places[0] - 2
                high = self._places[at] if at < len(self._places) else self._places[-1] + 2
                middle = (low + high) / 2
                if not low < middle < high:
                    return False
                self._sorted.insert(at, word)
                self._places.insert(at, middle)
            ranks.append(self._places[at])
        if ranks:
            self._ranks = np.array([*self._ranks[:-1], *ranks, np.nan])
        return True

    def derived(self, key: Any, function: Callable[[str], str]) -> Lexicon:
        """Return the words that a function makes of these; `key` tells it from other functions."""
        made = self._derived.pop(key, None) or Lexicon([])
        assert isinstance(made.words, list)  # it was made here
        made.words.extend(map(function, self.words[len(made.words) :]))
        self._derived[key] = made
        while len(self._derived) > DERIVED_MAX:
            del self._derived[next(iter(self._derived))]
        return made

    # --- arrays -----------------------------------------------------------------------------------

    def _asked(self, question: Callable[[str], bool]) -> Mask:
        return np.fromiter(map(question, self.words), np.bool_, len(self.words))

    def _grow(self) -> None:
        """Take over the words that were added."""
        fresh = self.words[self._count :]
        if not fresh:
            return
        whole = "".join(fresh)
        self._plain &= whole.isascii()
        if whole.isascii():
            sizes = np.fromiter(map(len, fresh), np.int64, len(fresh))
            data = whole.encode()
        else:
            parts = [_utf8(word) for word in fresh]
            sizes = np.fromiter(map(len, parts), np.int64, len(parts))
            data = b"".join(parts)
        self._ends = np.concatenate((self._ends, self._ends[-1] + np.cumsum(sizes)))
        self._bytes = np.concatenate((self._bytes, np.frombuffer(data, np.uint8)))
        self._count += len(fresh)
        self._owner = self._heads = None

    def _at_edge(self, part: str, question: Callable[[str, str], bool], *, ahead: bool) -> Mask:
        if len(self.words) < FEW_WORDS:
            return self._asked(lambda word: question(word, part))
        self._grow()
        needle = _utf8(part)
        starts, ends = self._ends[:-1], self._ends[1:]
        alike = np.flatnonzero(ends - starts >= len(needle))
        for offset in range(min(len(needle), EDGE_BYTES)):
            if ahead:
                place, byte = starts[alike] + offset, needle[offset]
            else:
                place, byte = ends[alike] - 1 - offset, needle[-1 - offset]
            alike = alike[self._bytes[place] == byte]
        found = np.zeros(self._count, np.bool_)
        found[alike] = True
        if len(needle) > EDGE_BYTES:
            for word in alike.tolist():
                found[word] = question(self.words[word], part)
        return found

    def _eight(self, start: int) -> NDArray[np.uint64]:
        """Return eight bytes of each word from `start` on, as numbers in their order."""
        sizes = np.diff(self._ends)
        heads = np.zeros(self._count, np.uint64)
        for place in range(8):
            offset = start + place
            longer = np.flatnonzero(sizes > offset)
            heads[longer] |= self._bytes[self._ends[longer] + offset].astype(
                np.uint64
            ) << np.uint64(8 * (7 - place))
        return heads
