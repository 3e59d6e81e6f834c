"""What the text index holds, one struct for each kind.

A document has a `key`: putting it again replaces what was put under the key before. `run` is the
number of the run's row in the views, and times are unix seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

__all__ = [
    "BLOCK_LINES",
    "TEXT_CHARS_MAX",
    "VALUE_CHARS_MAX",
    "ConsoleLines",
    "Document",
    "Message",
    "RunWords",
    "SourceLines",
    "Text",
    "pair",
    "pairs",
    "param_texts",
    "source_lines",
]

# Lines of one document. Larger ones are smaller on disk and faster to find, and slower to look
# through; 64 was measured to be fastest over all.
BLOCK_LINES = 64

# Characters of one tracked text that are searched: a book has half as many.
TEXT_CHARS_MAX = 1 << 20

# Characters of one param's value that are searched: longer ones are data.
VALUE_CHARS_MAX = 4096

PAIR_CHARS_MAX = 256  # of path and value together, to be found by `param:path=value`
PAIR_PARTS_MAX = 4  # of an ending of a path, besides the whole of it
PATHS_MAX = 16_384  # of params, whose endings are kept: a few MB. Runs have most paths in common

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?", re.ASCII)


class RunWords(msgspec.Struct, frozen=True, omit_defaults=True, tag="run"):
    """The words of a run, from wherever they came."""

    run: int
    time: float  # when the run was created
    id: str
    name: str = ""
    experiment: str = ""
    description: str = ""
    notes: str = ""
    tags: Sequence[str] = ()
    params: Mapping[str, str] = {}  # by dotted path: see `param_texts`
    git: Sequence[str] = ()  # commit, branch, subject, remote
    hosts: Sequence[str] = ()
    user: str = ""
    command: str = ""
    status: str = ""

    @property
    def key(self) -> str:
        """The name of this document."""
        return f"run/{self.run}"

    def values(self) -> Iterator[tuple[str, str, str]]:
        """Yield (field, name, text) of everything; the name is the path of a param."""
        yield from (("name", "", self.name), ("experiment", "", self.experiment))
        yield from (("tag", "", tag) for tag in self.tags)
        yield "run", "", self.id
        yield from (("param", path, f"{path} = {value}") for path, value in self.params.items())
        yield from (("note", "", self.description), ("note", "", self.notes))
        yield from (("git", "", text) for text in self.git)
        yield from (("host", "", text) for text in self.hosts)
        yield from (("user", "", self.user), ("command", "", self.command))
        yield "status", "", self.status


class Message(msgspec.Struct, frozen=True, omit_defaults=True, tag="message"):
    """What a script said to people, at a level."""

    run: int
    time: float
    writer: str
    seq: int  # of its event
    level: int  # as in `logging`
    text: str
    logger: str = ""

    @property
    def key(self) -> str:
        """The name of this document."""
        return f"message/{self.run}/{self.writer}/{self.seq}"


class Text(msgspec.Struct, frozen=True, omit_defaults=True, tag="text"):
    """A text that was tracked at a step."""

    run: int
    time: float
    writer: str
    seq: int  # of its event
    name: str
    step: float
    text: str
    item: int = 0  # among the texts of one event
    context: str = ""

    @property
    def key(self) -> str:
        """The name of this document."""
        return f"text/{self.run}/{self.writer}/{self.seq}/{self.item}"


class SourceLines(msgspec.Struct, frozen=True, omit_defaults=True, tag="code"):
    """Lines of a captured source file; line 0 is its path.

    The lines are searched and not kept: `lines` is empty in what a search gives back.
    """

    run: int
    time: float  # when it was captured
    path: str
    blob: str  # of the whole file
    first: int
    lines: Sequence[str] = ()

    @property
    def key(self) -> str:
        """The name of this document."""
        return f"code/{self.run}/{self.first}/{self.path}"


class ConsoleLines(msgspec.Struct, frozen=True, omit_defaults=True, tag="line"):
    """Lines of one process's console; `first` is a multiple of BLOCK_LINES, from 0.

    Lines are counted over both streams. Those of a process that still prints are put again and
    again until there are BLOCK_LINES of them. They are searched and not kept.
    """

    run: int
    time: float  # of its last line
    writer: str
    first: int
    since: float  # when its first line was printed
    rank: int | None = None
    lines: Sequence[str] = ()

    @property
    def key(self) -> str:
        """The name of this document."""
        return f"line/{self.run}/{self.writer}/{self.first}"


Document = RunWords | Message | Text | SourceLines | ConsoleLines


def source_lines(run: int, time: float, path: str, blob: str, text: str) -> list[SourceLines]:
    """Return the documents of a source file."""
    lines = [path, *text.splitlines()]
    return [
        SourceLines(run, time, path, blob, first, lines[first : first + BLOCK_LINES])
        for first in range(0, len(lines), BLOCK_LINES)
    ]


def param_texts(params: object, path: str = "") -> dict[str, str]:
    """Return the values of a tree of params as texts, by dotted path."""
    if isinstance(params, Mapping) and params:
        found: dict[str, str] = {}
        for key, value in params.items():
            found.update(param_texts(value, f"{path}.{key}" if path else str(key)))
        return found
    return {path: _text(params)[:VALUE_CHARS_MAX]} if path else {}


def pairs(path: str, value: str) -> list[str]:
    """Return what finds a param by its value: `lr=0.1` and `hparams.lr=0.1`."""
    worth = _worth(value)
    made = [f"{ending}={worth}" for ending in _endings(path)]
    return [text for text in made if len(text) <= PAIR_CHARS_MAX]


@lru_cache(PATHS_MAX)
def _endings(path: str) -> tuple[str, ...]:
    """Return a path and the last parts of it, each once."""
    parts = path.strip().casefold().split(".")
    starts = range(1, PAIR_PARTS_MAX + 1)
    return tuple(dict.fromkeys([*(".".join(parts[-count:]) for count in starts), ".".join(parts)]))


def pair(path: str, value: str) -> str:
    """Return a path and a value as one word: without case, and numbers by what they are worth."""
    return f"{path.strip().casefold()}={_worth(value)}"


def _worth(value: str) -> str:
    value = value.strip().casefold()
    if _NUMBER.fullmatch(value):
        number = float(value)
        if abs(number) < 2**53:  # beyond, whole numbers that differ are one as floats
            return str(int(number)) if number.is_integer() else repr(number)
    return value


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)
