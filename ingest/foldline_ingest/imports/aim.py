"""Runs of Aim's stores.

A store is a folder `.aim`. `run_metadata.sqlite` has what a run is called; a RocksDB for each run
has its params, `meta/chunks/<run>`, and its sequences, `seqs/chunks/<run>`. Both are trees, of
which each key is a path: its parts, each ended by 0xFE; an integer is 0xFE and eight bytes, the
largest first. Values begin with their type: 0 None, 1 bool, 2 int64, 3 double, 4 text, 5 bytes,
6 a list begins, 7 a dict begins, 15 a value of a class begins, and its name. Numbers are little
endian. Bytes of a value lie under the same path behind a part `BLOBS`.

    meta/chunks/<run>/attrs/…                                     params
    meta/chunks/<run>/contexts/<context>/…                        what a context is
    meta/chunks/<run>/end_time
    seqs/v2/chunks/<run>/<context>/<name>/{epoch,step,time,val}/<digest of the step>
    seqs/chunks/<run>/<context>/<name>/{epoch,time,val}/<step>[/…]

RocksDB is read by `aimrocks`, Aim's own build of it, which is there for Python up to 3.12.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foldline.events import (
    ConsolePrinted,
    Event,
    FieldsSet,
    GitCaptured,
    MessageLogged,
    PackagesCaptured,
    ParamsSet,
    TagsChanged,
    WriterClosed,
    WriterLost,
)
from foldline.params import plain
from foldline.series import SYSTEM_PREFIX
from foldline.values.audio import Audio
from foldline.values.distribution import Distribution
from foldline.values.figure import Figure
from foldline.values.image import Image
from foldline.values.text import Text
from foldline.values.value import Tracked

from .foreign import ForeignRun, Item, Kept, LeftOut, Points, Told, opened, unreadable

__all__ = ["NAMES", "runs"]

NAMES = "run_metadata.sqlite"
TRACKER = "aim"
END = 0xFE  # of a part of a path
BLOBS = b"BLOBS\xfe"
SYSTEM = "__system__"  # of the names of series that Aim captures
LIST, DICT, CLASS = 6, 7, 15
FIELDS = ("epoch", "step", "time", "val")
ASKED = (
    "SELECT hash, run.name, run.description, run.is_archived, run.created_at, experiment.name,"
    " (SELECT json_group_array(tag.name) FROM run_tag JOIN tag ON tag.id = tag_id"
    " WHERE run_id = run.id),"
    " (SELECT json_group_array(content) FROM note WHERE run_id = run.id)"
    " FROM run LEFT JOIN experiment ON experiment.id = experiment_id ORDER BY run.id"
)


class _Run(NamedTuple):
    """What the database says of a run."""

    hash: str
    name: str | None
    description: str | None
    archived: int | None
    created_at: str
    experiment: str | None
    tags: str  # JSON, as are notes
    notes: str


class _List(dict[Any, Any]):
    """A list whose items are not all known yet, by their places."""


class _Begins(NamedTuple):
    """A list, a dict or an object of a class, whose members follow."""

    kind: int
    of: str = ""

    def empty(self) -> dict[Any, Any]:
        """Return what the members are put into; of an object, its class is under ""."""
        if self.kind == LIST:
            return _List()
        return {"": self.of} if self.kind == CLASS else {}


def runs(folder: Path, files: list[Path]) -> Iterator[ForeignRun]:
    """Yield the runs of the stores whose databases these are."""
    del folder
    for path in sorted(files):
        try:
            with closing(opened(path)) as db:
                found = [_Run(*row) for row in db.execute(ASKED)]
        except sqlite3.Error as error:
            yield unreadable(TRACKER, path, str(error))
            continue
        for run in found:
            if not (path.parent / "meta/chunks" / run.hash).is_dir():
                continue  # it was begun, and nothing was ever said of it
            yield ForeignRun(
                TRACKER,
                run.hash,
                _seconds(run.created_at),
                partial(_read, path.parent, run),
                [path],
                name="" if run.name == f"Run: {run.hash}" else run.name or "",
                experiment=run.experiment or "",
            )


def _seconds(text: str) -> float:
    """Return a date of the database, which is UTC, in unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _read(store: Path, run: _Run) -> Iterator[Item]:
    began = _seconds(run.created_at)
    meta = _Chunk(store / "meta/chunks" / run.hash)
    told = meta.tree(f"meta/chunks/{run.hash}")
    for event in _facts(run, told.get("attrs") or {}):
        yield Told(began, event)
    contexts: dict[int, Any] = told.get("contexts") or {}
    ended = told.get("end_time")
    last = began
    if (store / "seqs/chunks" / run.hash).is_dir():
        chunk = _Chunk(store / "seqs/chunks" / run.hash)
        for item in _sequences(chunk, run.hash, contexts):
            if isinstance(item, Points):
                last = max(last, float(item.times.max()))
            elif not isinstance(item, LeftOut):
                last = max(last, item.time)
            yield item
    if ended:
        yield Told(float(ended), WriterClosed("finished"))
    else:
        yield Told(last, WriterLost("", last, "Aim knows of no end", silent=True))


def _facts(run: _Run, params: dict[str, Any]) -> Iterator[Event]:
    words = {"description": run.description, "notes": "\n\n".join(json.loads(run.notes))}
    said: dict[str, str | bool | None] = {name: word for name, word in words.items() if word}
    if run.archived:
        said["archived"] = True
    if said:
        yield FieldsSet(said)
    if tags := json.loads(run.tags):
        yield TagsChanged(added=tags)
    system = params.pop("__system_params", None) or {}
    if git := system.get("git_info"):
        commit = git.get("commit") or {}
        yield GitCaptured(
            str(commit.get("hash") or ""),
            str(git.get("branch") or ""),
            str(git.get("remote_origin_url") or ""),
            author=str(commit.get("author") or ""),
        )
    if packages := system.get("packages"):
        yield PackagesCaptured({name: str(version) for name, version in packages.items()})
    if params:
        yield ParamsSet([], plain(params))


def _sequences(chunk: _Chunk, run: str, contexts: dict[int, Any]) -> Iterator[Item]:
    start = _key("seqs", "v2", "chunks", run)
    for context, name in list(chunk.pairs(start)):
        yield from _points(chunk, start + _key(context, name), name, contexts.get(context))
    start = _key("seqs", "chunks", run)
    for context, name in list(chunk.pairs(start)):
        yield from _values(chunk, start + _key(context, name), name, contexts.get(context))


def _points(chunk: _Chunk, start: bytes, name: str, context: Any) -> Iterator[Item]:
    """Yield a series whose points lie under digests of their steps, in any order."""
    columns = {field: dict(chunk.leaves(start + _key(field))) for field in FIELDS}
    steps = columns["step"]
    whole = [key for key in columns["val"] if key in steps and key in columns["time"]]
    if missing := len(columns["val"]) - len(whole):
        yield LeftOut(f"{missing} points of {name!r} that were not written whole")
    if whole:
        whole.sort(key=columns["time"].__getitem__)
        rows = ([columns[field].get(key) for key in whole] for field in FIELDS)
        yield _series(name, context, *rows)


def _series(
    name: str,
    context: Any,
    epochs: list[Any],
    steps: list[Any],
    times: list[Any],
    values: list[Any],
) -> Points:
    if name.startswith(SYSTEM):
        name = SYSTEM_PREFIX + name.removeprefix(SYSTEM)
    whole = all(isinstance(step, int) for step in steps)
    return Points(
        name,
        np.array(steps, np.int64) if whole else np.array(steps, np.float64),
        np.array(values, np.float64),
        np.array(times, np.float64),
        context or {},
        np.array([np.nan if epoch is None else epoch for epoch in epochs], np.float64),
    )


def _values(chunk: _Chunk, start: bytes, name: str, context: Any) -> Iterator[Item]:
    """Yield what lies under its steps: objects, and the points of Aim before 3.11."""
    times, epochs = (dict(chunk.leaves(start + _key(field))) for field in ("time", "epoch"))
    found = chunk.tree_at(start + _key("val"))
    numbers: list[tuple[Any, int, Any, Any]] = []
    for step, value in sorted((found or {}).items()):
        time = float(times.get(step) or 0.0)
        if isinstance(value, int | float):
            numbers.append((epochs.get(step), step, time, value))
            continue
        several = value if isinstance(value, list) else [value]
        if name == "logs" and context in (None, {}):
            yield Told(time, ConsolePrinted("stdout", step, str(several[0].get("data") or "")))
            continue
        if several and several[0].get("") == "aim.log_record":
            yield Told(time, _message(several[0]))
            continue
        try:
            values = [_value(one) for one in several]
            yield Kept(time, name, step, values, context or {}, epochs.get(step))
        except (LookupError, TypeError, ValueError) as error:
            yield LeftOut(f"a value of the type {several[0].get('')!r}: {error!r}")
    if numbers:
        yield _series(name, context, *map(list, zip(*numbers, strict=True)))


def _message(record: dict[Any, Any]) -> MessageLogged:
    place = record.get("__logger_info") or []
    return MessageLogged(
        int(record.get("log_level") or 20),
        str(record.get("message") or ""),
        place=":".join(map(str, place)),
        time=float(record.get("timestamp") or 0.0),
    )


def _value(said: dict[Any, Any]) -> Tracked:
    """Return an object of Aim. Raises LookupError, TypeError or ValueError."""
    match said[""]:
        case "aim.image":
            return Image(said["data"], said.get("caption") or "")
        case "aim.audio":
            return Audio(said["data"], caption=said.get("caption") or "")
        case "aim.text":
            return Text(said["data"])
        case "aim.distribution":
            counts = np.frombuffer(said["data"], said["dtype"])
            return Distribution(hist=counts, bin_range=(said["range"][0], said["range"][1]))
        case "aim.figure":
            return Figure(json.loads(said["data"]))
    raise LookupError("there is nothing like it here")


# ----------------------------------------------------------------------------------------- RocksDB


class _Chunk:
    """The RocksDB of a run, as a tree."""

    def __init__(self, folder: Path) -> None:
        """Open it to read, beside whoever writes. Raises ValueError if it can't be."""
        try:
            import aimrocks
        except ImportError as error:
            raise ValueError("`pip install aimrocks` reads Aim's stores") from error
        try:
            options = aimrocks.Options(create_if_missing=False)
            self._db = aimrocks.DB(str(folder), options, read_only=True)
        except Exception as error:  # its errors have no base of their own
            raise ValueError(f"{folder}: {error}") from error

    def items(self, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys below a path, without it, and their values."""
        found = self._db.iteritems()
        found.seek(start)
        for key, value in found:
            if not key.startswith(start):
                return
            yield key[len(start) :], value

    def pairs(self, start: bytes) -> Iterator[tuple[Any, Any]]:
        """Yield the contexts and names below a path, without reading what is below them."""
        found = self._db.iterkeys()
        at = start
        while True:
            found.seek(at)
            key = next(found, b"")
            if not key.startswith(start):
                return
            context, name = _parts(key[len(start) :])[:2]
            yield context, name
            # Behind all that is below: no part is followed by a larger byte than its end.
            at = start + _key(context, name)[:-1] + b"\xff"

    def leaves(self, start: bytes) -> Iterator[tuple[int, Any]]:
        """Yield the numbers and values right below a path: those of a list."""
        for key, value in self.items(start):
            if len(key) == 10:  # 0xFE, eight bytes, 0xFE
                yield int.from_bytes(key[1:9], "big", signed=True), _decoded(value)

    def tree(self, path: str) -> dict[Any, Any]:
        """Return what is below a path of names."""
        found = self.tree_at(_key(*path.split("/")))
        return found if isinstance(found, dict) else {}

    def tree_at(self, start: bytes) -> Any:
        """Return what is below a path; of an object, its class is under ""."""
        top: dict[Any, Any] = {}
        for key, data in self.items(start):
            value = _decoded(data)
            if not data and (blob := self._db.get(BLOBS + start + key)):
                value = _decoded(blob)
            node: Any = top
            parts = _parts(key)
            for part in parts[:-1]:
                node = node.setdefault(part, {}) if isinstance(node, dict) else {}
            if not parts:
                continue
            if isinstance(value, _Begins):
                value = value.empty()
            node[parts[-1]] = value
        return _settled(top)


def _settled(node: Any) -> Any:
    """Return a tree with its lists as lists."""
    if not isinstance(node, dict):
        return node
    whole = {key: _settled(below) for key, below in node.items()}
    return [whole[key] for key in sorted(whole)] if isinstance(node, _List) else whole


def _key(*parts: str | int) -> bytes:
    """Return a path."""
    return b"".join(
        (part.encode() if isinstance(part, str) else b"\xfe" + part.to_bytes(8, "big", signed=True))
        + b"\xfe"
        for part in parts
    )


def _parts(key: bytes) -> list[str | int]:
    """Return the parts of a path."""
    found: list[str | int] = []
    at = 0
    while at < len(key):
        if key[at] == END:
            found.append(int.from_bytes(key[at + 1 : at + 9], "big", signed=True))
            at += 10
        else:
            end = key.find(END, at)
            end = len(key) if end < 0 else end
            found.append(key[at:end].decode("utf-8", "replace"))
            at = end + 1
    return found


def _decoded(data: bytes) -> Any:
    """Return a value. Raises ValueError for a type that is none."""
    kind, rest = data[:1], data[1:]
    match kind:
        case b"" | b"\x00":
            return None
        case b"\x01":
            return rest != b"\x00"
        case b"\x02":
            return int.from_bytes(rest, "little", signed=True)
        case b"\x03":
            return struct.unpack("<d", rest)[0]
        case b"\x04":
            return rest.decode("utf-8", "replace")
        case b"\x05":
            return rest
    if kind[0] in {LIST, DICT, CLASS}:
        return _Begins(kind[0], rest.decode("utf-8", "replace"))
    raise ValueError(f"Aim has no type {kind[0]}")
