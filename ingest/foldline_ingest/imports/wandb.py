"""Runs of W&B, in the files that it leaves.

A run is a folder with a file `run-<id>.wandb`: seven bytes, b":W&B", 0xBEE1 and a version, then
LevelDB's log format. The file is cut into blocks of 32,768 bytes, counted from its start, in which
pieces of records stand one after another; what is left of a block and has no room for a head is
zeros.

    4  CRC-32 of the type and the piece, as in zlib
    2  length of the piece, little endian
    1  type: 1 a whole record, 2 its first piece, 3 one between, 4 its last
    n  the piece

A record is a message `wandb_internal.Record`. What its values name lies in `files/` beside it.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from foldline.capture.lines import READ_BYTES_MAX, Count, Lines
from foldline.errors import CorruptRecord
from foldline.events import (
    AlertRaised,
    Event,
    FieldsSet,
    GitCaptured,
    MetricDefined,
    ParamsSet,
    SummarySet,
    TagsChanged,
    WriterClosed,
    WriterLost,
)
from foldline.params import assign, plain
from foldline.series import SYSTEM_PREFIX
from foldline.values.audio import Audio
from foldline.values.distribution import Distribution
from foldline.values.figure import Figure
from foldline.values.html import Html
from foldline.values.image import Image
from foldline.values.table import Table
from foldline.values.text import Text
from foldline.values.value import Tracked
from foldline.values.video import Video

from .foreign import ForeignRun, Gathered, Item, Kept, LeftOut, Told, number, unreadable
from .protobuf import Message

__all__ = ["NAMES", "records", "runs"]

NAMES = "run-*.wandb"
TRACKER = "wandb"
HEAD_BYTES = 7
MAGIC = b":W&B\xe1\xbe"
BLOCK_BYTES = 32_768
PIECE = struct.Struct("<IHB")
WHOLE, FIRST, LAST = 1, 2, 4
LEVELS = {"INFO": 20, "WARN": 30, "ERROR": 40}
GOALS = {1: "minimize", 2: "maximize"}
SUMMARIES = {1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 8: "first"}
STREAMS = ("stderr", "stdout")  # by their numbers
FILES: dict[str, Callable[[bytes, str], Tracked]] = {
    "image-file": Image,
    "audio-file": lambda data, caption: Audio(data, caption=caption),
    "video-file": Video,
    "html-file": Html,
}

# Fields of a record.
HISTORY, SUMMARY, CONFIG, STATS, ALERT, METRIC, OUTPUT, RUN, EXIT, ENVIRONMENT = (
    2, 3, 5, 7, 10, 12, 13, 17, 18, 26,
)  # fmt: skip


def runs(folder: Path, files: list[Path]) -> Iterator[ForeignRun]:
    """Yield the runs of these files."""
    del folder
    for path in sorted(files):
        found = _about(path)
        if found is None:
            yield unreadable(TRACKER, path, "it says of no run; W&B was killed before it wrote")
            continue
        about, environment = found
        yield ForeignRun(
            TRACKER,
            f"{about.text(3)}/{about.text(1)}",
            _time(about.message(17)),
            partial(_read, path),
            [path],
            name=about.text(8) or about.text(1),
            experiment=about.text(3),
            host=about.text(13),
            command=[environment.text(6), *environment.texts(5)] if 6 in environment else [],
        )


def _about(path: Path) -> tuple[Message, Message] | None:
    """Return what a file says of its run, and of its machine; None if it says nothing."""
    about = environment = None
    try:
        with path.open("rb") as file:
            for data in records(file, str(path)):
                record = Message(data)
                about = record.message(RUN) if about is None and RUN in record else about
                environment = record.message(ENVIRONMENT) if ENVIRONMENT in record else environment
                if HISTORY in record or (about is not None and environment is not None):
                    break
    except (CorruptRecord, ValueError):
        pass
    return None if about is None else (about, environment or Message())


def records(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Yield records; one that is not whole at the end was being written.

    Raises CorruptRecord at damage, and where it is no such file.
    """
    at, parts = HEAD_BYTES, b""
    if not file.read(HEAD_BYTES).startswith(MAGIC):
        raise CorruptRecord(path, 0, HEAD_BYTES, "it is no file of W&B")
    while True:
        left = BLOCK_BYTES - at % BLOCK_BYTES
        if left < PIECE.size:
            file.read(left)
            at += left
            continue
        head = file.read(PIECE.size)
        if len(head) < PIECE.size:
            return
        crc, length, kind = PIECE.unpack(head)
        piece = file.read(length)
        if len(piece) < length:
            return
        if zlib.crc32(piece, zlib.crc32(head[6:])) != crc:
            raise CorruptRecord(path, at, PIECE.size + length, "its checksum is wrong")
        at += PIECE.size + length
        parts = piece if kind in {WHOLE, FIRST} else parts + piece
        if kind in {WHOLE, LAST}:
            yield parts


def _read(path: Path) -> Iterator[Item]:
    return _Reading(path).read()


class _Reading:
    """A reading of one run's file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._points = Gathered()
        self._now = 0.0
        self._step = 0
        count = Count()
        self._lines = {stream: Lines(stream, count) for stream in STREAMS}
        self._latest: dict[str, Any] = {}  # by name, of the rows
        self._summary: dict[str, Any] = {}
        self._end: Event | None = None

    def read(self) -> Iterator[Item]:
        with self._path.open("rb") as file:
            try:
                for data in records(file, str(self._path)):
                    yield from self._record(Message(data))
            except (CorruptRecord, ValueError) as error:
                yield LeftOut(f"what follows damage: {error}")
        for lines in self._lines.values():
            yield from (Told(self._now, said) for said in lines.feed(b"", 0.0, last=True))
        yield from self._points.points()
        for name, value in self._summary.items():
            # W&B puts the latest of everything there: only what was stated is a result.
            if not name.startswith("_") and self._latest.get(name) != value:
                yield Told(self._now, SummarySet([name], plain(value)))
        yield Told(self._now, self._end or _lost(self._now))

    def _record(self, record: Message) -> Iterator[Item]:
        if RUN in record:
            yield from self._run(record.message(RUN))
        elif HISTORY in record:
            yield from self._row(record.message(HISTORY))
        elif SUMMARY in record:
            for item in record.message(SUMMARY).messages(1):
                assign(self._summary, item.texts(2) or [item.text(1)], _value(item.text(16)))
        elif CONFIG in record:
            yield from self._config(record.message(CONFIG))
        elif STATS in record:
            stats = record.message(STATS)
            time = _time(stats.message(2))
            for item in stats.messages(3):
                if (value := number(_value(item.text(16)))) is not None:
                    name = SYSTEM_PREFIX + item.text(1)
                    self._points.add(name, self._points.count(name), value, time)
        elif OUTPUT in record:
            yield from self._output(record.message(OUTPUT))
        elif EXIT in record:
            code = record.message(EXIT).integer(1)
            self._end = WriterClosed("failed" if code else "finished")
        elif event := _fact(record):
            yield Told(self._now, event)

    def _run(self, about: Message) -> Iterator[Item]:
        self._now = _time(about.message(17))
        self._step = about.integer(14)
        named = {"notes": 9, "group": 6, "job_type": 7}
        words = {word: about.text(number) for word, number in named.items() if number in about}
        if words:
            yield Told(self._now, FieldsSet({**words}))
        if tags := about.texts(10):
            yield Told(self._now, TagsChanged(added=tags))
        if 21 in about:
            git = about.message(21)
            yield Told(self._now, GitCaptured(git.text(2), remote=git.text(1)))
        yield from self._config(about.message(4))

    def _config(self, config: Message) -> Iterator[Item]:
        for item in config.messages(1):
            path = item.texts(2) or [item.text(1)]
            if path[0] != "_wandb":  # W&B's own notes
                yield Told(self._now, ParamsSet(path, plain(_value(item.text(16)))))

    def _row(self, row: Message) -> Iterator[Item]:
        said: dict[str, Any] = {}
        for item in row.messages(1):  # a picture is told part by part, and so is a dict
            assign(said, item.texts(2) or [item.text(1)], _item(item))
        self._now = max(self._now, number(said.get("_timestamp")) or 0.0)
        self._step = row.message(2).integer(1) or int(number(said.get("_step")) or 0)
        self._latest |= said
        for name, value in said.items():
            if not name.startswith("_"):
                yield from self._track(name, value)

    def _track(self, name: str, value: Any) -> Iterator[Item]:
        if (found := number(value)) is not None:
            self._points.add(name, self._step, found, self._now)
            return
        if isinstance(value, dict) and "_type" not in value:
            for key, below in value.items():
                yield from self._track(f"{name}/{key}", below)
            return
        try:
            yield Kept(self._now, name, self._step, self._values(value))
        except (LookupError, TypeError, ValueError, OSError):
            what = value.get("_type", "a dict") if isinstance(value, dict) else type(value).__name__
            yield LeftOut(f"a value of the type {what!r}")

    def _values(self, value: Any) -> list[Tracked]:
        """Return what a value becomes. Raises LookupError, TypeError, ValueError or OSError."""
        if isinstance(value, str):
            return [Text(value)]
        kind = value["_type"]
        if kind == "images/separated":
            captions = value.get("captions") or [""] * len(value["filenames"])
            names = zip(value["filenames"], captions, strict=False)
            return [Image(self._file(name), caption or "") for name, caption in names]
        if kind == "histogram":
            packed = value.get("packedBins")
            if packed:
                edges = [packed["min"] + packed["size"] * at for at in range(packed["count"] + 1)]
            else:
                edges = value["bins"]
            return [Distribution(hist=value["values"], bin_edges=edges)]
        data, caption = self._file(value["path"]), value.get("caption") or ""
        if kind == "table-file":
            return [Table(**{name: json.loads(data)[name] for name in ("columns", "data")})]
        if kind == "plotly-file":
            return [Figure(json.loads(data), caption)]
        return [FILES[kind](data, caption)]

    def _file(self, name: str) -> bytes:
        """Return a file that a value names: never one outside the run's folder."""
        folder = (self._path.parent / "files").resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder):
            raise ValueError(name)
        return path.read_bytes()

    def _output(self, output: Message) -> Iterator[Item]:
        time = _time(output.message(2)) or self._now
        data = output.data(3)
        for at in range(0, len(data), READ_BYTES_MAX):
            # Every state of a progress bar would be one of its times: the log has its last.
            lines = self._lines[STREAMS[output.integer(1) == 1]]
            for said in lines.feed(data[at : at + READ_BYTES_MAX], time):
                yield Told(time, said)


def _fact(record: Message) -> Event | None:
    if ALERT in record:
        said = record.message(ALERT)
        return AlertRaised(said.text(1), said.text(2), LEVELS.get(said.text(3), 20))
    if METRIC in record:
        said = record.message(METRIC)
        summary = said.message(7)
        return MetricDefined(
            said.text(1) or said.text(2),
            said.text(4),
            [word for field, word in SUMMARIES.items() if summary.integer(field)],
            GOALS.get(said.integer(8), ""),
        )
    return None


def _lost(time: float) -> WriterLost:
    return WriterLost("", time, "the file of W&B says nothing of its end", silent=True)


def _item(item: Message) -> Any:
    """Return the value of an item of a row: JSON, or in later versions of a type of its own."""
    if 4 in item:
        return bool(item.integer(4))
    if 5 in item:
        return item.integer(5)
    if 6 in item:
        return item.real(6)
    return item.text(7) if 7 in item else _value(item.text(16) or item.text(8))


def _value(text: str) -> Any:
    """Return what JSON says; a text that is none as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _time(stamp: Message) -> float:
    """Return a google.protobuf.Timestamp in unix seconds."""
    return stamp.integer(1) + stamp.integer(2) / 1e9
