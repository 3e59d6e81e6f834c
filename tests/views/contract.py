"""A log of everything, and views as bytes."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec

from foldline.events import (
    AlertRaised,
    ArtifactLogged,
    ArtifactUsed,
    ConsolePrinted,
    Event,
    FieldsSet,
    GitCaptured,
    MessageLogged,
    MetricDefined,
    ParamsRemoved,
    ParamsSet,
    ProgressReported,
    RunForked,
    StepsRewound,
    StoredFile,
    SummarySet,
    TagsChanged,
    Value,
    ValuesTracked,
    WriterFound,
    WriterLost,
)
from foldline.layout import Layout, SegmentName
from foldline_views.shelf import Shelf
from foldline_views.shelves import CATALOG
from tests.canonical import canonical_dump
from tests.segment_build import SegmentBuild

__all__ = ["dump", "make"]

RUNS = ("run1", "run2")
WRITERS = ("wa", "wb", "wc")

# Columns that depend on how commits came: what a reader uses to find what is new, and row ids that
# nothing but rows of the same table is known by.
HOW_COMMITS_CAME = {"revision"}
OWN_IDS = {("piece", "id"), ("entry", "id"), ("sequence", "id"), ("entry", "sequence")}
# A table that says where the log has to be read from may do so in several right ways.
HINTS = {"rest"}


def make(
    store: Path, chance: random.Random, *, hurt: bool = False
) -> list[tuple[SegmentName, Path]]:
    """Write the segments of some runs, with every kind of event, and perhaps with damage."""
    files = []
    for run in RUNS:
        for writer in WRITERS[: chance.randint(1, len(WRITERS))]:
            name = SegmentName(run, writer)
            start = 1000.0 + chance.choice([0, 0.25, 40])
            build = SegmentBuild(*name, salt=7, window=4096, block=1024, start=start)
            _fill(build, chance)
            data = bytearray(build.killed() if chance.random() < 0.3 else build.close())
            if hurt:
                for _ in range(chance.randint(1, 3)):
                    data[chance.randrange(64, len(data))] ^= 1 << chance.randrange(8)
            path = Layout(store).segment(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            files.append((name, path))
    return files


def _fill(build: SegmentBuild, chance: random.Random) -> None:
    for number, name in enumerate(("loss", "acc", "__system__/cpu"), 1):
        build.define(number, name, {"subset": "val"} if number == 2 else {})
    step, line = 0, 0
    for _ in range(chance.choice([10, 150, 500])):
        kind = chance.random()
        if kind < 0.6:
            step += 1
            build.point(chance.randint(1, 3), chance.choice([step, step + 0.5]), chance.random())
        elif kind < 0.75:
            ended = chance.random() < 0.8
            count = chance.choice([1, 1, 3, 70])
            text = "\n".join(f"line {line + n} {chance.random()}" for n in range(count))
            build.event(ConsolePrinted(chance.choice(["stdout", "stderr"]), line, text, ended))
            line += count if ended else count - 1
        else:
            build.event(_any_event(step, chance))


def _any_event(step: int, chance: random.Random) -> Event:
    word = chance.choice(["a", "b", "c"])
    number = chance.randint(0, 4)
    png = Value("image/png", 3, blob="0" * 64)
    return chance.choice([
        FieldsSet({"name": word, "archived": chance.random() < 0.5}),
        ParamsSet(["hparams", word], {"x": number}),
        ParamsRemoved(["hparams", word]),
        SummarySet([word], number),
        TagsChanged([word], [chance.choice(["a", "b", "c"])]),
        MessageLogged(10 * number, f"{word} {number}", word, {"n": number}),
        AlertRaised(word, step=float(step)),
        ValuesTracked("image", word, number, 1000.0 + number, [png] * chance.randint(1, 3)),
        ValuesTracked("text", word, step, 1000.0 + step, [Value("text/plain", 1, inline=b"x")]),
        ArtifactLogged(word, f"{number}", [StoredFile("m.pt", "0" * 64, 3)], aliases=[word]),
        ArtifactUsed(word, f"{number}", "run1"),
        MetricDefined(word, goal=chance.choice(["minimize", "maximize"])),
        ProgressReported(done=float(number), total=4.0),
        RunForked("run1", number),
        GitCaptured(word * 40, branch=word),
        WriterLost("wa", 1000.0, signal=chance.choice(["", "SIGKILL"])),
        WriterFound("wa"),
        StepsRewound(max(0, step - chance.choice([1, 20, 100]))),
    ])  # fmt: skip


def dump(db: sqlite3.Connection, shelf: Shelf) -> bytes:
    """Return what the views of a shelf hold; ids of runs and segments must be the same in both."""
    if shelf == CATALOG:
        return canonical_dump(db)
    tables = [
        name
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name not in HINTS and name not in {"meta", "tenure"} and not name.startswith("sqlite_")
    ]
    found = {table: _rows(db, table) for table in sorted(tables)}
    found["watermark"] = db.execute("SELECT value FROM meta WHERE key = 'watermark'").fetchall()
    return msgspec.msgpack.encode(found)


def _rows(db: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    kept = [
        column
        for column in columns
        if column not in HOW_COMMITS_CAME and (table, column) not in OWN_IDS
    ]
    rows: Iterable[tuple[object, ...]] = db.execute(f"SELECT {', '.join(kept)} FROM {table}")
    return sorted(rows, key=repr)
