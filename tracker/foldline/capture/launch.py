"""The start of a companion, as nobody's child.

A shell starts it in the background and ends, so it is nobody's child: no `os.wait()` of the
training ever meets it. A second shell waits beside it, and should the companion be killed, goes on
copying to the terminal what is printed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from .console import Channel

__all__ = ["CONTROL", "LIFE", "PIDFD", "REPLY", "Post", "Tap", "launch"]

CONTROL, REPLY, PIDFD = 3, 4, 5  # the companion's descriptors; a shell knows those of one digit
LIFE = 1  # what is written there tells the shell that nothing is left to copy
_FIRST_TAP = 6  # the channels, and 8 and 9 where they are copied to
_SOURCES = 32  # where descriptors wait before they are moved to their numbers
_SIGPIPE = 13

_SHELL = "/bin/sh"
# Nothing that ends the training ends these. The second shell reads from 2 until the companion has
# said its word, or is gone without one: then it tells the training, and copies what is printed.
_SCRIPT = """\
trap '' HUP INT QUIT TERM
( "$@" 2>/dev/null & exec {life}>&- {control}<&- {pidfd}<&-
read -r word <&2 || {{ exec 2>/dev/null; printf x >&{reply}; {copies} wait; }} ) &
"""
_BOOT = (
    "import sys; sys.path += sys.argv[2:]; "
    "from foldline.capture.companion import main; main(sys.argv[1])"
)


class Tap(msgspec.Struct, frozen=True):
    """A channel, as the companion has it."""

    stream: str
    reading: int
    copying: int = -1  # where what is read goes on to, if anywhere
    terminal: bool = False


class Post(msgspec.Struct, frozen=True):
    """What a companion finds open when it starts."""

    taps: list[Tap]
    pidfd: bool = False


def launch(channels: list[Channel], *, control: int, reply: int, pidfd: int) -> bool:
    """Start a companion with these descriptors; say whether there is one. Never raises."""
    if not _can_launch():
        return False
    try:
        import fcntl

        taps, moves = _taps(channels)
        moves |= {CONTROL: control, REPLY: reply}
        if pidfd >= 0:
            moves[PIDFD] = pidfd
        sources: dict[int, int] = {}
        ends = os.pipe()
        moves |= {2: ends[0], LIFE: ends[1]}
        try:
            for number, descriptor in moves.items():
                sources[number] = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _SOURCES)
            _spawn(Post(taps, pidfd >= 0), sources)
        finally:
            for source in (*ends, *sources.values()):
                os.close(source)
    except (OSError, ImportError, AttributeError, ValueError):
        return False  # no shell, no memory, no descriptors left: the run goes on without
    return True


def _can_launch() -> bool:
    """Say whether an interpreter can be started: none is, where one is built into a program."""
    name = Path(sys.executable or "").name.lower()
    return (
        os.name == "posix"
        and hasattr(os, "posix_spawn")
        and not getattr(sys, "frozen", False)
        and name.startswith(("python", "pypy"))
        and sys.platform not in ("emscripten", "wasi")
    )


def _taps(channels: list[Channel]) -> tuple[list[Tap], dict[int, int]]:
    taps, moves = [], {}
    for at, channel in enumerate(channels):
        reading, copying = _FIRST_TAP + at, -1
        moves[reading] = channel.reading
        if channel.original >= 0:
            copying = _FIRST_TAP + 2 + at
            moves[copying] = channel.original
        taps.append(Tap(channel.stream, reading, copying, channel.is_terminal))
    return taps, moves


def _spawn(post: Post, sources: dict[int, int]) -> None:
    copied = [tap for tap in post.taps if tap.copying >= 0]
    script = _SCRIPT.format(
        life=LIFE,
        control=CONTROL,
        pidfd=PIDFD,
        reply=REPLY,
        copies="".join(f"cat <&{tap.reading} >&{tap.copying} & " for tap in copied),
    )
    python = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOT]
    words = msgspec.json.encode(post).decode()
    command = [_SHELL, "-c", script, "foldline", *python, words, *_search_path()]
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
        *((os.POSIX_SPAWN_DUP2, source, number) for number, source in sources.items()),
        *((os.POSIX_SPAWN_CLOSE, number) for number in _inherited() if number not in sources),
    ]
    try:
        pid = os.posix_spawn(
            _SHELL, command, os.environ,
            file_actions=actions, setsid=True, setsigmask=[], setsigdef=[_SIGPIPE],
        )  # fmt: skip
    except NotImplementedError:  # a C library without; the companion makes its own session
        pid = os.posix_spawn(
            _SHELL, command, os.environ, file_actions=actions, setsigmask=[], setsigdef=[_SIGPIPE]
        )
    with suppress(ChildProcessError):  # the script ignores its children, or waits for any
        os.waitpid(pid, 0)


def _search_path() -> list[str]:
    """Return where the companion finds what it imports: never the script's own folder."""
    package = Path(__file__).resolve().parents[2]
    codec = Path(msgspec.__file__).resolve().parents[1]
    # What was installed comes last, for what the sampling of a system may need.
    installed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return list(dict.fromkeys([str(package), str(codec), *installed]))


def _inherited() -> list[int]:
    """Return the descriptors that every child gets, and that must not stay open because of us."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            numbers = [int(name) for name in os.listdir(folder)]  # noqa: PTH208  # names, no paths
            return [number for number in numbers if number > 2 and _is_inheritable(number)]
    return []


def _is_inheritable(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:
        return False  # the listing's own
