"""A run's lines and messages, as they come.

What is folded comes from the views, however long it is, and the rest from the run's segments
themselves: so nothing waits for a fold, and nothing is told twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

import msgspec

from foldline.errors import CorruptRecord, RunNotFound, ViewDamaged
from foldline.events import ConsolePrinted, MessageLogged, WriterLost, WriterOpened
from foldline.layout import Layout, SegmentName
from foldline.packs import segments
from foldline_ingest.batch import Fact, facts
from foldline_ingest.reader import SegmentReader

from .authors import bounded_rank
from .contents import LineRow, LinesRequest, MessagesRequest
from .lineblocks import BLOCK_LINES, moment
from .linepages import lines_page, printed
from .logged import Line, Message, message_of
from .messagepages import messages_page
from .opened import read
from .shelves import LINES

__all__ = ["Choice", "Following"]

# Lines and messages that are read of the views at a time; each is about 300 bytes in memory.
PAGE_ROWS = 5000


class Choice(NamedTuple):
    """Which lines are wanted, or which messages if a level is given."""

    stream: str | None = None
    rank: int | None = None
    level: int | None = None

    def takes(self, one: Line | Message) -> bool:
        """Say whether a line or a message is wanted."""
        if self.rank is not None and one.rank != self.rank:
            return False
        if isinstance(one, Message):
            return self.level is not None and one.level >= self.level
        return self.level is None and (self.stream is None or one.stream in {self.stream, "both"})


class _Heard:
    """A segment that is listened to."""

    def __init__(self, layout: Layout, name: SegmentName, offset: int) -> None:
        self.reader = SegmentReader(name, layout.segment(name), offset, events_only=True)
        self.opened = WriterOpened("", 0)
        self.finished = False
        self.next = 0  # the number after its last line
        self.begun: dict[int, Line] = {}  # lines that have not ended


class Following:
    """One run, listened to. Raises RunNotFound if it has logged nothing."""

    def __init__(self, layout: Layout, run: str, choice: Choice) -> None:
        self._layout = layout
        self._run = run
        self._choice = choice
        self._heard: dict[str, _Heard] = {}
        self._lost: set[str] = set()
        self._waiting: set[tuple[str, int]] = set()  # lines in the views that have not ended
        if not segments(layout, run):
            raise RunNotFound(
                f"there is no run {run}", hint="`foldline runs ls` lists the runs of the store"
            )

    def begin(self, tail: int | None = None) -> Iterator[Line | Message]:
        """Yield what is there, or the last `tail` of it; lines that have not ended wait."""
        with suppress(ViewDamaged), read(self._layout.views, LINES) as db:
            if db is not None:
                db.execute("BEGIN")  # one commit: the rows, and how far they go
                self._open(db)
                if tail is None:
                    yield from self._folded(db)
                    yield from self.more()
                    return
                rest = self.more()
                found = [*self._last(db, tail - len(rest)), *rest]
                yield from found[max(0, len(found) - tail) :]
                return
        self._heard.clear()
        rest = self.more()
        yield from rest if tail is None else rest[max(0, len(rest) - tail) :]

    def more(self) -> list[Line | Message]:
        """Return what was logged since, each line once it has ended."""
        found: list[Line | Message] = []
        for name in segments(self._layout, self._run):
            heard = self._heard.get(name.writer)
            if heard is None:
                heard = self._heard[name.writer] = _Heard(self._layout, name, 0)
            with suppress(CorruptRecord, FileNotFoundError):
                while not heard.finished and (batch := heard.reader.read()).bytes:
                    heard.finished = batch.finished
                    for fact in facts(
                        batch, WriterOpened, ConsolePrinted, MessageLogged, WriterLost
                    ):
                        found += self._take(heard, fact)
            heard.reader.close()
        return sorted(filter(self._choice.takes, found), key=lambda one: one.time)

    def begun(self) -> list[Line]:
        """Return the lines that have not ended: progress bars, prompts, last words."""
        found = [line for heard in self._heard.values() for line in heard.begun.values()]
        return sorted(filter(self._choice.takes, found), key=lambda one: one.time)

    def is_over(self) -> bool:
        """Say whether nobody writes to the run any more, as far as the log tells."""
        return all(
            heard.finished
            or heard.opened.role == "server"
            or writer in self._lost
            or not self._layout.marker(SegmentName(self._run, writer)).exists()
            for writer, heard in self._heard.items()
        )

    def _take(self, heard: _Heard, fact: Fact) -> Iterator[Line | Message]:
        """Yield what an event says that will not be said again."""
        event = fact.event
        match event:
            case WriterOpened():
                heard.opened = event
            case WriterLost():
                self._lost.add(event.writer)
            case MessageLogged():
                yield message_of(fact, event, heard.opened)
            case ConsolePrinted():
                yield from _printed(heard, event, fact.writer, moment(fact.time))

    def _open(self, db: sqlite3.Connection) -> None:
        """Go on behind what is folded."""
        rows = db.execute(
            "SELECT writer, offset, finished, coalesce(host, ''), rank, coalesce(role, '')"
            " FROM run JOIN segment ON segment.run = run.id"
            " LEFT JOIN author ON author.segment = segment.id WHERE uid = ?",
            (self._run,),
        )
        for writer, offset, finished, host, rank, role in rows:
            heard = _Heard(self._layout, SegmentName(self._run, writer), offset)
            heard.opened = WriterOpened(host, 0, rank=rank, role=role)
            heard.finished = bool(finished)
            self._heard[writer] = heard
        for one in printed(db, self._run):
            heard = self._heard[one.about.writer]
            heard.next = one.total
            # What may still change stands at the end: of all that is above, nobody waits for more.
            for *_, row in one.rows(max(0, one.total - BLOCK_LINES)):
                if not row.ended:
                    heard.begun[row.number] = self._line(row)
                    self._waiting.add((row.writer, row.number))

    def _folded(self, db: sqlite3.Connection, start: int = 0) -> Iterator[Line | Message]:
        """Yield what the views hold; of lines from a place on, below 0 counted from the end."""
        choice = self._choice
        if choice.level is not None:
            yield from reversed(list(self._messages(db)))
            return
        asked = LinesRequest(None, choice.rank, choice.stream, start, limit=PAGE_ROWS)
        while True:
            page = lines_page(db, self._run, asked)
            for row in page.lines:
                if (row.writer, row.number) not in self._waiting:
                    yield self._line(row)
            if page.next >= page.total:
                return
            asked = msgspec.structs.replace(asked, start=page.next)

    def _last(self, db: sqlite3.Connection, count: int) -> list[Line | Message]:
        """Return the last `count` of what the views hold, looking back as far as it takes."""
        if count <= 0:
            return []
        if self._choice.level is not None:
            newest: list[Line | Message] = list(islice(self._messages(db), count))
            return newest[::-1]
        total = lines_page(db, self._run, LinesRequest(rank=self._choice.rank, limit=1)).total
        back = count + len(self._waiting)
        while True:
            found = list(self._folded(db, -back))
            if len(found) >= count or back >= total:
                return found[max(0, len(found) - count) :]
            back *= 8

    def _messages(self, db: sqlite3.Connection) -> Iterator[Message]:
        """Yield the messages that the views hold, the newest first."""
        asked = MessagesRequest(self._choice.level or 0, None, newest=True, limit=PAGE_ROWS)
        while True:
            page = messages_page(db, self._run, asked)
            for one in page.messages:
                message = Message(*(getattr(one, name) for name in Message._fields))
                if self._choice.takes(message):
                    yield message
            if page.cursor is None:
                return
            asked = msgspec.structs.replace(asked, cursor=page.cursor)

    def _line(self, row: LineRow) -> Line:
        opened = self._heard[row.writer].opened
        return Line(
            row.time, row.stream, opened.host, opened.rank, row.writer, row.number, row.text
        )


def _printed(heard: _Heard, event: ConsolePrinted, writer: str, time: float) -> Iterator[Line]:
    """Yield the lines that an event ends; those that it begins wait for their end."""
    texts = event.text.split("\n")
    opened = heard.opened
    rank = bounded_rank(opened.rank)
    for number, text in enumerate(texts, event.first):
        line = heard.begun.pop(number, None)
        if line is not None:
            line = line._replace(stream=event.stream, text=text)
        elif number >= heard.next:
            line = Line(time, event.stream, opened.host, rank, writer, number, text)
            heard.next = number + 1
        else:
            continue  # it was told, and somebody wrote over it: nobody sees that in a list
        if event.ended or number < event.first + len(texts) - 1:
            yield line
        else:
            heard.begun[number] = line
