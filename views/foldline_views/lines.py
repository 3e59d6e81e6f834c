"""The lines view: what processes printed, in blocks.

A line is found by its writer and its number. Between writers lines are ordered by when they were
begun, which within a writer never goes back: so a block's first line bounds all those after it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import islice

from foldline.events import ConsolePrinted
from foldline_ingest.batch import Batch, facts

from .database import BULK_INSERT, bulk
from .lineblocks import BLOCK_LINES, Block, Place, moment, pack, unpack
from .session import Session

__all__ = ["BLOCKS_PER_WRITER", "LINES_MAX", "LinesView", "bits", "block_id", "from_bits"]

# The row of a block is its writer's segment times this, and its number.
BLOCKS_PER_WRITER = 1 << 32
# Lines of one writer; the SDK counts up from 0. A larger number is damage.
LINES_MAX = BLOCKS_PER_WRITER * BLOCK_LINES
# Writers whose last block is held in memory, at about 10 KB; those of others are read again.
WRITERS_MAX = 1024


class _Printed:
    """What one writer has printed so far."""

    def __init__(self, segment: int, next_: int, latest: float) -> None:
        self.segment = segment
        self.next = next_  # the number after the last line
        self.latest = latest
        self.blocks: dict[int, Block] = {}  # the last one, and those that a commit has changed
        self.changed: set[int] = set()


class LinesView:
    """Folds what processes printed into blocks of numbered lines."""

    name = "lines"
    version = 1
    schema = """
        CREATE TABLE line_writer (
            segment INTEGER PRIMARY KEY, revision INTEGER NOT NULL, next INTEGER NOT NULL,
            latest REAL NOT NULL);
        CREATE INDEX line_writer_revision ON line_writer (revision);
        CREATE TABLE line_block (id INTEGER PRIMARY KEY, begun INTEGER NOT NULL, data BLOB);
    """

    def __init__(self) -> None:
        self._writers: dict[int, _Printed] = {}

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Fold the batches' lines and write the blocks that they change."""
        writers: dict[int, _Printed] = {}
        for batch in batches:
            for fact in facts(batch, ConsolePrinted):
                assert isinstance(fact.event, ConsolePrinted)  # no other was asked for
                segment = session.segments[batch.segment]
                writer = writers.get(segment) or self._load(session, segment)
                writers[segment] = writer
                _print(session, writer, fact.event, moment(fact.time))
                session.told.runs[batch.segment.run] = None
        for writer in writers.values():
            _save(session, writer)
        while len(self._writers) > WRITERS_MAX:
            del self._writers[next(iter(self._writers))]

    def forget(self) -> None:
        """Drop what is in memory: all of it can be read again, as of the last commit."""
        self._writers.clear()

    def _load(self, session: Session, segment: int) -> _Printed:
        writer = self._writers.pop(segment, None)
        if writer is None:
            row = session.db.execute(
                "SELECT next, latest FROM line_writer WHERE segment = ?", (segment,)
            ).fetchone()
            writer = _Printed(segment, *(row or (0, 0.0)))
        self._writers[segment] = writer  # as the one that was used last
        return writer


def _print(session: Session, writer: _Printed, event: ConsolePrinted, time: float) -> None:
    """Fold one event."""
    writer.latest = max(writer.latest, time)
    texts = event.text.split("\n")
    number = event.first
    if not 0 <= number <= LINES_MAX - len(texts):
        return  # nobody's Foldline wrote it
    end = number + len(texts)
    place = Place(event.stream, time, writer.latest)
    said_before = max(0, min(writer.next - number, len(texts)))
    for text in texts[:said_before]:
        number += 1
        ended = event.ended or number < end
        _say_again(session, writer, number - 1, place._replace(ended=ended), text)
    fresh = islice(texts, said_before, None)
    while number < end:
        block = _block(session, writer, number // BLOCK_LINES)
        start = number % BLOCK_LINES
        count = min(BLOCK_LINES - start, end - number)
        block.places[start : start + count] = [place] * count
        block.texts[start : start + count] = islice(fresh, count)
        number += count
        if number == end and not event.ended:
            block.places[start + count - 1] = place._replace(ended=False)
    writer.next = max(writer.next, end)


def _say_again(session: Session, writer: _Printed, number: int, place: Place, text: str) -> None:
    """Fold a line that is not beyond the last one; where it is, and since when, stays."""
    at = number % BLOCK_LINES
    known = _block(session, writer, number // BLOCK_LINES).places[at]
    if known is None:
        # It was said before, and that was lost. Its place tells between which lines it was begun.
        known = place._replace(begun=_begun_after(session, writer, number))
    block = _block(session, writer, number // BLOCK_LINES)
    block.places[at] = known._replace(stream=place.stream, ended=place.ended)
    block.texts[at] = text


def _begun_after(session: Session, writer: _Printed, number: int) -> float:
    """Return when the next line after `number` was begun."""
    block = _block(session, writer, number // BLOCK_LINES)
    for place in block.places[number % BLOCK_LINES + 1 :]:
        if place is not None:
            return place.begun
    _save(session, writer)
    ((begun,),) = session.db.execute(
        "SELECT begun FROM line_block WHERE id > ? ORDER BY id LIMIT 1",
        (block_id(writer.segment, number // BLOCK_LINES),),
    )
    return from_bits(begun)


def _block(session: Session, writer: _Printed, number: int) -> Block:
    """Return a block to be changed."""
    writer.changed.add(number)
    block = writer.blocks.get(number)
    if block is None:
        row = session.db.execute(
            "SELECT data FROM line_block WHERE id = ?", (block_id(writer.segment, number),)
        ).fetchone()
        block = writer.blocks[number] = unpack(row[0]) if row else Block.empty()
    return block


def _save(session: Session, writer: _Printed) -> None:
    """Write what was changed, and keep the last block, which grows."""
    rows = []
    for number in sorted(writer.changed):
        block = writer.blocks[number]
        if any(block.places):
            rows.append((block_id(writer.segment, number), bits(block.begun), pack(block)))
    session.db.execute(BULK_INSERT.format(table="line_block"), bulk(rows))
    session.db.execute(
        "INSERT OR REPLACE INTO line_writer VALUES (?, ?, ?, ?)",
        (writer.segment, session.revision, writer.next, writer.latest),
    )
    last = (writer.next - 1) // BLOCK_LINES
    writer.blocks = {number: block for number, block in writer.blocks.items() if number == last}
    writer.changed.clear()


def block_id(segment: int, number: int) -> int:
    """Return the row of a writer's block."""
    return segment * BLOCKS_PER_WRITER + number


def bits(time: float) -> int:
    """Return a time that is not negative as a whole number, exactly and in the same order."""
    (whole,) = struct.unpack("<q", struct.pack("<d", time))
    return int(whole)


def from_bits(whole: int) -> float:
    """Return the time that `bits` was given."""
    (time,) = struct.unpack("<d", struct.pack("<q", whole))
    return float(time)
