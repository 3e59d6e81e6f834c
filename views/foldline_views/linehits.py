"""Lines of a run that hold a text."""

from __future__ import annotations

import sqlite3
import time
from heapq import heapify, heappop, heappush

from .contents import HitsPage, HitsRequest, LineRow
from .lineblocks import BLOCK_LINES, Block, colourless, may_hold, unpack
from .linepages import Printed, chosen, printed
from .placemark import read_placemark, write_placemark

__all__ = ["hits_page"]

# How long one answer looks, in seconds: half a million lines on an idle machine. Who wants more
# goes on with the cursor, and can show how far it is meanwhile.
LOOK_S_MAX = 0.25


def hits_page(db: sqlite3.Connection, run: str, asked: HitsRequest, watermark: int = 0) -> HitsPage:
    """Return lines that hold a text, in the order of their blocks. Raises QueryError."""
    writers = chosen(printed(db, run), asked.writer, asked.rank)
    done: dict[str, int] = {}  # of each writer, the lines that were looked at
    if asked.cursor is not None:
        done = read_placemark(asked.cursor, tuple[dict[str, int]])[0]
    wanted = asked.text.lower()
    found: list[tuple[float, str, int, LineRow]] = []
    looked = 0
    deadline = time.monotonic() + LOOK_S_MAX
    waiting = [
        (one.begun(start // BLOCK_LINES), one.about.writer, start, one)
        for one in writers
        if (start := min(max(0, done.get(one.about.writer, 0)), one.total)) < one.total
    ]
    heapify(waiting)
    while waiting and len(found) < asked.limit and time.monotonic() < deadline:
        _, writer, start, one = heappop(waiting)
        hits, end = _look(one, start, wanted, asked.limit - len(found))
        found += hits
        looked += end - start
        done[writer] = end
        if end < one.total:
            begun = one.begun(end // BLOCK_LINES) if waiting else 0  # nobody else has a turn
            heappush(waiting, (begun, writer, end, one))
    lines = [row for *_, row in sorted(found, key=lambda hit: hit[:3])]
    cursor = write_placemark((done,)) if waiting else None
    return HitsPage(lines, looked, cursor, watermark)


def _look(
    one: Printed, start: int, wanted: str, limit: int
) -> tuple[list[tuple[float, str, int, LineRow]], int]:
    """Return the hits from a line to the end of its block, and where it is to go on."""
    number, first = divmod(start, BLOCK_LINES)
    there, data = one.next_block(number) or (one.blocks(), b"")
    if there != number:
        return [], min(there * BLOCK_LINES, one.total)  # damage has taken what lies between
    end = min((number + 1) * BLOCK_LINES, one.total)
    if not may_hold(data, wanted):
        return [], end
    block = unpack(data)
    found = []
    for at in _places(block, wanted):
        place, text = block.places[at], block.texts[at]
        if at >= first and place is not None and text is not None:
            line = number * BLOCK_LINES + at
            row = LineRow(one.about.writer, line, place.stream, place.time, text, place.ended)
            found.append((place.begun, one.about.writer, line, row))
            if len(found) == limit:
                return found, line + 1
    return found, end


def _places(block: Block, wanted: str) -> list[int]:
    return [
        at
        for at, text in enumerate(block.texts)
        if text is not None and wanted in colourless(text).lower()
    ]
