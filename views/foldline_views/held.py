"""What a run printed, said and kept, read fast.

Where all that the run has logged is folded, the views answer; else its log is read. Both say the
same, and neither waits for a fold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from heapq import merge
from typing import TypeVar

import msgspec

from foldline.errors import CorruptRecord, ViewDamaged
from foldline.layout import Layout
from foldline.packs import segments
from foldline_ingest.reader import SegmentReader

from . import logged
from .contents import MessagesRequest, ValuesRequest
from .holdings import snapshot
from .linepages import printed
from .logged import Line, Message, Sequence
from .messagepages import messages_page
from .opened import read
from .shelf import Shelf
from .shelves import LINES, VALUES
from .tracked import decode_entry
from .valuepages import kept

__all__ = ["lines", "messages", "sequences"]

T = TypeVar("T")

ALL = 1 << 62  # rows, of which a run has fewer


def lines(layout: Layout, run: str) -> list[Line]:
    """Return what the run's processes printed, in the order in which lines were begun."""
    found = _folded(layout, LINES, run, lambda db: _lines(db, run))
    return logged.read_lines(layout, run) if found is None else found


def messages(layout: Layout, run: str) -> list[Message]:
    """Return the run's messages in the order of their times."""
    found = _folded(layout, LINES, run, lambda db: _messages(db, run))
    return logged.read_messages(layout, run) if found is None else found


def sequences(layout: Layout, run: str, kind: str | None = None) -> list[Sequence]:
    """Return the run's sequences, of one kind or all, by kind, name and context."""
    found = _folded(layout, VALUES, run, lambda db: _sequences(db, run, kind))
    return logged.read_sequences(layout, run, kind) if found is None else found


def _folded(
    layout: Layout, shelf: Shelf, run: str, job: Callable[[sqlite3.Connection], T]
) -> T | None:
    """Return what a job reads of a shelf, or None if the run has logged what is not in it."""

    def answer(db: sqlite3.Connection, _: int) -> T | None:
        return job(db) if _is_whole(layout, db, run) else None

    with suppress(ViewDamaged), read(layout.views, shelf) as db:  # it is made again then
        return None if db is None else snapshot(answer)(db)
    return None


def _is_whole(layout: Layout, db: sqlite3.Connection, run: str) -> bool:
    """Say whether all that the segments of a run hold now is folded."""
    rows = db.execute(
        "SELECT writer, offset, finished FROM segment JOIN run ON run.id = run WHERE uid = ?",
        (run,),
    )
    known = {writer: (offset, finished) for writer, offset, finished in rows}
    for name in segments(layout, run):
        offset, finished = known.get(name.writer, (0, False))
        if finished:
            continue
        reader = SegmentReader(name, layout.segment(name), offset, events_only=True)
        try:
            if reader.read().bytes:
                return False
        except (CorruptRecord, FileNotFoundError):
            continue  # it is no segment, and holds nothing
        finally:
            reader.close()
    return True


def _lines(db: sqlite3.Connection, run: str) -> list[Line]:
    writers = printed(db, run)
    about = {one.about.writer: one.about for one in writers}
    return [
        Line(
            row.time,
            row.stream,
            about[writer].host,
            about[writer].rank,
            writer,
            number,
            row.text,
        )
        for _, writer, number, row in merge(*(one.rows(0) for one in writers))
    ]


def _messages(db: sqlite3.Connection, run: str) -> list[Message]:
    page = messages_page(db, run, MessagesRequest(limit=ALL))
    return [
        Message(
            one.time,
            one.level,
            one.text,
            one.logger,
            one.params,
            one.place,
            one.host,
            one.rank,
            one.writer,
        )
        for one in page.messages
    ]


def _sequences(db: sqlite3.Connection, run: str, kind: str | None) -> list[Sequence]:
    found = []
    for one in kept(db, run, ValuesRequest(kind=kind)):
        rows = db.execute(
            "SELECT data FROM entry WHERE sequence = ? AND shown = 1"
            " ORDER BY step, time, writer, seq",
            (one.id,),
        )
        if entries := [decode_entry(data) for (data,) in rows]:
            context = msgspec.json.decode(one.context)
            found.append(Sequence(one.kind, one.name, context, entries))
    return found
