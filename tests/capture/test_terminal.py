"""Rows of a terminal, and the lines that become of them."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from foldline.capture.lines import READ_BYTES_MAX, Count, Lines
from foldline.capture.terminal import LINE_CHARS_MAX, Terminal
from foldline.events import ConsolePrinted


def screen(text: str) -> list[str]:
    """Return what a terminal of endless size shows, one cell after the other; no colours."""
    rows: list[list[str]] = [[]]
    row = column = 0
    for piece in re.findall(r"\x1b\[\d*[A-Z]|[^\x1b]", text):
        if piece == "\n":
            row, column = row + 1, 0
            if row == len(rows):
                rows.append([])
        elif piece == "\r":
            column = 0
        elif piece == "\b":
            column = max(0, column - 1)
        elif piece[-1] == "A" and piece[0] == "\x1b":
            row = max(0, row - int(piece[2:-1] or 1))
        elif piece[-1] == "K" and piece[0] == "\x1b":
            del rows[row][column:]
        else:
            cells = rows[row]
            cells += [" "] * (column + 1 - len(cells))
            cells[column] = piece
            column += 1
    return ["".join(cells) for cells in rows]


def fed(chunks: list[bytes], *, step_s: float = 0.01) -> list[ConsolePrinted]:
    lines, now = Lines("stdout", Count()), 0.0
    found: list[ConsolePrinted] = []
    for chunk in chunks:
        found += lines.feed(chunk, now)
        now += step_s
    return found + list(lines.feed(b"", now, last=True))


def shown(events: list[ConsolePrinted]) -> list[str]:
    last: dict[int, str] = {}
    for event in events:
        last.update(enumerate(event.text.split("\n"), event.first))
    assert sorted(last) == list(range(len(last)))
    return [last[at] for at in sorted(last)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


PIECES = st.sampled_from(["a", "bc", "\u00fc", "\n", "\n", "\r", "\b", "\x1b[A", "\x1b[K", "long "])
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@given(TEXTS, st.lists(st.integers(0, 1000), max_size=8))
def test_lines_are_what_a_terminal_shows(text: str, places: list[int]) -> None:
    """However the bytes are cut into chunks, the log ends with what stands on the screen."""
    text = text.replace("\r\n", "\n")
    found = shown(fed(cut(text.encode(), places)))
    rows = screen(text)
    # A row that was begun by the cursor alone, and holds nothing, may be told or not.
    while rows and not rows[-1]:
        rows.pop()
    while found and not found[-1]:
        found.pop()
    assert found == rows


@given(st.text(st.characters(exclude_characters="\r\b\x1b", exclude_categories=["Cs"])),
       st.lists(st.integers(0, 1000), max_size=8))  # fmt: skip
def test_plain_text_is_kept_to_the_character(text: str, places: list[int]) -> None:
    """Text without control sequences is in the log as it is, in as many lines."""
    events = fed(cut(text.encode(), places))
    rows = text.split("\n")
    assert shown(events) == (rows if rows[-1] else rows[:-1])


@given(st.binary(max_size=200), st.lists(st.integers(0, 1000), max_size=8))
def test_any_bytes_do_no_harm(data: bytes, places: list[int]) -> None:
    """Whatever a process prints, lines are numbered without a gap and hold no newline."""
    shown(fed(cut(data, places)))


def test_a_progress_bar_is_one_line() -> None:
    """Ten thousand states leave one line, logged every five seconds and at its end."""
    chunks = [f"\r{i / 100:.0f}% of it".encode() for i in range(10_000)] + [b"\ndone\n"]
    events = fed(chunks)
    assert shown(events) == ["100% of it", "done"]
    assert 100 / 5 <= len(events) <= 100 / 5 + 4
    assert [event.first for event in events if not event.ended] == [0] * (len(events) - 2)


def test_nested_bars_are_a_line_each() -> None:
    """Bars below each other move the cursor up, and stay as many lines as there are bars."""
    chunks = [b"\router 0"] + [
        f"\n\rinner {i}\x1b[A\router {i // 10}".encode() for i in range(1_000)
    ]
    events = fed([*chunks, b"\n\n", b"end\n"])
    assert shown(events) == ["outer 99", "inner 999", "end"]
    assert len(events) < 20


def test_the_last_state_of_a_bar_is_told_before_it_is_out_of_reach() -> None:
    """A bar above many plain lines stands in the log as it was seen last."""
    bar = [f"\n\x1b[A\rbar {i}\n".encode() + b"\x1b[A" for i in range(10)]
    events = fed([*bar, b"\n", b"line\n" * 200, b"line\n" * 200])
    assert shown(events) == ["bar 9", *["line"] * 400]


def test_colours_stay_with_what_they_colour() -> None:
    """Plain lines keep their sequences as they are; what is written over loses its own."""
    assert shown(fed([b"\x1b[1;32mok\x1b[0m yes\n"])) == ["\x1b[1;32mok\x1b[0m yes"]
    bar = "\r\x1b[31m##\x1b[0m--\r\x1b[31m###\x1b[0m-\n"
    assert shown(fed([bar.encode()])) == ["\x1b[31m###\x1b[0m-"]
    assert shown(fed([b"plain\r\x1b[31mred"])) == ["\x1b[31mred\x1b[0min"]


def test_a_line_without_an_end_is_cut() -> None:
    """A line over the bound goes on in the next one, and nothing of it is lost."""
    data = b"x" * (3 * LINE_CHARS_MAX) + b"\r" + b"y" * 5 + b"\nlast\n"
    chunks = [data[at : at + READ_BYTES_MAX] for at in range(0, len(data), READ_BYTES_MAX)]
    found = shown(fed(chunks))
    assert max(map(len, found)) <= LINE_CHARS_MAX and found[-1] == "last"
    assert sum(line.count("x") + line.count("y") for line in found) == 3 * LINE_CHARS_MAX


def test_dots_are_told_now_and_then() -> None:
    """A line that grows by a character at a time is logged every five seconds, not each time."""
    events = fed([b"."] * 1_000 + [b"\n"])
    assert shown(events) == ["." * 1_000] and len(events) <= 4


def test_sequences_cut_in_two_are_put_together() -> None:
    """A sequence or a character whose bytes come in two chunks is whole again."""
    whole = "a\x1b[31mb\u00fc\x1b]0;title\x07c\x1b[0m\r\n".encode()
    for at in range(len(whole)):
        assert shown(fed([whole[:at], whole[at:]])) == ["a\x1b[31mb\u00fcc\x1b[0m"]


def test_rows_far_above_can_not_be_reached() -> None:
    """The cursor comes back to the rows that a terminal would still have, and no further."""
    terminal = Terminal()
    terminal.write("".join(f"{i}\n" for i in range(100)) + "\x1b[500Atop")
    assert terminal.rows[0].text.startswith("top") and terminal.gone[0].text == "0"
