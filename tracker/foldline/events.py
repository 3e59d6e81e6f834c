"""What can happen to a run, as it is logged.

Each class is one event type: a fact in the past tense, immutable, encoded as a msgpack map. A
type's number is law once released: it is never reused. A reader ignores fields and types that it
does not know, so fields may be added with a default, and never change their meaning.

Two writers' events about the same thing are ordered by (time, writer, seq): the last one wins.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

__all__ = [
    "EVENTS",
    "Event",
    "FieldsSet",
    "ParamsRemoved",
    "ParamsSet",
    "PointTracked",
    "PointsDropped",
    "SeriesDefined",
    "TagsChanged",
    "WriterClosed",
    "WriterLost",
    "WriterOpened",
    "decode",
    "encode",
]

Param = None | bool | int | float | str | list["Param"] | dict[str, "Param"]


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """The base of all events."""

    TYPE: ClassVar[int] = 0


class WriterOpened(Event, frozen=True, omit_defaults=True):
    """A process began to write to the run: always a segment's first event."""

    TYPE: ClassVar[int] = 1
    host: str
    pid: int
    rank: int | None = None
    foldline: str = ""  # the SDK's version
    python: str = ""
    command: list[str] = []


class FieldsSet(Event, frozen=True, omit_defaults=True):
    """Words about the run: each of `fields` replaces what was there.

    Known fields: `name`, `experiment`, `description`, `notes` (texts) and `archived` (a bool).
    """

    TYPE: ClassVar[int] = 2
    fields: dict[str, str | bool | None]


class ParamsSet(Event, frozen=True, omit_defaults=True):
    """A setting, or a tree of them, replaced whatever stood at `path`; [] is the whole tree."""

    TYPE: ClassVar[int] = 3
    path: list[str]
    value: Any  # a Param


class TagsChanged(Event, frozen=True, omit_defaults=True):
    """Tags were put on the run or taken off it."""

    TYPE: ClassVar[int] = 4
    added: list[str] = []
    removed: list[str] = []


class SeriesDefined(Event, frozen=True, omit_defaults=True):
    """From here on the point cells of this segment with number `series` mean this series."""

    TYPE: ClassVar[int] = 5
    series: int
    name: str
    context: dict[str, Any] = {}


class PointTracked(Event, frozen=True, omit_defaults=True):
    """One point that does not fit a cell: its epoch is fractional, negative or very large."""

    TYPE: ClassVar[int] = 6
    series: int
    value: float
    step: int | float
    time: float
    epoch: float | None = None


class PointsDropped(Event, frozen=True, omit_defaults=True):
    """Points were accepted by `track` and could not be kept, and why (a full disk, say)."""

    TYPE: ClassVar[int] = 7
    count: int
    reason: str


class WriterClosed(Event, frozen=True, omit_defaults=True):
    """The process ended its writing on purpose, or as an exception unwound it."""

    TYPE: ClassVar[int] = 8
    status: str  # "finished" or "failed"
    error_type: str = ""
    error_message: str = ""
    traceback: str = ""


class WriterLost(Event, frozen=True, omit_defaults=True):
    """The server saw that `writer` is gone without a word: killed, or its machine lost."""

    TYPE: ClassVar[int] = 9
    writer: str
    last_seen: float  # unix time of the last thing it wrote
    reason: str = ""


class ParamsRemoved(Event, frozen=True, omit_defaults=True):
    """What stood at `path` was taken away, with everything below it."""

    TYPE: ClassVar[int] = 10
    path: list[str]


EVENTS: dict[int, type[Event]] = {
    kind.TYPE: kind
    for kind in (
        WriterOpened,
        FieldsSet,
        ParamsSet,
        TagsChanged,
        SeriesDefined,
        PointTracked,
        PointsDropped,
        WriterClosed,
        WriterLost,
        ParamsRemoved,
    )
}

_encoder = msgspec.msgpack.Encoder()
_decoders = {number: msgspec.msgpack.Decoder(kind) for number, kind in EVENTS.items()}


def encode(event: Event) -> bytes:
    """Return the msgpack payload of an event."""
    return _encoder.encode(event)


def decode(number: int, payload: bytes) -> Event | None:
    """Return the event of type `number`, or None if this version does not know the type.

    Raises msgspec.ValidationError or msgspec.DecodeError if the payload is not what it claims.
    """
    decoder = _decoders.get(number)
    return decoder.decode(payload) if decoder else None
