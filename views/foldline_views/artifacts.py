"""The versions of artifacts that runs made or used.

Two of one name and digest are one version, whoever made them. They are rows of their own, not part
of a run's state: a run may keep thousands of checkpoints.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from foldline.events import ArtifactLogged, ArtifactUsed
from foldline_ingest.batch import Fact

from .answers import Artifact, ArtifactVersion

__all__ = ["SCHEMA", "of_run", "save", "versions"]

SCHEMA = """
    CREATE TABLE artifact (
        run INTEGER NOT NULL, writer TEXT NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL,
        used INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, maker TEXT NOT NULL,
        kind TEXT NOT NULL, files INTEGER NOT NULL, size INTEGER NOT NULL, aliases TEXT NOT NULL,
        uri TEXT NOT NULL, PRIMARY KEY (run, writer, seq)) WITHOUT ROWID;
    CREATE INDEX artifact_name ON artifact (name, digest);
"""

# Rows of one run's answer; a page shows the newest, and the log has all of them.
ROWS_MAX = 1000


def save(db: sqlite3.Connection, run: int, new: Iterable[Fact]) -> None:
    """Write the rows of what a run's facts say of artifacts."""
    for time, writer, seq, event in new:
        values: tuple[Any, ...]
        if isinstance(event, ArtifactLogged):
            size = sum(file.size for file in event.files)
            aliases = msgspec.json.encode(event.aliases).decode()
            values = ("", event.kind, len(event.files), size, aliases, event.uri)
        elif isinstance(event, ArtifactUsed):
            values = (event.run, "", 0, 0, "[]", "")
        else:
            continue
        used = isinstance(event, ArtifactUsed)
        db.execute(
            "INSERT OR REPLACE INTO artifact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, writer, seq, time, used, event.name, event.digest, *values),
        )


def of_run(db: sqlite3.Connection, run: int) -> list[Artifact]:
    """Return what a run made and used, the newest ROWS_MAX of it, in the order of their times."""
    rows = db.execute(
        "SELECT name, digest, used, maker, kind, files, size, aliases, uri, time FROM artifact"
        " WHERE run = ? ORDER BY time DESC, writer DESC, seq DESC LIMIT ?",
        (run, ROWS_MAX),
    )
    found = [
        Artifact(
            name,
            digest,
            bool(used),
            maker,
            kind,
            files,
            size,
            msgspec.json.decode(aliases),
            uri,
            time,
        )
        for name, digest, used, maker, kind, files, size, aliases, uri, time in rows
    ]
    return found[::-1]


def versions(db: sqlite3.Connection, name: str | None = None) -> list[ArtifactVersion]:
    """Return each version of the store's artifacts, or of those of one name, by name and number.

    Versions of a name are numbered from 0 in the order in which they were first made. One that was
    only ever used, and made by no run of the store, has no number.
    """
    rows = db.execute(
        "SELECT name, digest, used, uid, kind, files, size, aliases, uri, time FROM artifact"
        " JOIN run ON run.id = run WHERE coalesce(name = ?, 1) ORDER BY time, uid, writer, seq",
        (name,),
    )
    found: dict[tuple[str, str], ArtifactVersion] = {}
    counts: dict[str, int] = {}
    holders: dict[tuple[str, str], ArtifactVersion] = {}  # an alias is the last version's
    for called, digest, used, uid, kind, files, size, aliases, uri, time in rows:
        version = found.setdefault((called, digest), ArtifactVersion(called, digest))
        (version.used_by if used else version.made_by).append(uid)
        if used:
            continue
        if version.number is None:
            version.number = counts[called] = counts.get(called, -1) + 1
            version.kind, version.files, version.size = kind, files, size
            version.uri, version.time = uri, time
        holders.update(((called, alias), version) for alias in msgspec.json.decode(aliases))
    for (_, alias), version in holders.items():
        version.aliases.append(alias)
    for version in found.values():
        version.made_by, version.used_by = _once(version.made_by), _once(version.used_by)
    return sorted(found.values(), key=lambda v: (v.name, v.number is None, v.number or 0, v.digest))


def _once(runs: list[str]) -> list[str]:
    return list(dict.fromkeys(runs))
