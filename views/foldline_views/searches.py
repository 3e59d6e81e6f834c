"""Searches of a store's texts, open for many tasks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from foldline.errors import QueryError, QuestionError
from foldline.layout import Layout

from .generation import store_of
from .holdings import snapshot
from .lineblocks import BLOCK_LINES
from .opened import Opened
from .query import Subject, sort_key
from .query import parse as parse_query
from .shelves import TEXT
from .text.blocks import ConsoleBlock, block_of
from .text.documents import ConsoleLines, SourceLines
from .text.hits import Found, Hit
from .text.index import TextIndex
from .text.question import Question, parse
from .text.search import Among, search, search_ids
from .text.texts import blob_text
from .text.view import index_folder

__all__ = [
    "Answer",
    "Searched",
    "Searches",
    "Shown",
    "TextReader",
    "answered",
    "searched_texts",
    "understood",
]

T = TypeVar("T")

# Runs that are put in the order of how well they are found; the others come behind. Looking at the
# best hit of each takes 0.2 ms.
RANKED_MAX = 500


class Shown(NamedTuple):
    """Which runs a search looks at: these ids, or all but these."""

    runs: Sequence[str] = ()
    but: bool = True

    def of(self, runs: set[str]) -> set[str]:
        """Return those of some runs that it looks at."""
        if not self.runs:
            return runs if self.but else set()
        return runs.difference(self.runs) if self.but else runs.intersection(self.runs)


ALL_RUNS = Shown()


class Answer(NamedTuple):
    """What a search found: each run's id with its hits, how many runs, and as of when."""

    runs: list[tuple[str, list[Hit], bool]]
    found: Found
    watermark: int


@dataclass
class Searched:
    """What the full-text search found for one query: for each `search("…")` in it, the runs.

    `beside` are those that a question beside the query found; None if there was none.
    """

    found: Mapping[str, Collection[str] | QueryError] = field(default_factory=dict)
    beside: set[str] | None = None
    text: str = ""  # that question
    warnings: list[str] = field(default_factory=list)

    def __call__(self, text: str) -> Collection[str]:
        """Return the ids of the runs in which a text of the query is found. Raises QueryError.

        The best one comes first where a sort key is a search for it.
        """
        answer = self.found[text]
        if isinstance(answer, QueryError):
            raise answer
        return answer


def understood(text: str) -> Question:
    """Return what a text asks. Raises QuestionError, with a range of the text."""
    try:
        return parse(text)
    except QueryError as error:
        raise QuestionError(error.message, at=error.at, hint=error.hint) from None


class TextReader:
    """Searches one generation of the text shelf, whose file is open as `db`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        (_, _, file), *_ = db.execute("PRAGMA database_list").fetchall()
        self.db = db
        self._layout = store_of(Path(file))
        self._folder = index_folder(Path(file))
        self._index: TextIndex | None = None
        self._ids: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._last = 0

    def search(
        self, question: Question, shown: Shown, limit: int, hits: int, watermark: int
    ) -> Answer:
        """Return the best runs among those that are shown, with their best hits."""
        index = self._renewed(watermark)
        if index is None:
            return Answer([], Found([], 0, warnings=list(question.warnings)), watermark)
        fetched = _Fetched(self.db, self._layout)
        numbers = [number for run in shown.runs if (number := self._numbers.get(run)) is not None]
        among = Among(frozenset(numbers), shown.but)
        found = search(index, question, fetched.lines, limit=limit, hits=hits, among=among)
        # Of a run whose documents were put just now SQLite may not have heard.
        runs = [
            (self._ids[one.run], [fetched.timed(one.run, hit) for hit in one.hits], one.more)
            for one in found.runs
            if one.run in self._ids
        ]
        return Answer(runs, found, watermark)

    def ids(self, question: Question, watermark: int) -> tuple[set[str], list[str]]:
        """Return the ids of all runs that a question finds, and warnings."""
        index = self._renewed(watermark)
        if index is None:
            return set(), list(question.warnings)
        fetched = _Fetched(self.db, self._layout)
        numbers, warnings = search_ids(index, question, fetched.lines)
        return {self._ids[run] for run in numbers if run in self._ids}, warnings

    def _renewed(self, watermark: int) -> TextIndex | None:
        """Return the index as it is now; None before anything was folded.

        The file's state is read first: an index is never behind it, and has nothing of a run under
        a number that the file gives to another.
        """
        if watermark == 0:
            return None
        for number, run in self.db.execute(
            "SELECT id, uid FROM run WHERE id > ? ORDER BY id", (self._last,)
        ):
            self._ids[number], self._numbers[run] = run, number
            self._last = number
        if self._index is None:
            self._index = TextIndex(self._folder)
        else:
            self._index.reload()
        return self._index


class _Fetched:
    """Lines that a search looks at: of consoles as the shelf has them, of code as blobs."""

    def __init__(self, db: sqlite3.Connection, layout: Layout) -> None:
        self._db = db
        self._layout = layout
        self._blocks: dict[tuple[int, str, int], ConsoleBlock | None] = {}
        self._files: dict[str, list[str]] = {}

    def lines(self, document: SourceLines | ConsoleLines) -> list[str]:
        """Return the lines of a document; none where they are gone."""
        if isinstance(document, ConsoleLines):
            block = self._block(document.run, document.writer, document.first // BLOCK_LINES)
            return block.lines if block else []
        if document.blob not in self._files:
            self._files[document.blob] = blob_text(self._layout, document.blob).splitlines()
        first = document.first
        return [document.path, *self._files[document.blob]][first : first + BLOCK_LINES]

    def timed(self, run: int, hit: Hit) -> Hit:
        """Return a hit with the time of its very line, where it is one of a console."""
        if hit.kind != "line" or hit.line is None:
            return hit
        block = self._block(run, hit.writer, hit.line // BLOCK_LINES)
        place = block.places[hit.line % BLOCK_LINES] if block else None
        return msgspec.structs.replace(hit, time=place.time) if place else hit

    def _block(self, run: int, writer: str, number: int) -> ConsoleBlock | None:
        key = (run, writer, number)
        if key not in self._blocks:
            row = self._db.execute(
                "SELECT id FROM segment WHERE run = ? AND writer = ?", (run, writer)
            ).fetchone()
            self._blocks[key] = block_of(self._db, writer, row[0], number) if row else None
        return self._blocks[key]


class Searches:
    """Searches for many tasks, each true for one commit of the text shelf.

    They raise StoreBusy before the first fold, and ViewDamaged as `opened` says.
    """

    def __init__(self, views: Path) -> None:
        self._opened = Opened(views, TEXT)
        self._reader: TextReader | None = None  # on the thread of the file

    async def close(self) -> None:
        """Close the files; the next search opens them again."""
        self._reader = None
        await self._opened.close()

    async def search(self, question: Question, shown: Shown, limit: int, hits: int) -> Answer:
        """Return the best runs among those that are shown, with their best hits."""
        return await self._run(
            lambda reader, mark: reader.search(question, shown, limit, hits, mark)
        )

    async def searched(
        self,
        query: str,
        subject: Subject = "run",
        *,
        beside: str = "",
        words: Iterable[str] = (),
    ) -> Searched | None:
        """Return what is found for the texts of a query, and for a question beside it.

        `words` are sort keys and columns, which may search as well. None if nothing searches.
        Raises QueryError for what no query is, and QuestionError for what no question is.
        """
        texts = searched_texts(query, subject, words)
        question = understood(beside) if beside.strip() else None
        if not texts and question is None:
            return None
        shown = await self._shown()
        return await self._run(lambda reader, mark: answered(reader, texts, question, mark, shown))

    async def _shown(self) -> Shown:
        """Return the runs that a query's texts are looked for in."""
        return ALL_RUNS

    async def _run(self, job: Callable[[TextReader, int], T]) -> T:
        return await self._opened.run(snapshot(lambda db, mark: job(self._reading(db), mark)))

    def _reading(self, db: sqlite3.Connection) -> TextReader:
        if self._reader is None or self._reader.db is not db:
            self._reader = TextReader(db)
        return self._reader


def searched_texts(query: str, subject: Subject, words: Iterable[str] = ()) -> dict[str, bool]:
    """Return the texts that a query, and sort keys and columns beside it, search for.

    True where rows are sorted by how well one is found. Raises QueryError.
    """
    texts = dict.fromkeys(parse_query(query, subject).searches, False)
    keys = [sort_key(word, subject) for word in words if "search" in word]
    for key in keys:
        texts |= dict.fromkeys(set(key.searches) - texts.keys(), False)
    return texts | {key.ranked: True for key in keys if key.ranked is not None}


def answered(
    reader: TextReader,
    texts: Mapping[str, bool],
    beside: Question | None,
    watermark: int,
    shown: Shown = ALL_RUNS,
) -> Searched:
    """Return what is found for some texts, those that are True ranked, and for a question."""
    found: dict[str, Collection[str] | QueryError] = {}
    warnings: list[str] = []
    for text, ranked in texts.items():
        try:
            question = understood(text)
            runs, odd = reader.ids(question, watermark)
            runs = shown.of(runs)
            found[text] = _ranked(reader, question, runs, watermark, shown) if ranked else runs
            warnings += odd
            if ranked and len(runs) > RANKED_MAX:
                warnings.append(
                    f"the best {RANKED_MAX} of {len(runs)} runs come in the order of the search"
                )
        except QueryError as error:
            found[text] = error  # told where the query says it
    others = None
    if beside is not None:
        others, odd = reader.ids(beside, watermark)
        others = shown.of(others)
        warnings += odd
    return Searched(found, others, "" if beside is None else beside.text, warnings)


def _ranked(
    reader: TextReader, question: Question, runs: set[str], watermark: int, shown: Shown
) -> Collection[str]:
    """Return the runs that a question finds, the best ones first."""
    best = reader.search(question, shown, RANKED_MAX, 1, watermark)
    first = {run: None for run, _, _ in best.runs if run in runs}
    return first | dict.fromkeys(sorted(runs - first.keys()))
