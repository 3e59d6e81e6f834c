"""The versions of artifacts that runs made or used.

Two of one name and digest are one version, whoever made them. They are rows of their own, not part
of a run's state: a run may keep thousands of checkpoints.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable
from typing import Any

import msgspec

from foldline.events import ArtifactLogged, ArtifactUsed
from foldline_ingest.batch import Fact

from .answers import Artifact, ArtifactVersion
from .placemark import read_placemark, write_placemark

__all__ = ["SCHEMA", "VersionRow", "VersionsPage", "of_run", "save", "versions", "versions_page"]

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
RUNS_SHOWN = 100  # of those that made a version, and of those that used it


class VersionRow(ArtifactVersion, kw_only=True):
    """A version, with the first RUNS_SHOWN of the runs that made and used it."""

    makers: int  # runs that made it
    users: int


class VersionsPage(msgspec.Struct):
    """Versions of the store's artifacts, by name and number."""

    versions: list[VersionRow]
    total: int
    cursor: str | None
    watermark: int


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


def versions(
    db: sqlite3.Connection, name: str | None = None, runs: Container[str] | None = None
) -> list[ArtifactVersion]:
    """Return each version of the store's artifacts, or of those of one name, by name and number.

    Versions of a name are numbered from 0 in the order in which they were first made. One that was
    only ever used, and made by no run of the store, has no number. `runs` are all that count, if
    they are given.
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
        if runs is not None and uid not in runs:
            continue
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


def versions_page(
    db: sqlite3.Connection,
    name: str | None,
    limit: int,
    cursor: str | None,
    watermark: int,
    runs: Container[str] | None = None,
) -> VersionsPage:
    """Return some versions of the store's artifacts. Raises QueryError for a wrong cursor.

    With `runs`, those that these runs made and used, as if there were no others.
    """
    (start,) = (0,) if cursor is None else read_placemark(cursor, tuple[int])
    found = versions(db, name, runs)
    rows = []
    for one in found[max(0, start) :][:limit]:
        said = msgspec.structs.asdict(one)
        said["made_by"], said["used_by"] = one.made_by[:RUNS_SHOWN], one.used_by[:RUNS_SHOWN]
        rows.append(VersionRow(**said, makers=len(one.made_by), users=len(one.used_by)))
    end = start + len(rows)
    following = write_placemark((end,)) if end < len(found) else None
    return VersionsPage(rows, len(found), following, watermark)


def _once(runs: list[str]) -> list[str]:
    return list(dict.fromkeys(runs))
