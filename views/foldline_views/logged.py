"""What a run logged beside its points.

It is read from the run's segments when it is asked for. Every answer is true for the moment of the
call: what a living process has logged up to then is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from foldline.events import (
    ArtifactLogged,
    ArtifactUsed,
    ConsolePrinted,
    EnvironmentCaptured,
    Event,
    GitCaptured,
    MachineCaptured,
    MessageLogged,
    PackagesCaptured,
    SourcesCaptured,
    StepsRewound,
    StoredFile,
    ValuesTracked,
    WriterOpened,
)
from foldline.layout import Layout
from foldline.packs import segments
from foldline_ingest.batch import Batch, Fact, facts
from foldline_ingest.replay import replay

from .authors import bounded_rank
from .lineblocks import moment
from .lines import LINES_MAX
from .messages import bounded_level
from .series import context_key
from .tracked import Entry, Told, counted, decode_entry, encode_entry, is_placed

__all__ = [
    "Artifact",
    "Captured",
    "Entry",
    "Line",
    "Message",
    "Sequence",
    "message_of",
    "read_artifacts",
    "read_captured",
    "read_facts",
    "read_lines",
    "read_messages",
    "read_segments",
    "read_sequences",
]

E = TypeVar("E", bound=Event)


class Line(NamedTuple):
    """One line that a process, or a child of it, printed."""

    time: float  # unix seconds, when it was begun
    stream: str  # stdout or stderr
    host: str
    rank: int | None
    writer: str
    number: int  # counted from 0 over both streams of the writer
    text: str  # as it stood last: a progress bar is one line


class Message(NamedTuple):
    """A message for people."""

    time: float  # unix seconds
    level: int  # as in `logging`: 10 debug, 20 info, 30 warning, 40 error, 50 critical
    text: str
    logger: str  # "" where a run's own method said it
    params: dict[str, Any]
    place: str  # file:line
    host: str
    rank: int | None
    writer: str


class Sequence(NamedTuple):
    """The values of one kind, name and context, in the order of their steps."""

    kind: str
    name: str
    context: dict[str, Any]
    entries: list[Entry]


class Artifact(NamedTuple):
    """A version of an artifact that the run made, or used."""

    time: float  # unix seconds
    writer: str
    name: str
    digest: str
    used: bool  # not made here
    run: str  # that made it; "" where it is not known
    kind: str
    files: list[StoredFile]
    aliases: list[str]
    params: dict[str, Any]
    uri: str  # where the bytes are, if not in the store's blobs


class Captured(NamedTuple):
    """What was captured of one process; None is what was not."""

    writer: str
    opened: WriterOpened
    time: float  # unix seconds, of its first event
    git: GitCaptured | None = None
    packages: PackagesCaptured | None = None
    machine: MachineCaptured | None = None
    environment: EnvironmentCaptured | None = None
    sources: SourcesCaptured | None = None


def read_lines(layout: Layout, run: str) -> list[Line]:
    """Return what the run's processes printed, in the order in which lines were begun.

    Lines of one writer keep their order also where its clock went back.
    """
    found: list[tuple[float, Line]] = []
    for writer, opened, said in _by_writer(layout, run, ConsolePrinted):
        lines: dict[int, Line] = {}
        begun: dict[int, float] = {}
        latest = 0.0
        for fact, event in said:
            time = moment(fact.time)
            latest = max(latest, time)
            texts = event.text.split("\n")
            if not 0 <= event.first <= LINES_MAX - len(texts):
                continue  # nobody's Foldline wrote it
            for number, text in enumerate(texts, event.first):
                if number in lines:
                    lines[number] = lines[number]._replace(stream=event.stream, text=text)
                    continue
                rank = bounded_rank(opened.rank)
                line = Line(time, event.stream, opened.host, rank, writer, number, text)
                lines[number], begun[number] = line, latest
        # Where damage took a line that was said again later, the line below it was begun before.
        latest = float("inf")
        for number in sorted(lines, reverse=True):
            latest = min(latest, begun[number])
            found.append((latest, lines[number]))
    found.sort(key=lambda pair: (pair[0], pair[1].writer, pair[1].number))
    return [line for _, line in found]


def read_messages(layout: Layout, run: str) -> list[Message]:
    """Return the run's messages in the order of their times."""
    found = [
        message_of(fact, event, opened)
        for _, opened, said in _by_writer(layout, run, MessageLogged)
        for fact, event in said
    ]
    return sorted(found, key=lambda message: message.time)


def message_of(fact: Fact, event: MessageLogged, opened: WriterOpened) -> Message:
    """Return what was said by a writer that opened its segment so."""
    return Message(
        moment(event.time) or moment(fact.time),
        bounded_level(event.level),
        event.text,
        event.logger,
        event.params,
        event.place,
        opened.host,
        bounded_rank(opened.rank if bounded_rank(event.rank) is None else event.rank),
        fact.writer,
    )


def read_sequences(layout: Layout, run: str, kind: str | None = None) -> list[Sequence]:
    """Return the run's sequences, of one kind or all, by kind, name and context.

    Entries of one step are in the order of their times. What a rewind hides is left out.
    """
    found: dict[tuple[str, str, str], list[Told]] = {}
    rewound: list[tuple[float, float]] = []
    training: set[str] = set()
    for fact in read_facts(layout, run, WriterOpened, ValuesTracked, StepsRewound):
        event = fact.event
        if isinstance(event, WriterOpened):
            (training.discard if event.role else training.add)(fact.writer)
        elif isinstance(event, StepsRewound):
            rewound.append((fact.time, float(event.step)))
        elif isinstance(event, ValuesTracked) and kind in (None, event.kind) and is_placed(event):
            key = (event.kind, event.name, context_key(event.context))
            data = encode_entry((event.step, event.epoch, event.time, event.values))
            found.setdefault(key, []).append(Told(fact.writer, fact.seq, data))
    sequences = []
    for (kind_, name, context), told in sorted(found.items()):
        counts = counted(told, [one.writer in training for one in told])
        placed = [
            (float(entry.step), entry.time, one.writer, one.seq, entry)
            for one, counts_ in zip(told, counts, strict=True)
            if counts_ and (entry := decode_entry(one.data))
            if not any(entry.time < time and entry.step > step for time, step in rewound)
        ]
        if placed:
            entries = [entry for *_, entry in sorted(placed, key=lambda row: row[:4])]
            sequences.append(Sequence(kind_, name, msgspec.json.decode(context), entries))
    return sequences


def read_artifacts(layout: Layout, run: str) -> list[Artifact]:
    """Return the versions of artifacts that the run made or used, in the order of their times."""
    found = []
    for time, writer, _, event in read_facts(layout, run, ArtifactLogged, ArtifactUsed):
        if isinstance(event, ArtifactLogged):
            what = (event.kind, event.files, event.aliases, event.params, event.uri)
            found.append(Artifact(time, writer, event.name, event.digest, False, run, *what))
        elif isinstance(event, ArtifactUsed):
            what = ("", [], [], {}, "")  # the run that made it knows the rest
            found.append(Artifact(time, writer, event.name, event.digest, True, event.run, *what))
    return found


def read_captured(layout: Layout, run: str) -> list[Captured]:
    """Return what was captured of each of the run's processes, the newest last.

    Of a process that captured something twice, such as its packages, the last counts.
    """
    kinds: dict[type[Event], str] = {
        GitCaptured: "git",
        PackagesCaptured: "packages",
        MachineCaptured: "machine",
        EnvironmentCaptured: "environment",
        SourcesCaptured: "sources",
    }
    found: dict[str, Captured] = {}
    for fact in read_facts(layout, run, WriterOpened, *kinds):
        nothing = Captured(fact.writer, WriterOpened("", 0), fact.time)
        known = found.get(fact.writer, nothing)
        field = kinds.get(type(fact.event), "opened")
        found[fact.writer] = Captured(**{**known._asdict(), field: fact.event})
    captured = [one for one in found.values() if any(part is not None for part in one[3:])]
    return sorted(captured, key=lambda one: one.time)


def read_facts(layout: Layout, run: str, *kinds: type[Event]) -> list[Fact]:
    """Return the run's events of these kinds in the order of their stamps, points apart."""
    found = [
        fact
        for segment in read_segments(layout, run, events_only=True)
        for batch in segment
        for fact in facts(batch, *kinds)
    ]
    return sorted(found, key=lambda fact: (fact.time, fact.writer, fact.seq))


def read_segments(
    layout: Layout, run: str, *, events_only: bool = False
) -> Iterator[Iterator[Batch]]:
    """Yield each of the run's segments in turn, as the batches of what it holds now."""
    for name in segments(layout, run):
        yield replay(layout, name, events_only=events_only)


def _by_writer(
    layout: Layout, run: str, kind: type[E]
) -> Iterator[tuple[str, WriterOpened, list[tuple[Fact, E]]]]:
    """Yield each writer that logged events of a kind, how it opened, and the events."""
    for segment in read_segments(layout, run, events_only=True):
        opened = WriterOpened("", 0)
        said: list[tuple[Fact, E]] = []
        for batch in segment:
            for fact in facts(batch, kind, WriterOpened):
                if isinstance(fact.event, kind):
                    said.append((fact, fact.event))
                elif isinstance(fact.event, WriterOpened):
                    opened = fact.event
        if said:
            yield said[0][0].writer, opened, said
