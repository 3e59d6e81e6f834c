"""The last rows of a terminal.

As far as progress bars need it: carriage returns, backspaces, cursor movements and erasures are
carried out; colours are kept with what they colour; every other control sequence is left out. A
character is taken to be one column wide. Pure: no clock, no file.
"""

from __future__ import annotations

import re
from math import inf

__all__ = ["LINE_CHARS_MAX", "ROWS_MAX", "Row", "Terminal", "plain", "styled", "whole"]

ROWS_MAX = 50  # rows that the cursor may come back to: nested bars, one for each worker
LINE_CHARS_MAX = 65_536  # of a line; a longer one goes on in the next, as at a terminal's edge
SEQUENCE_CHARS_MAX = 4_096  # of a control sequence; a longer one is shown as text
STYLE_CHARS_MAX = 64  # of the colours that add up; more is a loop that never resets them

RESET = "\x1b[0m"
# What selects a colour or a weight: ESC [ numbers m.
_SGR = re.compile(r"\x1b\[[0-9;:]*m")
# A text without control characters; a control sequence whole (CSI, OSC, others); a control.
_PIECE = re.compile(
    r"[^\x00-\x08\x0a-\x1f\x7f]+"
    r"|\x1b\[(?P<numbers>[0-9;:?<=>]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-Z\\`-~]"
    r"|[\x00-\x1a\x1c-\x1f\x7f]|\x1b"
)
# A sequence that has begun and not ended, at the end of what came so far.
_BEGUN = re.compile(r"\x1b(?:\[[0-9;:?<=>]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")


def plain(text: str) -> bool:
    """Say whether a terminal shows `text` line by line as it stands, but for its colours."""
    if "\r" in text or "\b" in text:
        return False
    return "\x1b" not in text or text.count("\x1b") == len(_SGR.findall(text))


def whole(text: str) -> tuple[str, str]:
    """Part `text` from the control sequence that has begun at its end and is not whole yet."""
    begun = _BEGUN.search(text, max(0, len(text) - SEQUENCE_CHARS_MAX)) if "\x1b" in text else None
    return (text[: begun.start()], begun[0]) if begun else (text, "")


class Row:
    """One row: its characters, and what colours them."""

    __slots__ = ("_styles", "_text", "changed", "ended", "number", "said_at")

    def __init__(
        self, text: str = "", number: int = -1, *, said_at: float = -inf, ended: bool = False
    ) -> None:
        self._text = text  # raw, colours and all, until something is written over it
        self._styles: list[str] | None = None
        self.number = number  # of the line in the log; -1 before it is in there
        self.ended = ended  # logged as a whole line
        self.changed = False
        self.said_at = said_at  # monotonic: when a state of an unfinished line was logged

    @property
    def is_raw(self) -> bool:
        """Whether the text is as it was printed, colours and all."""
        return self._styles is None

    @property
    def width(self) -> int:
        """How many columns are written."""
        self._split()
        return len(self._text)

    def end(self) -> tuple[int, str]:
        """Return the column after the last, and the colours there."""
        style = self._split()
        return len(self._text), style

    def append(self, text: str) -> None:
        """Add text at the end of a raw row, its colours as they stand."""
        if text:
            self._text += text
            self.changed = True

    def put(self, column: int, text: str, style: str) -> None:
        """Write over what is at `column`."""
        self._split()
        before = self._text[:column].ljust(column)
        if self._styles is None and style:
            self._styles = [""] * len(self._text)
        if self._styles is not None:
            missing = [""] * (len(before) - len(self._styles))
            self._styles += missing
            self._styles[column : column + len(text)] = [style] * len(text)
        self._text = f"{before}{text}{self._text[column + len(text) :]}"
        self.changed = True

    def cut(self, start: int, stop: int) -> None:
        """Erase the columns from `start` to `stop`."""
        self._split()
        if stop >= len(self._text):
            self._text = self._text[:start]
            if self._styles is not None:
                del self._styles[start:]
        else:
            self.put(start, " " * (stop - start), "")
        self.changed = True

    @property
    def text(self) -> str:
        """What the row shows, with the sequences that colour it."""
        if self._styles is None or not any(self._styles):
            return self._text
        parts, current = [], ""
        for character, style in zip(self._text, self._styles, strict=True):
            if style != current:
                parts.append(RESET + style if current else style)
                current = style
            parts.append(character)
        return "".join(parts) + (RESET if current else "")

    def _split(self) -> str:
        """Part the characters from the colours, and return the colours at the end."""
        if self._styles is not None or "\x1b" not in self._text:
            return self._styles[-1] if self._styles else ""
        styles: list[str] = []
        text, style, at = "", "", 0
        for found in _SGR.finditer(self._text):
            piece = self._text[at : found.start()]
            text, styles = text + piece, styles + [style] * len(piece)
            style, at = styled(style, found[0]), found.end()
        piece = self._text[at:]
        self._text, self._styles = text + piece, styles + [style] * len(piece)
        return style


def styled(style: str, sequence: str) -> str:
    """Return the colours after one more sequence."""
    numbers = sequence[2:-1]
    if numbers in ("", "0"):
        return ""
    return sequence if len(style) > STYLE_CHARS_MAX else style + sequence


class Terminal:
    """Rows, and a cursor in them."""

    def __init__(self) -> None:
        self.rows = [Row()]
        self.at = 0  # the row of the cursor
        self.gone: list[Row] = []  # rows that nothing can change any more; the owner empties it
        self._column = 0
        self._style = ""

    @property
    def is_plain(self) -> bool:
        """Whether the cursor stands at the end of all that was written."""
        if self.at < len(self.rows) - 1 or self._style or not self.rows[-1].is_raw:
            return False
        return self._column < 0 or self._column == self.rows[-1].width

    def end_at(self, rows: list[Row]) -> None:
        """Stand at the end of the last of `rows`, which were written as they are."""
        self.gone += rows[:-ROWS_MAX]
        self.rows = rows[-ROWS_MAX:]
        self.at = len(self.rows) - 1
        self._column, self._style = -1, ""

    def write(self, text: str) -> None:
        """Carry out `text`."""
        if self._column < 0:
            self._column, self._style = self.rows[self.at].end()
        for found in _PIECE.finditer(text):
            piece = found[0]
            if piece[0] >= " " or piece[0] == "\t":
                self._print(piece)
            elif piece == "\n":
                self._newline()
            elif piece == "\r":
                self._column = 0
            elif piece == "\b":
                self._column = max(0, self._column - 1)
            elif found["final"]:
                self._control(found["final"], found["numbers"], piece)

    def _print(self, text: str) -> None:
        while text:
            room = LINE_CHARS_MAX - self._column
            if room <= 0:
                self._newline()
                continue
            self.rows[self.at].put(self._column, text[:room], self._style)
            self._column += len(text[:room])
            text = text[room:]

    def _newline(self) -> None:
        self._column = 0
        self.at += 1
        if self.at == len(self.rows):
            self.rows.append(Row(said_at=self.rows[-1].said_at))
            if len(self.rows) > ROWS_MAX:
                self.gone.append(self.rows.pop(0))
                self.at -= 1

    def _control(self, final: str, numbers: str, sequence: str) -> None:
        first = numbers.partition(";")[0]
        count = int(first) if first.isdecimal() else 0
        if final == "m":
            self._style = styled(self._style, sequence)
        elif final in "AF":
            self.at = max(0, self.at - max(1, count))
        elif final in "BE":
            self.at = min(len(self.rows) - 1, self.at + max(1, count))
        elif final == "C":
            self._column = min(self._column + max(1, count), LINE_CHARS_MAX)
        elif final == "D":
            self._column = max(0, self._column - max(1, count))
        elif final == "G":
            self._column = min(max(1, count), LINE_CHARS_MAX) - 1
        elif final == "K":
            row = self.rows[self.at]
            row.cut(0 if count else self._column, self._column + 1 if count == 1 else row.width)
        if final in "EF":
            self._column = 0
