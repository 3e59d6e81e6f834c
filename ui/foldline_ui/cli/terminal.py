"""What people and scripts read in a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from foldline.errors import FoldlineError, QueryError

__all__ = ["NONE", "ProgressBar", "complain", "say", "say_json", "table", "term", "when"]

BAR_CHARS = 30
BAR_PACE_S = 0.1  # seconds between two drawings of a bar: more often is only flicker
GAP = "  "
NONE = "-"  # what a cell shows that has nothing to show


def say(text: str) -> None:
    """Print a line at once, even into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    say(msgspec.json.encode(value).decode())


def complain(error: FoldlineError, *, query: str | None = None, as_json: bool = False) -> None:
    """Print an error and its hint to stderr; of a query, the part that is to blame."""
    if as_json:
        from ..failure import answered  # the server's own words, and only here its packages
        from ..wire import ErrorBody

        sys.stderr.write(msgspec.json.encode(ErrorBody(answered(error)[1])).decode() + "\n")
        return
    lines = [f"error: {error.message}"]
    if isinstance(error, QueryError) and query is not None:
        start, end = error.at
        before = query[:start].rpartition("\n")[2]
        line = before + query[start:].partition("\n")[0]
        carets = "^" * max(1, min(end - start, len(line) - len(before)))
        lines += [f"  {line}", f"  {' ' * len(before)}{carets}"]
    if error.hint:
        lines.append(f"  hint: {error.hint}")
    sys.stderr.write("\n".join(lines) + "\n")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a header, in columns, cut to the width of a terminal if there is one."""
    cells = [tuple(header), *(tuple(map(_visible, row)) for row in rows)]
    widths = [max(len(row[number]) for row in cells) for number in range(len(header))]
    lines = [
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        lines = [line if len(line) <= columns else line[: columns - 1] + "…" for line in lines]
    return "\n".join(lines)


def _visible(cell: str) -> str:
    """Return a text without what commands a terminal: a run's words may be anybody's."""
    if cell.isprintable():
        return cell
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cell)


def when(unix_s: float) -> str:
    """Return a moment in the local time zone, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_s))


def term(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


class ProgressBar:
    """Draws how far long work has come; draws nothing where nobody looks."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty()
        self._drawn_at = 0.0

    def __call__(self, fraction: float) -> None:
        """Draw the bar at `fraction`, 0 to 1."""
        now = time.monotonic()
        if not self._shown or (now - self._drawn_at < BAR_PACE_S and fraction < 1):
            return
        self._drawn_at = now
        full = round(BAR_CHARS * min(1.0, max(0.0, fraction)))
        bar = "█" * full + "░" * (BAR_CHARS - full)
        sys.stderr.write(f"\r{self._what} {bar} {fraction:4.0%}")
        sys.stderr.flush()

    def end(self) -> None:
        """Take the bar away."""
        if self._shown and self._drawn_at:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
