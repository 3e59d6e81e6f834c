"""What this process prints, sent through a companion.

A descriptor that Python prints to is replaced: by a pipe, or by a pseudo-terminal where it was a
terminal. Whoever prints to it is captured: Python, C, children. Where `sys.stdout` does not end
in its descriptor, or somebody types at a prompt, others have redirected already: there only what
Python writes is heard, beside its way.

The process holds a reading end of each pipe as well, so that nobody who prints ever meets a
broken one.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["PIPE_BYTES_MAX", "Channel", "Console", "channels", "flush", "hear", "waiting_bytes"]

PIPE_BYTES_MAX = 256 * 1024  # of a channel: a burst of 4,000 lines; 64 of them are a user's limit
FEED_WAIT_S = 2.0  # for a companion that is slow to read what Python wrote; then it is left out
MARK = "FOLDLINE_CONSOLE"

Place = tuple[int, int]
"""What a descriptor ends in: device and inode."""


class Channel:
    """A way from this process to its companion."""

    def __init__(self, stream: str, numbers: list[int], heard: Any = None) -> None:
        """`numbers` are the descriptors to replace, or `heard` the stream to listen to."""
        self.stream = stream
        self.numbers = numbers
        self.heard = heard
        self.original = _original(numbers[0]) if numbers else -1
        self.is_terminal = bool(numbers) and os.isatty(self.original)
        self.reading, self.writing = _terminal(self.original) if self.is_terminal else _pipe()
        self.place = _place(self.writing)
        self._unhear: Callable[[], None] | None = None

    def take(self) -> None:
        """Replace the descriptors, or listen to the stream, from now on."""
        if self.heard is not None:
            os.set_blocking(self.writing, False)
            self._unhear = hear(self.heard, self._feed)
        for number in self.numbers:
            os.dup2(self.writing, number)
            _originals[number] = self.original

    def give_back(self) -> None:
        """Put the descriptors back where they are still ours, and listen no more."""
        if self._unhear is not None:
            self._unhear()
        for number in self.numbers:
            if _originals.get(number) == self.original:
                del _originals[number]
            # Somebody may have redirected it meanwhile, and will put our end back, not this one.
            if _place(number) == self.place:
                os.dup2(self.original, number)

    def close(self) -> None:
        """Close what this process holds of it."""
        if _originals.get(self.numbers[0] if self.numbers else -1) == self.original:
            for number in self.numbers:
                del _originals[number]  # in a forked child, whose descriptors are the parent's
        for descriptor in (self.reading, self.writing, self.original):
            if descriptor >= 0:
                os.close(descriptor)
        self.reading = self.writing = self.original = -1

    def _feed(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            try:
                data = data[os.write(self.writing, data) :]
            except BlockingIOError:
                poll = select.poll()
                poll.register(self.writing, select.POLLOUT)
                if not poll.poll(FEED_WAIT_S * 1000):
                    return


_originals: dict[int, int] = {}  # of the descriptors that are replaced in this process


def channels(run: str, *, only_hear: bool) -> list[Channel]:
    """Return the ways to capture what this process prints for `run`; none if a parent does."""
    parents = _captured(run)
    replaced: dict[Place, Channel] = {}
    found = []
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name, None)
        if stream is not None and (only_hear or _number(stream) != number):
            found.append(Channel(name, [], stream))
            continue
        place = _place(number)
        if place is None or place in parents:
            continue
        place = _place(_originals.get(number, number)) or place
        if place in replaced:
            # Both go to one place. Through one channel they keep the order in which they came.
            replaced[place].numbers.append(number)
            replaced[place].stream = "both"
        else:
            replaced[place] = Channel(name, [number])
            found.append(replaced[place])
    return found


class Console:
    """The channels of one run; the console belongs to the run that began first."""

    def __init__(self, run: str, ways: list[Channel]) -> None:
        self.run = run
        self.ways = ways
        self._marked: str | None = None
        self.taken = False

    def take(self) -> None:
        """Send what is printed from now on through the companion."""
        flush()
        self.taken = True
        for way in self.ways:
            way.take()
        places = [f"{way.place[0]}.{way.place[1]}" for way in self.ways if way.place]
        self._marked = os.environ.get(MARK)
        os.environ[MARK] = ":".join([self.run, *places])

    def give_back(self) -> None:
        """Make the descriptors and streams what they were."""
        if not self.taken:
            return
        self.taken = False
        flush()
        for way in self.ways:
            way.give_back()
        if self._marked is None:
            os.environ.pop(MARK, None)
        else:
            os.environ[MARK] = self._marked

    def close(self) -> None:
        """Close what this process holds: after it, or a fork, the channels are the companion's."""
        for way in self.ways:
            way.close()


def flush() -> None:
    """Send on what Python and the C library hold back of what was printed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a stream of somebody's, or a closed one
            stream.flush()
    if "ctypes" not in sys.modules:
        return
    import ctypes

    with suppress(Exception):  # another C library; its own exit will flush
        library = ctypes.CDLL(None)
        # Not all streams: a thread that waits for input holds the lock of its own.
        library.fflush(ctypes.c_void_p.in_dll(library, "stdout"))


def hear(stream: Any, feed: Callable[[str], None]) -> Callable[[], None]:
    """Give `feed` all that is written to a stream; the result ends that."""
    original = stream.write
    listening = True

    def write(text: Any) -> Any:
        """Write to the stream, and tell the companion."""
        written = original(text)
        if listening and isinstance(text, str):
            with suppress(OSError):  # the training prints, whatever becomes of its log
                feed(text)
        return written

    def unhear() -> None:
        nonlocal listening
        listening = False
        if getattr(stream, "__dict__", {}).get("write") is write:
            with suppress(AttributeError):
                del stream.write

    with suppress(AttributeError):  # a stream that can't be listened to
        stream.write = write
    return unhear


def waiting_bytes(descriptor: int) -> int:
    """Return how much is in a pipe or a terminal and was not read."""
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


def _captured(run: str) -> set[Place]:
    """Return the places that a parent's companion captures for the same run already."""
    marked, *places = os.environ.get(MARK, "").split(":")
    if marked != run:
        return set()
    parts = (place.split(".") for place in places)
    mine = {_place(number) for number in _originals}
    return {(int(device), int(inode)) for device, inode in parts} - mine


def _number(stream: Any) -> int:
    try:
        return int(stream.fileno())
    except Exception:  # noqa: BLE001  # a stream of somebody's may raise anything
        return -1


def _place(number: int) -> Place | None:
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _original(number: int) -> int:
    """Return a descriptor of our own for where `number` leads when nobody captures it."""
    return os.dup(_originals.get(number, number))


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    import fcntl

    with suppress(AttributeError, OSError):  # not Linux, or the user's pipes are too many
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES_MAX)
    return reading, writing


def _terminal(original: int) -> tuple[int, int]:
    """Return the ends of a pseudo-terminal that hands on what it is given, unchanged."""
    import fcntl
    import termios

    reading, writing = os.openpty()
    modes = termios.tcgetattr(writing)
    # The terminal behind it ends lines with carriage returns; this one must not do it as well.
    modes[1] &= ~termios.OPOST
    modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
    termios.tcsetattr(writing, termios.TCSANOW, modes)
    size = fcntl.ioctl(original, termios.TIOCGWINSZ, bytes(8))
    fcntl.ioctl(writing, termios.TIOCSWINSZ, size)
    return reading, writing
