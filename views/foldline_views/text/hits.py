"""What a search of the text index gives back."""

from __future__ import annotations

import msgspec

from .documents import ConsoleLines, Message, RunWords, SourceLines, Text
from .highlight import excerpt
from .terms import RUN_FIELDS, Span, Term
from .unit import Unit, Value

__all__ = ["TIERS", "Found", "Hit", "RunHits", "hit_of", "hits_of_run"]

# The words of runs, the most telling first: who finds a name wants no note.
TIERS = (
    ("name", "experiment", "tag", "run"),
    ("param",),
    ("note",),
    ("git", "host", "user", "command", "status"),
)
TIER_OF = {field: tier for tier, fields in enumerate(TIERS) for field in fields}
assert set(TIER_OF) == set(RUN_FIELDS)


class Hit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place where a question was found.

    `text` is what to show of it, from character `at` of the whole on; `marks` are the ranges
    (start, end) of `text` to highlight, in order.
    """

    kind: str  # run, message, text, code or line
    text: str
    marks: list[Span]
    time: float  # of a line of a console: when the last line of its block was printed
    at: int = 0
    field: str = ""  # of a run's words: name, tag, param...
    name: str = ""  # a param's path, a file's, a tracked text's name, a logger
    step: float | None = None
    level: int | None = None
    writer: str = ""
    rank: int | None = None
    line: int | None = None  # of a console counted from 0; of a file from 1, and 0 is its path
    seq: int | None = None  # of the event of a message or a tracked text
    item: int | None = None  # among the texts of one event
    blob: str = ""  # of the file


class RunHits(msgspec.Struct, frozen=True):
    """The best hits of a run, the best one first, and whether there may be more."""

    run: int
    hits: list[Hit]
    more: bool


class Found(msgspec.Struct, frozen=True):
    """What a question found.

    `total` counts the runs. Where it is not `exact`, some of them have all words within 64 lines,
    and it was not looked whether one line has them all: `total` may be too large, never too small.
    """

    runs: list[RunHits]
    total: int
    exact: bool = True
    warnings: list[str] = []


def hits_of_run(unit: Unit, term: Term) -> list[Hit]:
    """Return the hits in the words of a run; its name where it was found by what it lacks."""
    marked = [(value, value.marks(term)) for value in unit.values]
    found = [hit_of(unit, value, marks) for value, marks in marked if marks]
    return sorted(found, key=lambda hit: TIER_OF[hit.field]) or [hit_of(unit, unit.values[0], [])]


def hit_of(unit: Unit, value: Value, marks: list[Span]) -> Hit:
    """Return the hit that a value of a unit is."""
    shown = excerpt(value.text, marks)
    document = unit.document
    text, at, time = shown.text, shown.at, document.time
    match document:
        case RunWords():
            return Hit("run", text, shown.marks, time, at, field=value.field, name=value.name)
        case Message(level=level, writer=writer, seq=seq, logger=name):
            return Hit(
                "message", text, shown.marks, time, at, name=name, level=level,
                writer=writer, seq=seq,
            )  # fmt: skip
        case Text(name=name, step=step, writer=writer, seq=seq, item=item):
            return Hit(
                "text", text, shown.marks, time, at, name=name, step=step,
                writer=writer, seq=seq, item=item,
            )  # fmt: skip
        case SourceLines(path=path, blob=blob):
            return Hit("code", text, shown.marks, time, at, name=path, line=unit.line, blob=blob)
        case ConsoleLines(writer=writer, rank=rank):
            return Hit(
                "line", text, shown.marks, time, at, writer=writer, rank=rank, line=unit.line
            )
