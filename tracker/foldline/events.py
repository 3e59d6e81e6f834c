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
    "AlertRaised",
    "ArtifactLogged",
    "ArtifactUsed",
    "ConsolePrinted",
    "EnvironmentCaptured",
    "Event",
    "FieldsSet",
    "GitCaptured",
    "MachineCaptured",
    "MessageLogged",
    "MetricDefined",
    "PackagesCaptured",
    "ParamsRemoved",
    "ParamsSet",
    "PointTracked",
    "PointsDropped",
    "ProgressReported",
    "RunForked",
    "SeriesDefined",
    "SourcesCaptured",
    "StepsRewound",
    "StoredFile",
    "SummarySet",
    "TagsChanged",
    "Value",
    "ValuesTracked",
    "WriterClosed",
    "WriterFound",
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
    role: str = ""  # "" trains; "companion" stands beside a writer; "server" keeps what people do
    beside: str = ""  # the writer that a companion stands beside
    local_rank: int | None = None  # among the processes of its machine
    world_size: int | None = None  # how many processes train together


class FieldsSet(Event, frozen=True, omit_defaults=True):
    """Words about the run: each of `fields` replaces what was there.

    Known fields: `name`, `experiment`, `description`, `notes` (texts), `archived` and `deleted`
    (bools).
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
    at_exit: bool = False  # said as the interpreter ended, which an exit code may still follow


class WriterLost(Event, frozen=True, omit_defaults=True):
    """Somebody saw that `writer` is gone without a word: killed, or its machine lost."""

    TYPE: ClassVar[int] = 9
    writer: str
    last_seen: float  # unix time of the last thing it wrote
    reason: str = ""
    signal: str = ""  # such as "SIGKILL", where it is known
    exit_code: int | None = None  # where the process ended by itself, and it is known
    silent: bool = False  # nobody could see the process: it was only not heard of for too long


class WriterFound(Event, frozen=True, omit_defaults=True):
    """A writer that was taken for lost wrote again."""

    TYPE: ClassVar[int] = 11
    writer: str


class ParamsRemoved(Event, frozen=True, omit_defaults=True):
    """What stood at `path` was taken away, with everything below it."""

    TYPE: ClassVar[int] = 10
    path: list[str]


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is no number: its bytes, or where they are."""

    media_type: str  # such as "image/png"
    size: int  # in bytes
    blob: str = ""  # the SHA-256 of the bytes, in hex: the file's name below blobs/
    inline: bytes = b""  # the bytes themselves, where they are few
    attributes: dict[str, Any] = {}  # caption, width, rate...: see values/ for each kind's


class ValuesTracked(Event, frozen=True, omit_defaults=True):
    """Values of one kind were tracked at one step of a sequence."""

    TYPE: ClassVar[int] = 12
    kind: str  # image, audio, video, text, distribution, figure, table, html, points3d
    name: str
    step: int | float
    time: float  # of the call: the event follows once the bytes are kept
    values: list[Value]
    context: dict[str, Any] = {}
    epoch: float | None = None


class ConsolePrinted(Event, frozen=True, omit_defaults=True):
    """A process, or its children, printed to a terminal: whole lines, and perhaps one begun.

    Line `first` and those after it are what `text` has between its newlines. Where the last one
    is not `ended`, a later event may say it again, and counts: a progress bar is one line.
    """

    TYPE: ClassVar[int] = 13
    stream: str  # stdout or stderr; "both" where they go to one place, and keep their order
    first: int  # counted from 0 over both streams of this segment
    text: str  # as a terminal would show it: carriage returns are carried out, colours are kept
    ended: bool = True


class MessageLogged(Event, frozen=True, omit_defaults=True):
    """A message for people, by `run.log_info` and the like or by Python's `logging`."""

    TYPE: ClassVar[int] = 14
    level: int  # as in `logging`: 10 debug, 20 info, 30 warning, 40 error, 50 critical
    text: str
    logger: str = ""  # "" where a run's own method said it
    params: dict[str, Any] = {}
    place: str = ""  # file:line
    time: float = 0.0  # when it was said, if that was before the event
    rank: int | None = None


class ProgressReported(Event, frozen=True, omit_defaults=True):
    """The script said how far it is, and when to expect its next word."""

    TYPE: ClassVar[int] = 15
    expect_next_in: float = 0.0  # seconds; 0 promises nothing
    done: float | None = None
    total: float | None = None


class AlertRaised(Event, frozen=True, omit_defaults=True):
    """The script, or a rule of the store, wants somebody to look."""

    TYPE: ClassVar[int] = 16
    title: str
    text: str = ""
    level: int = 20  # as in `logging`
    rule: str = ""  # the rule that was met; "" where the script said it
    series: str = ""  # the name of the series that met it; "" if none did
    context: dict[str, Any] = {}  # of that series
    step: float | None = None  # of the point that met it
    value: float | None = None
    time: float = 0.0  # of that point


class MetricDefined(Event, frozen=True, omit_defaults=True):
    """How the series of a name, or of all names that a glob matches, are meant to be read."""

    TYPE: ClassVar[int] = 17
    name: str
    step_metric: str = ""  # the series whose values are the x axis
    summary: list[str] = []  # of last, first, min, max, mean, best, none
    goal: str = ""  # minimize or maximize: what best means
    hidden: bool = False


class SummarySet(Event, frozen=True, omit_defaults=True):
    """The script stated a result of the run: replaced what stood at `path` of the summary."""

    TYPE: ClassVar[int] = 18
    path: list[str]
    value: Any  # a Param


class StoredFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file whose bytes are a blob."""

    path: str  # relative, with / between its parts
    blob: str
    size: int  # in bytes


class ArtifactLogged(Event, frozen=True, omit_defaults=True):
    """Files were kept with the run, as one version of an artifact."""

    TYPE: ClassVar[int] = 19
    name: str
    digest: str  # over the paths and blobs: two of one digest are one version
    files: list[StoredFile] = []
    kind: str = ""  # model, dataset: the script's word
    aliases: list[str] = []
    params: dict[str, Any] = {}
    uri: str = ""  # where the bytes are, if not in the store's blobs


class ArtifactUsed(Event, frozen=True, omit_defaults=True):
    """The run used a version of an artifact."""

    TYPE: ClassVar[int] = 20
    name: str
    digest: str
    run: str = ""  # the run that made it, where it is known


class StepsRewound(Event, frozen=True, omit_defaults=True):
    """Points of later steps, tracked so far by any writer, are hidden; they stay in the log."""

    TYPE: ClassVar[int] = 21
    step: int | float  # the last one that is shown


class RunForked(Event, frozen=True, omit_defaults=True):
    """The run goes on from a step of another."""

    TYPE: ClassVar[int] = 22
    run: str
    step: int | float | None = None


class GitCaptured(Event, frozen=True, omit_defaults=True):
    """The state of the code's repository when the run began."""

    TYPE: ClassVar[int] = 23
    commit: str
    branch: str = ""
    remote: str = ""  # without a password
    subject: str = ""  # the commit's first line
    author: str = ""
    committed_at: float = 0.0
    dirty: bool = False
    diff: str = ""  # a blob: what was changed and not committed
    diff_bytes: int = 0
    untracked: list[str] = []


class PackagesCaptured(Event, frozen=True, omit_defaults=True):
    """The installed distributions and their versions."""

    TYPE: ClassVar[int] = 24
    packages: dict[str, str]


class MachineCaptured(Event, frozen=True, omit_defaults=True):
    """Where and as whom the process runs."""

    TYPE: ClassVar[int] = 25
    system: str  # such as "Linux 6.1.0 x86_64"
    user: str = ""
    cwd: str = ""
    python: str = ""  # the interpreter's file
    cpus: int = 0
    memory_bytes: int = 0
    gpus: list[str] = []
    attributes: dict[str, Any] = {}  # a scheduler's job, a container, a notebook


class EnvironmentCaptured(Event, frozen=True, omit_defaults=True):
    """Environment variables of the allow-list, secrets masked."""

    TYPE: ClassVar[int] = 26
    variables: dict[str, str]


class SourcesCaptured(Event, frozen=True, omit_defaults=True):
    """The entry script and the local modules that it had imported."""

    TYPE: ClassVar[int] = 27
    entry: str = ""  # the path of the script among `files`
    files: list[StoredFile] = []
    left_out: int = 0  # files over the bounds


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
        WriterFound,
        ValuesTracked,
        ConsolePrinted,
        MessageLogged,
        ProgressReported,
        AlertRaised,
        MetricDefined,
        SummarySet,
        ArtifactLogged,
        ArtifactUsed,
        StepsRewound,
        RunForked,
        GitCaptured,
        PackagesCaptured,
        MachineCaptured,
        EnvironmentCaptured,
        SourcesCaptured,
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
    try:
        return decoder.decode(payload) if decoder else None
    except UnicodeDecodeError as error:  # which is none of msgspec's own errors
        raise msgspec.DecodeError(f"a text is not UTF-8: {error.reason}") from error
