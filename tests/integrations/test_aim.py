"""Aim's stores, written as their format is, brought in."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import aimrocks
import numpy as np
import pytest

import foldline
from foldline.errors import ForeignUnreadable
from tests.imports.reading import brought

RUN = "b38000b89b994c12929cabb2"
TRAIN, NONE = 0x0748_07FC_79C3_DFFE, -0x3E84_7D14_3721_5C6E  # contexts; one has a byte 0xFE
T0 = 1_700_000_000.0


def key(*parts: str | int) -> bytes:
    return b"".join(
        (part.encode() if isinstance(part, str) else b"\xfe" + struct.pack(">q", part)) + b"\xfe"
        for part in parts
    )


def encoded(value: Any) -> bytes:
    match value:
        case None:
            return b"\x00"
        case bool():
            return b"\x01" + bytes([value])
        case int():
            return b"\x02" + struct.pack("<q", value)
        case float():
            return b"\x03" + struct.pack("<d", value)
        case str():
            return b"\x04" + value.encode()
        case bytes():
            return b"\x05" + value
    raise AssertionError(value)


def put(database: aimrocks.DB, path: tuple[str | int, ...], value: Any, of: str = "") -> None:
    """Write a tree as Aim does; `of` is the class of an object, whose bytes go apart."""
    if isinstance(value, dict):
        database.put(key(*path), b"\x0f" + of.encode() if of else b"\x07")
        for name, below in value.items():
            if of and name == "data":
                database.put(key(*path, name), b"")
                database.put(key("BLOBS", *path, name), encoded(below))
            else:
                put(database, (*path, name), below)
    elif isinstance(value, list):
        database.put(key(*path), b"\x06")
        for place, below in enumerate(value):
            put(database, (*path, place), below)
    else:
        database.put(key(*path), encoded(value))


def made(folder: Path) -> aimrocks.DB:
    return aimrocks.DB(str(folder), aimrocks.Options(create_if_missing=True))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one run that says a bit of everything."""
    root = tmp_path / "lab/.aim"
    for part in ("meta", "seqs"):
        (root / part / "chunks").mkdir(parents=True)
    with closing(sqlite3.connect(root / "run_metadata.sqlite")) as db, db:
        db.executescript(
            f"""
            CREATE TABLE experiment (id INTEGER, name TEXT);
            CREATE TABLE tag (id INTEGER, name TEXT);
            CREATE TABLE run_tag (run_id INTEGER, tag_id INTEGER);
            CREATE TABLE note (run_id INTEGER, content TEXT);
            CREATE TABLE run (id INTEGER, hash TEXT, name TEXT, description TEXT,
                is_archived BOOLEAN, created_at DATETIME, experiment_id INTEGER);
            INSERT INTO experiment VALUES (1, 'vision');
            INSERT INTO tag VALUES (1, 'baseline');
            INSERT INTO run_tag VALUES (1, 1);
            INSERT INTO note VALUES (1, 'a note');
            INSERT INTO run VALUES (1, '{RUN}', 'first', 'words', 1,
                '2023-11-14 22:13:20.000000', 1);
            INSERT INTO run VALUES (2, 'never-said', 'empty', '', 0, '2023-11-14 22:13:20', 1);
            """
        )
    meta = made(root / "meta/chunks" / RUN)
    top = ("meta", "chunks", RUN)
    params = {"hparams": {"lr": 0.1, "layers": [64, 32], "none": None}, "seed": 7}
    system = {
        "git_info": {"branch": "main", "commit": {"hash": "c0ffee"}},
        "packages": {"torch": "2.8"},
    }
    put(meta, (*top, "attrs"), {**params, "__system_params": system})
    put(meta, (*top, "contexts", TRAIN), {"subset": "train"})
    put(meta, (*top, "contexts", NONE), {})
    put(meta, (*top, "end_time"), T0 + 60)
    seqs = made(root / "seqs/chunks" / RUN)
    new, old = ("seqs", "v2", "chunks", RUN), ("seqs", "chunks", RUN)
    for step in range(300):
        digest = (step * 0x9E37_79B9_7F4A_7C15 + 0xFE) % (1 << 63)  # in any order
        said = {"val": 1 / (step + 1), "step": step, "time": T0 + step, "epoch": step // 10}
        for field, value in said.items():
            put(seqs, (*new, TRAIN, "loss", field, digest), value)
    put(seqs, (*new, NONE, "__system__cpu", "val", 5), 12.5)
    put(seqs, (*new, NONE, "__system__cpu", "step", 5), 0)
    put(seqs, (*new, NONE, "__system__cpu", "time", 5), T0)
    put(seqs, (*new, NONE, "loss", "val", 9), 0.5)  # killed before the rest was written
    for step in range(3):  # as before Aim 3.11
        put(seqs, (*old, NONE, "older", "val", step), step * 2.0)
        put(seqs, (*old, NONE, "older", "time", step), T0 + step)
        put(seqs, (*old, NONE, "older", "epoch", step), None)
    objects: dict[str, tuple[str, dict[str, Any]]] = {
        "said": ("aim.text", {"data": "hello"}),
        "weights": (
            "aim.distribution",
            {"data": np.array([1, 2], np.int64).tobytes(), "dtype": "int64", "range": [0.0, 1.0]},
        ),
        "logs": ("aim.log_line", {"data": "a printed line"}),
        "odd": ("aim.later", {"data": b"?"}),
        "__log_records": (
            "aim.log_record",
            {"message": "look", "log_level": 30, "timestamp": T0, "__logger_info": ["train.py", 7]},
        ),
    }
    for name, (of, members) in objects.items():
        put(seqs, (*old, NONE, name, "time", 0), T0 + 1)
        put(seqs, (*old, NONE, name, "epoch", 0), None)
        put(seqs, (*old, NONE, name, "val", 0), members, of)
    del meta, seqs
    return root


def test_a_store_of_aim_is_read(store: Path, tmp_path: Path) -> None:
    """Params, series in their contexts, values, lines, messages and words come as they were."""
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    (one,) = brought(store.parent, tmp_path / "store")
    assert before == {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert sorted(one.left_out) == [
        "1 points of 'loss' that were not written whole",
        "a value of the type 'aim.later': LookupError('there is nothing like it here')",
    ]
    with foldline.open(tmp_path / "store") as opened:
        run = opened.run(one.run)
        assert (run.name, run.experiment, run.notes) == ("first", "vision", "a note")
        assert (run.tags, run.archived, run.description) == (["baseline"], True, "words")
        assert (run.created_at, run.ended_at, run.status) == (T0, T0 + 60, "finished")
        assert run.params == {"hparams": {"lr": 0.1, "layers": [64, 32], "none": None}, "seed": 7}
        assert run.git is not None and (run.git.commit, run.git.branch) == ("c0ffee", "main")
        assert run.packages == {"torch": "2.8"}
        loss = run.metric("loss", {"subset": "train"})
        assert loss is not None
        assert loss.values.tolist() == [1 / (step + 1) for step in range(300)]
        assert loss.steps.tolist() == list(range(300))
        assert loss.epochs.tolist() == [step // 10 for step in range(300)]
        older = run.metric("older")
        assert older is not None and older.values.tolist() == [0, 2, 4]
        assert [series.last for series in run.system] == [12.5]
        assert {found.name: found.kind for found in run.sequences()} == {
            "said": "text", "weights": "distribution",
        }  # fmt: skip
        assert [line.text for line in run.lines()] == ["a printed line"]
        (message,) = run.messages()
        assert (message.text, message.level, message.place) == ("look", 30, "train.py:7")


def test_a_damaged_store_of_aim_says_so(store: Path, tmp_path: Path) -> None:
    """A RocksDB that can't be opened is an error that names it, and leaves nothing behind."""
    for file in (store / "meta/chunks" / RUN).glob("CURRENT"):
        file.write_bytes(b"damage")
    with pytest.raises(ForeignUnreadable, match="can't be read"):
        brought(store.parent, tmp_path / "store")
