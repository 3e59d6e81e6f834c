"""Messages of a run, by time."""

from __future__ import annotations

import sqlite3
from heapq import merge
from itertools import islice

from .contents import MessageRow, MessagesPage, MessagesRequest
from .messages import decode_said
from .placemark import read_placemark, write_placemark

__all__ = ["messages_page"]

_Row = tuple[float, str, int, int, str, int | None, bytes]

# A statement for each direction: the order is that of the table, so either reads no more rows
# than it gives.
FORWARD = """
    SELECT time, message.writer, seq, level, coalesce(host, ''), rank, data FROM message
    LEFT JOIN author ON author.segment = message.segment
    WHERE run = ? AND level = ? AND (time, writer, seq) > (?, ?, ?)
    ORDER BY time, writer, seq LIMIT ?
"""
BACKWARD = """
    SELECT time, message.writer, seq, level, coalesce(host, ''), rank, data FROM message
    LEFT JOIN author ON author.segment = message.segment
    WHERE run = ? AND level = ? AND (time, writer, seq) < (?, ?, ?)
    ORDER BY time DESC, writer DESC, seq DESC LIMIT ?
"""
FIRST = (-1.0, "", -1)  # before every message
LAST = (float("inf"), "", 0)  # behind every one


def messages_page(
    db: sqlite3.Connection, run: str, asked: MessagesRequest, watermark: int = 0
) -> MessagesPage:
    """Return messages of a run, in the order of their times. Raises QueryError."""
    place = LAST if asked.newest else FIRST
    if asked.cursor is not None:
        place = read_placemark(asked.cursor, tuple[float, str, int])
    row = db.execute("SELECT id FROM run WHERE uid = ?", (run,)).fetchone()
    id_ = row[0] if row else 0
    levels = dict(db.execute("SELECT level, count FROM message_count WHERE run = ?", (id_,)))
    statement = BACKWARD if asked.newest else FORWARD
    every = [
        db.execute(statement, (id_, level, *place, asked.limit + 1))
        for level in levels
        if level >= asked.level
    ]
    rows = merge(*every, key=lambda row: row[:3], reverse=asked.newest)
    found = [_message(row) for row in islice(rows, asked.limit + 1)]
    page = found[: asked.limit]
    more = len(found) > len(page)
    return MessagesPage(
        messages=page,
        total=sum(count for level, count in levels.items() if level >= asked.level),
        levels={str(level): count for level, count in sorted(levels.items())},
        cursor=write_placemark((page[-1].time, page[-1].writer, page[-1].seq)) if more else None,
        watermark=watermark,
    )


def _message(row: _Row) -> MessageRow:
    time, writer, seq, level, host, rank, data = row
    said = decode_said(data)
    return MessageRow(
        time=time,
        level=level,
        text=said.text,
        logger=said.logger,
        params=said.params,
        place=said.place,
        host=host,
        rank=rank if said.rank is None else said.rank,
        writer=writer,
        seq=seq,
    )
