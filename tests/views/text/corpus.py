"""Small stores of texts, and a naive searcher of them.

The searcher reads every text for every question. It shares no code with the index: not the words
of a text, not the meaning of a question.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st

from foldline_views.text.documents import (
    BLOCK_LINES,
    ConsoleLines,
    Document,
    Message,
    RunWords,
    SourceLines,
    Text,
    source_lines,
)

__all__ = ["Corpus", "Naive", "Tree", "corpora", "questions"]

VOCABULARY = [
    "loss", "cuda", "memory", "out", "learning_rate", "val/loss", "0.001", "Résumé", "日本語",
    "los",
]  # fmt: skip

TIERS = [("name", "experiment", "tag", "run"), ("param",), ("note",)]

# A question as it is generated: ("word", field, words, match), ("setting", path, value),
# ("level", n), ("after", t), ("before", t), ("all" or "any", trees), ("not", tree).
Tree = tuple[Any, ...]


class Corpus(NamedTuple):
    """Runs and what they said; the lines of blocks by their key."""

    documents: list[Document]

    def fetch(self, block: SourceLines | ConsoleLines) -> list[str]:
        """Return the lines of a block, as a view of lines would."""
        (found,) = (one for one in self.documents if one.key == block.key)
        assert isinstance(found, SourceLines | ConsoleLines)
        return list(found.lines)


class Piece(NamedTuple):
    """A text that a question is asked of."""

    run: int
    kind: str
    place: tuple[str, int]
    values: list[tuple[str, str]]
    time: float
    since: float
    level: int


def split(text: str) -> list[str]:
    """Return the folded words of a text, letter by letter."""
    found, word = [], ""
    for letter in text:
        if "\u3000" < letter < "\ua000":
            found += [word, letter]
            word = ""
        elif letter.isalnum():
            word += unicodedata.normalize("NFD", letter.lower())[0]
        else:
            found.append(word)
            word = ""
    return [word for word in [*found, word] if word]


def distance(one: str, other: str) -> int:
    """Return how many edits, swaps of neighbours among them, make one word the other."""
    if not one or not other:
        return len(one) + len(other)
    best = min(
        distance(one[1:], other) + 1,
        distance(one, other[1:]) + 1,
        distance(one[1:], other[1:]) + (one[0] != other[0]),
    )
    if one[:2] == other[1::-1] and len(one) > 1 and len(other) > 1:
        best = min(best, distance(one[2:], other[2:]) + 1)
    return best


class Naive:
    """Answers questions by reading everything."""

    def __init__(self, corpus: Corpus) -> None:
        self.pieces = [piece for document in corpus.documents for piece in pieces(document)]
        self.runs = {piece.run: piece for piece in self.pieces if piece.kind == "run"}

    def about_run(self, tree: Tree) -> bool:
        """Whether a part is about runs."""
        match tree:
            case ("word", field, *_):
                return field in {"name", "experiment", "tag", "param", "note", "status"}
            case ("setting", *_) | ("absent", _):
                return True
            case ("all" | "any", parts):
                return all(map(self.about_run, parts))
            case ("not", part):
                return self.about_run(part)
        return False

    def settled(self, tree: Tree) -> Tree:
        """Return a tree whose denials of texts are either beside a text, or about the run."""
        match tree:
            case ("all", parts):
                parts = [self.settled(part) for part in parts]
                texts = [p for p in parts if p[0] != "not" and not self.about_run(p)]
                return ("all", parts if texts else list(map(self.alone, parts)))
            case ("any", parts):
                return ("any", [self.alone(self.settled(part)) for part in parts])
            case ("not", part):
                return ("not", self.settled(part))
        return tree

    def alone(self, tree: Tree) -> Tree:
        """Return a denial of texts as one of all the run's texts."""
        return ("absent", tree[1]) if tree[0] == "not" and not self.about_run(tree) else tree

    def found(self, tree: Tree) -> list[Piece]:
        """Return the pieces for which a question holds."""
        tree = self.alone(self.settled(tree))
        if self.about_run(tree):
            return [piece for piece in self.runs.values() if self.holds(tree, piece)]
        texts = tree
        if tree[0] == "any":  # what is said of runs is then no reason to show their lines
            texts = ("any", [part for part in tree[1] if not self.about_run(part)])
        return [
            piece
            for piece in self.pieces
            if self.holds(tree if piece.kind == "run" else texts, piece)
        ]

    def holds(self, tree: Tree, piece: Piece) -> bool:
        """Whether a part of a question holds for a piece."""
        match tree:
            case ("all", parts):
                return all(self.holds(part, piece) for part in parts)
            case ("any", parts):
                return any(self.holds(part, piece) for part in parts)
            case ("not", part):
                return not self.holds(part, piece)
            case ("absent", part):
                mine = [other for other in self.pieces if other.run == piece.run]
                return not any(self.holds(part, other) for other in mine)
            case ("level", level):
                return piece.kind == "message" and piece.level >= level
            case ("after", moment):
                return bool(piece.time >= moment)
            case ("before", moment):
                return bool(piece.since < moment)
            case ("setting", path, value):
                texts = [text for field, text in self.runs[piece.run].values if field == "param"]
                return any(re.search(rf"(^|\.){path} = {value}$", text) for text in texts)
        if self.about_run(tree):
            piece = self.runs[piece.run]
        return any(self.stands(tree, field, text) for field, text in piece.values)

    def stands(self, tree: Tree, field: str, text: str) -> bool:
        """Whether words stand in a text of a field."""
        _, wanted, words, match = tree
        if wanted not in {"", field}:
            return False
        found = split(text)
        windows = [found[at : at + len(words)] for at in range(len(found))]
        if match == "fuzzy":
            return any(distance(words[0], word) <= 1 for word in found)
        if match == "prefix":
            return any(
                window[:-1] == words[:-1] and window[-1].startswith(words[-1])
                for window in windows
                if len(window) == len(words)
            )
        return words in windows

    def order(self, tree: Tree) -> list[int]:
        """Return the runs that are found, the best first."""
        found = self.found(tree)
        keys: dict[int, tuple[int, float]] = {}
        for piece in found:
            tier = len(TIERS) + 1
            if piece.kind == "run":
                words = list(sought(self.alone(self.settled(tree))))
                held = [field for field, text in piece.values
                        if any(self.marks(word, field, text) for word in words)]  # fmt: skip
                tier = next(
                    (n for n, fields in enumerate(TIERS) if set(fields) & set(held)), len(TIERS)
                )
            key = (tier, -piece.time)
            keys[piece.run] = min(keys.get(piece.run, key), key)
        return sorted(keys, key=lambda run: keys[run])

    def marks(self, word: Tree, field: str, text: str) -> bool:
        """Whether a word or a setting is to be highlighted in a text."""
        if word[0] == "setting":
            return field == "param" and bool(re.search(rf"(^|\.){word[1]} = {word[2]}$", text))
        return self.stands(word, field, text)


def sought(tree: Tree) -> Iterator[Tree]:
    """Yield the parts that a text is found by."""
    if tree[0] in {"word", "setting"}:
        yield tree
    elif tree[0] in {"all", "any"}:
        for part in tree[1]:
            yield from sought(part)


def pieces(document: Document) -> Iterator[Piece]:
    """Yield the pieces of a document."""
    run, time = document.run, document.time
    match document:
        case RunWords():
            values = [("name", document.name), ("experiment", document.experiment)]
            values += [("tag", tag) for tag in document.tags]
            values += [("param", f"{path} = {text}") for path, text in document.params.items()]
            values += [("note", document.notes), ("status", document.status), ("run", document.id)]
            yield Piece(run, "run", ("", 0), values, time, time, 0)
        case Message():
            texts = [("message", document.text), ("message", document.logger)]
            yield Piece(run, "message", ("", document.seq), texts, time, time, document.level)
        case Text():
            texts = [("text", document.text), ("text", document.name)]
            yield Piece(run, "text", ("", document.seq), texts, time, time, 0)
        case ConsoleLines():
            for number, line in enumerate(document.lines, document.first):
                place = (document.writer, number)
                yield Piece(run, "line", place, [("line", line)], time, document.since, 0)
        case SourceLines():
            for number, line in enumerate(document.lines, document.first):
                yield Piece(run, "code", (document.path, number), [("code", line)], time, time, 0)


# --- strategies -----------------------------------------------------------------------------------

_word = st.sampled_from(VOCABULARY)
_texts = st.lists(st.tuples(_word, st.sampled_from([" ", "=", ", ", "\t"])), max_size=5).map(
    lambda parts: "".join(word + sign for word, sign in parts)
)


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    """Draw a few runs; no two documents have one time."""
    documents: list[Document] = []
    clock = iter(draw(st.permutations(range(100))))

    def time() -> float:
        return 1000.0 + next(clock)

    for run in range(1, draw(st.integers(1, 3)) + 1):
        documents.append(
            RunWords(
                run, time(), f"id{run}", name=draw(_texts), experiment=draw(_word),
                tags=draw(st.lists(_word, max_size=2)), notes=draw(_texts), status="finished",
                params=draw(st.dictionaries(st.sampled_from(["lr", "hparams.lr", "opt"]),
                                            st.sampled_from(["0.5", "adam", "loss"]))),
            )
        )  # fmt: skip
        for seq in range(draw(st.integers(0, 2))):
            level = draw(st.sampled_from([20, 30, 40]))
            documents.append(Message(run, time(), "w", seq, level, draw(_texts), draw(_word)))
        if draw(st.booleans()):
            documents.append(Text(run, time(), "w", 0, draw(_word), 3, draw(_texts)))
        for code in draw(st.lists(_texts, max_size=1)):
            documents += source_lines(run, time(), "src/loss.py", "ab", code + "\n\nimport out")
        for writer in draw(st.sampled_from([[], ["w"], ["w", "x"]])):
            lines = draw(st.lists(_texts, min_size=1, max_size=8)) * draw(
                st.sampled_from([1, 1, 30])
            )
            for first in range(0, len(lines), BLOCK_LINES):
                block, until = lines[first : first + BLOCK_LINES], time()
                since = until - draw(st.integers(0, 20))
                documents.append(ConsoleLines(run, until, writer, first, since, 0, block))
    return Corpus(documents)


def _atom(draw: Callable[[Any], Any]) -> tuple[str, Tree]:
    field = draw(
        st.sampled_from([""] * 8 + ["name", "tag", "param", "note", "line", "code", "message"])
    )
    head = f"{field}:" if field else ""
    shape = draw(
        st.sampled_from(["word", "word", "word", "word", "phrase", "prefix", "fuzzy", "filter"])
    )
    word = draw(_word)
    if shape == "phrase":
        text = f"{word} {draw(_word)}"
        return f'{head}"{text}"', ("word", field, split(text), "whole")
    if shape == "prefix":
        text = word[: draw(st.integers(2, 6))].rstrip("_/-.")
        if len(split(text)[-1]) >= 2 or len(split(text)) > 1:
            return f"{head}{text}*", ("word", field, split(text), "prefix")
    if shape == "fuzzy" and word.isalpha() and len(split(word)) == 1:
        at = draw(st.integers(0, len(word) - 1))
        text = word[:at] + draw(st.sampled_from(["", "x", "s"])) + word[at + 1 :]
        if len(text) >= 3:
            return f"{head}{text}~", ("word", field, split(text), "fuzzy")
    if shape == "filter":
        moment = 1000 + draw(st.integers(0, 100))
        when = f"1970-01-01T00:{moment // 60:02d}:{moment % 60:02d}"
        filters: list[tuple[str, Tree]] = [
            ("level:error", ("level", 40)),
            ("level:warning", ("level", 30)),
            (f"after:{when}", ("after", moment)),
            (f"before:{when}", ("before", moment)),
            ("param:lr=0.5", ("setting", "lr", "0.5")),
            ("param:hparams.lr=adam", ("setting", "hparams.lr", "adam")),
        ]
        text, tree = draw(st.sampled_from(filters))
        return text, tree
    return f"{head}{word}", ("word", field, split(word), "whole")


@st.composite
def questions(draw: st.DrawFn, depth: int = 2) -> tuple[str, Tree]:
    """Draw a question as a text and as a tree: most often a few words that all have to hold."""
    op = draw(st.sampled_from(["all", "all", "all", "any", "one"])) if depth else "one"
    if op == "one":
        text, tree = _atom(draw)
    else:
        parts = [
            draw(questions(draw(st.sampled_from([0, 0, 0, depth - 1]))))
            for _ in range(draw(st.integers(2, 3)))
        ]
        sign = " OR " if op == "any" else " "
        text = f"({sign.join(text for text, _ in parts)})"
        tree = (op, [tree for _, tree in parts])
    if draw(st.sampled_from([False, False, False, True])):
        return f"-{text}", ("not", tree)
    return text, tree
