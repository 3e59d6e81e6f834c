"""Blocks of console lines as the index takes them."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ..lineblocks import BLOCK_LINES, Place, colourless, unpack
from ..lines import block_id
from .documents import ConsoleLines

__all__ = ["ConsoleBlock", "block_of"]


class ConsoleBlock(NamedTuple):
    """The lines of one block, without colours, and when each was printed."""

    writer: str
    rank: int | None
    first: int
    lines: list[str]
    places: list[Place | None]

    def document(self, run: int) -> ConsoleLines:
        """Return the block as a document."""
        times = [place.begun for place in self.places if place is not None]
        return ConsoleLines(
            run, times[-1], self.writer, self.first, times[0], self.rank, self.lines
        )


def block_of(db: sqlite3.Connection, writer: str, segment: int, number: int) -> ConsoleBlock | None:
    """Return a block as the lines view has it; None if there is none."""
    row = db.execute(
        "SELECT data, rank FROM line_block LEFT JOIN author ON segment = ? WHERE id = ?",
        (segment, block_id(segment, number)),
    ).fetchone()
    if row is None:
        return None
    block = unpack(row[0])
    lines = [colourless(text or "") for text in block.texts]
    while lines and block.places[len(lines) - 1] is None:
        lines.pop()
    return ConsoleBlock(writer, row[1], number * BLOCK_LINES, lines, block.places)
