"""Lines of a run, from any place on.

The order of several writers' lines is that of (begun, writer, number). A line that damage has
taken keeps its number and its place, and is not shown. So a place is a sum of numbers, and is
found by a search over the blocks' first lines, whatever the length of the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from heapq import merge

from .contents import LineRow, LinesPage, LinesRequest, LineWriter
from .lineblocks import BLOCK_LINES, Block, unpack
from .lines import bits, block_id, from_bits

__all__ = ["Printed", "chosen", "lines_page", "printed"]

# Lines that one answer looks at for those of one stream, at 0.5 µs each.
LOOKED_MAX = 200_000
# Characters of one answer. Lines are cut at 64 KiB where they are captured, so a page always
# gets on.
PAGE_CHARS_MAX = 4 << 20


class Printed:
    """What one writer printed, read block by block."""

    def __init__(self, db: sqlite3.Connection, segment: int, about: LineWriter) -> None:
        self._db = db
        self.segment = segment
        self.about = about
        self.total = about.total
        self._begun: dict[int, int] = {}
        self._straddling: dict[int, Block] = {}  # those that a search came across

    def begun(self, number: int) -> int:
        """Return the bits of when the first line from a block on was begun."""
        found = self._begun.get(number)
        if found is None:
            row = self._db.execute(
                "SELECT begun FROM line_block WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1",
                (block_id(self.segment, number), block_id(self.segment + 1, 0) - 1),
            ).fetchone()
            found = self._begun[number] = row[0] if row else bits(float("inf"))
        return found

    def block(self, number: int) -> Block:
        """Return a block that is there."""
        ((data,),) = self._db.execute(
            "SELECT data FROM line_block WHERE id = ?", (block_id(self.segment, number),)
        )
        return unpack(data)

    def next_block(self, number: int) -> tuple[int, bytes] | None:
        """Return the first block from one on, as it is stored; damage may have taken many."""
        row = self._db.execute(
            "SELECT id, data FROM line_block WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1",
            (block_id(self.segment, number), block_id(self.segment + 1, 0) - 1),
        ).fetchone()
        return (row[0] - block_id(self.segment, 0), row[1]) if row else None

    def blocks(self) -> int:
        """Return how many blocks there are, counted by their numbers."""
        return -(-self.total // BLOCK_LINES)

    def straddling(self, time: int, low: int, high: int) -> int:
        """Return how many blocks begin before a time: the last one may go on after it.

        It is known that there are at least `low` and at most `high`.
        """
        while low < high:
            middle = (low + high) // 2
            if self.begun(middle) < time:
                low = middle + 1
            else:
                high = middle
        return low

    def before(self, time: int, blocks: int | None = None) -> int:
        """Return how many lines were begun before a time, of which `straddling` may be known."""
        if blocks is None:
            blocks = self.straddling(time, 0, self.blocks())
        if blocks == 0:
            return 0
        block = self._straddling.get(blocks - 1)
        if block is None:
            block = self._straddling[blocks - 1] = self.block(blocks - 1)
        limit = from_bits(time)
        earlier = [at for at, place in enumerate(block.places) if place and place.begun < limit]
        return (blocks - 1) * BLOCK_LINES + (earlier[-1] + 1 if earlier else 0)

    def rows(self, number: int) -> Iterator[tuple[float, str, int, LineRow]]:
        """Yield the lines from a number on, each with what orders it."""
        writer = self.about.writer
        which, start = divmod(number, BLOCK_LINES)
        while (found := self.next_block(which)) is not None:
            there, data = found
            which, start = there, start if there == which else 0
            block = unpack(data)
            for at in range(start, BLOCK_LINES):
                place, text = block.places[at], block.texts[at]
                if place is not None and text is not None:
                    number = which * BLOCK_LINES + at
                    row = LineRow(writer, number, place.stream, place.time, text, place.ended)
                    yield place.begun, writer, number, row
            which, start = which + 1, 0


def printed(db: sqlite3.Connection, run: str) -> list[Printed]:
    """Return what each of a run's writers printed, by writer."""
    rows = db.execute(
        "SELECT segment.id, writer, coalesce(host, ''), rank, coalesce(role, ''),"
        " coalesce(beside, ''), next FROM run JOIN segment ON segment.run = run.id"
        " JOIN line_writer ON line_writer.segment = segment.id"
        " LEFT JOIN author ON author.segment = segment.id WHERE uid = ? ORDER BY writer",
        (run,),
    )
    return [Printed(db, segment, LineWriter(*about)) for segment, *about in rows]


def chosen(writers: Sequence[Printed], writer: str | None, rank: int | None) -> list[Printed]:
    """Return those of a writer, or of the companion beside it, and of a rank."""
    return [
        one
        for one in writers
        if writer in (None, one.about.writer, one.about.beside) and rank in (None, one.about.rank)
    ]


def lines_page(
    db: sqlite3.Connection, run: str, asked: LinesRequest, watermark: int = 0
) -> LinesPage:
    """Return lines of a run in their order. A run that printed nothing has none."""
    everyone = printed(db, run)
    writers = chosen(everyone, asked.writer, asked.rank)
    total = sum(one.total for one in writers)
    if asked.at is not None:
        starts = [one.before(bits(max(0.0, asked.at))) for one in writers]
    else:
        start = asked.start or 0
        starts = _starts(writers, min(max(0, start if start >= 0 else total + start), total))
    reached = {one.about.writer: first for one, first in zip(writers, starts, strict=True)}
    lines: list[LineRow] = []
    chars = 0
    streams = {asked.stream, "both"}
    every = [one.rows(first) for one, first in zip(writers, starts, strict=True)]
    merged = every[0] if len(every) == 1 else merge(*every)
    for looked, (_, writer, number, row) in enumerate(merged):
        if len(lines) >= asked.limit or chars > PAGE_CHARS_MAX or looked >= LOOKED_MAX:
            break
        reached[writer] = number + 1
        if asked.stream is None or row.stream in streams:
            lines.append(row)
            chars += len(row.text)
    about = [one.about for one in everyone]
    return LinesPage(lines, sum(starts), sum(reached.values()), total, about, watermark)


def _starts(writers: Sequence[Printed], place: int) -> list[int]:
    """Return the first line of each writer from a place of the order on."""
    if len(writers) == 1:
        return [place]
    if place == 0:
        return [0] * len(writers)
    if place == sum(one.total for one in writers):
        return [one.total for one in writers]
    # The last time before which no more lines than these were begun. The blocks that begin before
    # a time are fewer and fewer to choose from, so each is looked for once, not at every turn.
    low, fewest = min(one.begun(0) for one in writers), [0] * len(writers)
    high, most = bits(float("inf")), [one.blocks() for one in writers]
    middle = max(one.begun(one.blocks() - 1) for one in writers)  # no later time but a few lines'
    while high - low > 1:
        blocks = [
            one.straddling(middle, few, many)
            for one, few, many in zip(writers, fewest, most, strict=True)
        ]
        if _is_within(writers, middle, blocks, place):
            low, fewest = middle, blocks
        else:
            high, most = middle, blocks
        middle = (low + high) // 2
    starts = [one.before(low) for one in writers]
    # Lines that were begun at this very time are in the order of their writers.
    left = place - sum(starts)
    for at, one in enumerate(writers):
        same = min(left, one.before(low + 1) - starts[at])
        starts[at] += same
        left -= same
    return starts


def _is_within(writers: Sequence[Printed], time: int, blocks: Sequence[int], place: int) -> bool:
    """Say whether at most `place` lines were begun before a time; so many blocks were."""
    if sum(max(0, count - 1) for count in blocks) * BLOCK_LINES > place:
        return False
    both = list(zip(writers, blocks, strict=True))
    if sum(min(count * BLOCK_LINES, one.total) for one, count in both) <= place:
        return True
    return sum(one.before(time, count) for one, count in both) <= place
