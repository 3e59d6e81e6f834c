"""Lines, as they come out of what a process printed.

Plain text passes in whole chunks, at a few nanoseconds a line; only a chunk that moves the cursor
is carried out character by character.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

from ..events import ConsolePrinted
from .terminal import LINE_CHARS_MAX, ROWS_MAX, Row, Terminal, plain, whole

__all__ = ["READ_BYTES_MAX", "Count", "Lines"]

READ_BYTES_MAX = 65_536  # fed at once: one event, and no whole line in it can be over its bound
RESAY_INTERVAL_S = 5.0  # between two states of one line in the log: a progress bar is no film


class Count:
    """The numbers of lines, which the streams of one segment share."""

    def __init__(self) -> None:
        self.next = 0

    def take(self, lines: int) -> int:
        """Return the first of `lines` new numbers."""
        first = self.next
        self.next += lines
        return first


class Lines:
    """One stream's text, turned into events."""

    def __init__(self, stream: str, count: Count, masked: Callable[[str], str] = str) -> None:
        """`masked` takes secrets out of a text, and leaves its newlines alone."""
        self._stream = stream
        self._count = count
        self._masked = masked
        # What is no UTF-8 shows as U+FFFD; a character cut in two waits for its rest.
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._begun = ""
        self._terminal = Terminal()

    def feed(self, data: bytes, now: float, *, last: bool = False) -> Iterator[ConsolePrinted]:
        """Yield what `data` adds to the log; with `last` also what was held back.

        `now` is monotonic. `data` is at most READ_BYTES_MAX bytes.
        """
        text, self._begun = whole(self._begun + self._decode(data, last))
        if "\r\n" in text:
            text = text.replace("\r\n", "\n")
        if plain(text) and self._terminal.is_plain:
            yield from self._pass(text)
        else:
            self._terminal.write(text)
        yield from self._changed(now, last=last)

    def wants_more_at(self) -> float:
        """Return the monotonic time at which `feed` has something to say without new data."""
        waiting = (row.said_at for row in self._terminal.rows if row.changed)
        return min(waiting, default=float("inf")) + RESAY_INTERVAL_S

    def _pass(self, text: str) -> Iterator[ConsolePrinted]:
        """Yield the whole lines of a text that a terminal shows as it stands."""
        rows = self._terminal.rows
        current = rows[-1]
        head, newline, rest = text.partition("\n")
        while len(current.text) + len(head) > LINE_CHARS_MAX:
            # Hard to read anyway: it goes on in the next line, as at a terminal's edge.
            room = LINE_CHARS_MAX - len(current.text)
            current.append(head[:room])
            head = head[room:]
            yield self._say_ended(current)
            current = Row()
            rows.append(current)
        current.append(head)
        if not newline:
            self._terminal.end_at(rows)
            return
        block, more, last = rest.rpartition("\n")
        together = current.number < 0
        if not together:
            yield self._say_ended(current)
            if more:
                yield self._say(self._count.take(block.count("\n") + 1), block)
        else:
            block = f"{current.text}\n{block}" if more else current.text
            current.number = self._count.take(block.count("\n") + 1)
            current.ended, current.changed = True, False
            yield self._say(current.number, block)
        if more:
            # The newest of them may still be written over: the cursor can come back.
            kept = block.rsplit("\n", ROWS_MAX)[-ROWS_MAX:]
            first = self._count.next - len(kept)
            above = rows[: -1 if together else None]
            rows = above + [Row(line, first + at, ended=True) for at, line in enumerate(kept)]
        begun = Row(said_at=current.said_at)
        begun.append(last if more else rest)
        self._terminal.end_at([*rows, begun])

    def _changed(self, now: float, *, last: bool) -> Iterator[ConsolePrinted]:
        """Yield the rows that are whole now, and those that it is time to say again."""
        terminal = self._terminal
        gone, terminal.gone = terminal.gone, []
        rows = [*gone, *terminal.rows]
        above = rows[: len(rows) - 1]
        fresh = [row for row in above if row.number < 0]
        if fresh:
            first = self._count.take(len(fresh))
            for at, row in enumerate(fresh):
                row.number, row.ended, row.changed = first + at, True, False
            yield self._say(first, "\n".join(row.text for row in fresh))
        for at, row in enumerate(rows):
            due = last or at < len(gone) or now - row.said_at >= RESAY_INTERVAL_S
            if not row.ended and row is not rows[-1]:
                yield self._say_ended(row)
            elif row.changed and due:
                if row.number < 0:
                    row.number = self._count.take(1)
                row.changed, row.said_at = False, now
                yield self._say(row.number, row.text, ended=row.ended)

    def _say_ended(self, row: Row) -> ConsolePrinted:
        if row.number < 0:
            row.number = self._count.take(1)
        row.ended, row.changed = True, False
        return self._say(row.number, row.text)

    def _say(self, first: int, text: str, *, ended: bool = True) -> ConsolePrinted:
        return ConsolePrinted(self._stream, first, self._masked(text), ended)
