"""Files of other trackers, made by hand."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from foldline_ingest.imports.castagnoli import crc32c

__all__ = [
    "bits",
    "event",
    "event_file",
    "mlflow_database",
    "number",
    "scalar",
    "text",
    "wandb_file",
]


def number(field: int, value: int) -> bytes:
    """A varint."""
    return _varint(field << 3) + _varint(value % (1 << 64))


def bits(field: int, value: float) -> bytes:
    """A double."""
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def text(field: int, value: str | bytes) -> bytes:
    """A text, bytes, or a message within."""
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


# ------------------------------------------------------------------------------------- TensorBoard


def event(step: int, time: float, *values: bytes) -> bytes:
    """An Event with these values of its Summary."""
    summary = b"".join(text(1, value) for value in values)
    return bits(1, time) + number(2, step) + (text(5, summary) if values else b"")


def scalar(tag: str, value: float) -> bytes:
    """A value of a Summary, as torch and tensorboardX write it."""
    return text(1, tag) + b"\x15" + struct.pack("<f", value)


def event_file(path: Path, messages: Iterable[bytes]) -> Path:
    """A file of events."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for message in messages:
            head = struct.pack("<Q", len(message))
            file.write(head + _masked(head) + message + _masked(message))
    return path


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFF_FFFF)


# ------------------------------------------------------------------------------------------- W & B


def wandb_file(path: Path, records: Iterable[bytes]) -> Path:
    """A file of W&B; a record that does not fit a block goes on in the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    out = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        rest, first = record, True
        while first or rest:
            left = 32_768 - len(out) % 32_768
            if left < 7:
                out += bytes(left)
                continue
            piece, rest = rest[: left - 7], rest[left - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}
            of = bytes([kind[first, not rest]])
            out += struct.pack("<IH", zlib.crc32(of + piece), len(piece)) + of + piece
            first = False
    path.write_bytes(out)
    return path


# ------------------------------------------------------------------------------------------ MLflow


def mlflow_database(path: Path) -> Path:
    """A database with one run that was killed and one that was deleted."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            """
            CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
            CREATE TABLE runs (run_uuid TEXT, name TEXT, experiment_id INTEGER, status TEXT,
                start_time INTEGER, end_time INTEGER, artifact_uri TEXT, user_id TEXT,
                lifecycle_stage TEXT);
            CREATE TABLE params (run_uuid TEXT, key TEXT, value TEXT);
            CREATE TABLE tags (run_uuid TEXT, key TEXT, value TEXT);
            CREATE TABLE metrics (run_uuid TEXT, key TEXT, value REAL, timestamp INTEGER,
                step INTEGER, is_nan INTEGER);
            INSERT INTO experiments VALUES (1, 'vision');
            INSERT INTO runs VALUES ('r1', 'one', 1, 'KILLED', 1700000000000, 1700000060000,
                's3://bucket/r1', 'ann', 'active');
            INSERT INTO runs VALUES ('r2', 'two', 1, 'FINISHED', 1700000000000, NULL, '', '',
                'deleted');
            INSERT INTO params VALUES ('r1', 'lr', '1e-3'), ('r1', 'amp', 'True'),
                ('r1', 'version', '1.2.3');
            INSERT INTO tags VALUES ('r1', 'team', 'blue'), ('r1', 'mlflow.note.content', 'a note');
            INSERT INTO metrics VALUES ('r1', 'loss', 0.5, 1700000001000, 1, 0),
                ('r1', 'loss', 0, 1700000002000, 2, 1);
            """
        )
    return path
