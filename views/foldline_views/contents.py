"""What runs hold beside points, asked and sent."""

from __future__ import annotations

from typing import Any

import msgspec

from .answers import Number, RunHead, Summary

__all__ = [
    "EntryRow",
    "HitsPage",
    "HitsRequest",
    "LineRow",
    "LineWriter",
    "LinesPage",
    "LinesRequest",
    "MessageRow",
    "MessagesPage",
    "MessagesRequest",
    "RunsValuesPage",
    "SequenceRow",
    "StepAt",
    "StepsPage",
    "StepsRequest",
    "TimeAt",
    "ValueRow",
    "ValuesPage",
    "ValuesRequest",
]


class LinesRequest(msgspec.Struct, frozen=True):
    """Which lines of a run: those of one writer, or of all, merged by time."""

    writer: str | None = None
    rank: int | None = None
    stream: str | None = None  # stdout or stderr; what is printed to both at once is of either
    start: int | None = None  # a place in the order; one below 0 counts from the end
    at: float | None = None  # unix seconds: start where lines were begun then
    limit: int = 200


class LineWriter(msgspec.Struct, frozen=True):
    """A process that printed, or stands beside one that did."""

    writer: str
    host: str
    rank: int | None
    role: str
    beside: str  # the writer that trains
    total: int  # lines


class LineRow(msgspec.Struct, frozen=True):
    """A line as it stood last: a progress bar is one line."""

    writer: str
    number: int  # counted from 0 over both streams of the writer
    stream: str
    time: float  # when it was first seen
    text: str  # with the colours of a terminal as they were printed
    ended: bool = True  # else it may still be written over


class LinesPage(msgspec.Struct):
    """Lines in order, and how to go on."""

    lines: list[LineRow]
    start: int  # the place of the first line
    next: int  # the place to go on from
    total: int  # lines of the writers asked for; of both streams
    writers: list[LineWriter]  # all of the run
    watermark: int


class StepAt(msgspec.Struct, frozen=True):
    """The step that was current at a time."""

    at: float  # unix seconds
    step: float | None  # the largest that had been tracked; None if none had
    series: Summary | None  # whose steps these are; None if the run has no such series


class TimeAt(msgspec.Struct, frozen=True):
    """When a step was tracked."""

    step: float  # as it was asked for
    time: float | None  # unix seconds, of the first point at it or behind it; None if none came
    series: Summary | None  # whose steps these are; None if the run has no such series


class HitsRequest(msgspec.Struct, frozen=True):
    """Which lines hold a text, whatever their case."""

    text: str
    writer: str | None = None
    rank: int | None = None
    cursor: str | None = None
    limit: int = 100


class HitsPage(msgspec.Struct):
    """Lines that hold a text; `cursor` goes on, also where nothing was found yet."""

    lines: list[LineRow]
    looked: int  # how many lines were looked at
    cursor: str | None
    watermark: int


class MessagesRequest(msgspec.Struct, frozen=True):
    """Which messages of a run."""

    level: int = 0  # at least
    cursor: str | None = None
    newest: bool = False  # first
    limit: int = 200


class MessageRow(msgspec.Struct, frozen=True):
    """A message for people."""

    time: float
    level: int  # as in `logging`
    text: str
    logger: str  # "" where a run's own method said it
    params: dict[str, Any]
    place: str  # file:line
    host: str
    rank: int | None
    writer: str
    seq: int


class MessagesPage(msgspec.Struct):
    """Messages in order, and how many there are of each level."""

    messages: list[MessageRow]
    total: int  # of the levels asked for
    levels: dict[str, int]  # by level, as in `logging`
    cursor: str | None
    watermark: int


class ValuesRequest(msgspec.Struct, frozen=True):
    """Which values: of a kind, name and context, at which steps."""

    kind: str | None = None
    name: str | None = None
    context: dict[str, Any] | None = None
    from_step: float | None = None
    to_step: float | None = None
    newest: bool = False  # of each sequence the last step first
    each: int | None = None  # how many entries of a sequence, at most
    limit: int = 100
    cursor: str | None = None


class ValueRow(msgspec.Struct, omit_defaults=True):
    """One value: its bytes, or the blob that they are."""

    media_type: str
    size: int  # in bytes
    blob: str = ""
    inline: bytes = b""
    text: str | None = None  # of a text whose bytes are few
    attributes: dict[str, Any] = {}


class EntryRow(msgspec.Struct):
    """What one call tracked at one step of a sequence."""

    run: str
    kind: str
    name: str
    context: dict[str, Any]
    step: Number
    epoch: Number | None
    time: float
    values: list[ValueRow]


class SequenceRow(msgspec.Struct):
    """A sequence, and what there is of it."""

    kind: str
    name: str
    context: dict[str, Any]
    count: int  # entries
    first_step: Number
    last_step: Number


class ValuesPage(msgspec.Struct):
    """Entries of a run, by kind, name, context and step."""

    entries: list[EntryRow]
    sequences: list[SequenceRow]  # that match, whole
    cursor: str | None
    watermark: int


class StepsRequest(msgspec.Struct, frozen=True):
    """Of which sequence, and from which step on."""

    kind: str
    name: str
    context: dict[str, Any] = {}
    from_step: float | None = None
    limit: int = 10_000


class StepsPage(msgspec.Struct):
    """The steps at which a sequence has entries, each once, in order."""

    steps: list[Number]
    total: int  # of the whole sequence
    watermark: int


class RunsValuesPage(msgspec.Struct):
    """Entries of the runs that match a query, those of the newest run first."""

    entries: list[EntryRow]
    runs: dict[str, RunHead]  # whose they are
    cursor: str | None
    watermark: int
    warnings: list[str]
