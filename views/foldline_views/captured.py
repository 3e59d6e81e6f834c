"""What was captured of each process, and artifacts' files.

These are events that are shown whole. Many runs have the same packages and the same code, so what
an event says is kept once, under its digest.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from foldline.events import (
    ArtifactLogged,
    ArtifactUsed,
    EnvironmentCaptured,
    Event,
    GitCaptured,
    MachineCaptured,
    PackagesCaptured,
    SourcesCaptured,
    StoredFile,
    WriterOpened,
    decode,
    encode,
)
from foldline_ingest.batch import Batch, facts

from .answers import Artifact, Machine, plain
from .placemark import read_placemark, write_placemark
from .session import Session

__all__ = [
    "ArtifactWhole",
    "ArtifactsPage",
    "ArtifactsRequest",
    "CapturedPage",
    "CapturedView",
    "GitWhole",
    "MachineWhole",
    "ProcessCaptured",
    "SourcesWhole",
    "artifacts_page",
    "captured_page",
]

# Processes of a run that an answer tells of: the newest ones. Each has some 20 KB of packages.
PROCESSES_MAX = 64
FILES_SHOWN = 100  # of an artifact in a list; who asks for one artifact gets more
FILES_MAX = 10_000  # of an artifact in an answer: 1 MB; who wants more goes on

KINDS: tuple[type[Event], ...] = (
    GitCaptured,
    PackagesCaptured,
    MachineCaptured,
    EnvironmentCaptured,
    SourcesCaptured,
)


class GitWhole(msgspec.Struct):
    """The state of the code's repository when a process began."""

    commit: str
    branch: str
    remote: str
    subject: str  # the commit's first line
    author: str
    committed_at: float
    dirty: bool
    diff: str  # the blob of what was changed and not committed, or ""
    diff_bytes: int
    untracked: list[str]


class MachineWhole(Machine, kw_only=True):
    """Where and as whom a process runs, and among what."""

    attributes: dict[str, Any]  # a scheduler's job, a container, a notebook


class SourcesWhole(msgspec.Struct):
    """The entry script and the local modules that it had imported."""

    entry: str  # the path of the script among `files`
    files: list[StoredFile]
    left_out: int  # files over the bounds


class ProcessCaptured(msgspec.Struct):
    """What was captured of one process; null is what was not."""

    writer: str
    host: str
    pid: int
    rank: int | None
    role: str  # "" trains; companion
    beside: str  # the writer that a companion stands beside
    time: float  # unix seconds, of the first that was captured
    git: GitWhole | None = None
    packages: dict[str, str] | None = None  # version by name
    machine: MachineWhole | None = None
    environment: dict[str, str] | None = None
    sources: SourcesWhole | None = None


class CapturedPage(msgspec.Struct):
    """What was captured of a run's processes, the newest last."""

    processes: list[ProcessCaptured]
    total: int
    watermark: int


class ArtifactWhole(Artifact, kw_only=True):
    """A version of an artifact that a run made, or used, with its files."""

    params: dict[str, Any]
    stored: list[StoredFile]  # from `first` on
    first: int = 0


class ArtifactsRequest(msgspec.Struct, frozen=True):
    """Which versions of artifacts of a run."""

    name: str | None = None
    digest: str | None = None
    first: int = 0  # file, if a digest is given
    limit: int = 100
    cursor: str | None = None


class ArtifactsPage(msgspec.Struct):
    """Versions of artifacts of a run in the order of their times."""

    artifacts: list[ArtifactWhole]
    total: int
    cursor: str | None
    watermark: int


class CapturedView:
    """Keeps such events: of what a process captured twice the last, of artifacts all."""

    name = "captured"
    version = 1
    schema = """
        CREATE TABLE captured_text (digest BLOB PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE captured (
            segment INTEGER NOT NULL, type INTEGER NOT NULL, number INTEGER NOT NULL,
            time REAL NOT NULL, digest BLOB NOT NULL,
            PRIMARY KEY (segment, type, number)) WITHOUT ROWID;
    """

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Write the batches' events."""
        for batch in batches:
            segment = session.segments[batch.segment]
            for fact in facts(batch, WriterOpened, *KINDS, ArtifactLogged, ArtifactUsed):
                event = fact.event
                if isinstance(event, WriterOpened) and event.role == "server":
                    continue  # a person's change: nothing is captured of that
                data = encode(event)
                digest = hashlib.blake2b(data, digest_size=16).digest()
                kept = isinstance(event, ArtifactLogged | ArtifactUsed)
                session.db.execute(
                    "INSERT OR IGNORE INTO captured_text VALUES (?, ?)", (digest, data)
                )
                session.db.execute(
                    "INSERT OR REPLACE INTO captured VALUES (?, ?, ?, ?, ?)",
                    (segment, event.TYPE, fact.seq if kept else 0, fact.time, digest),
                )
                session.told.runs[batch.segment.run] = None

    def forget(self) -> None:
        """Drop what is in memory: there is nothing."""


def captured_page(db: sqlite3.Connection, run: str, watermark: int = 0) -> CapturedPage:
    """Return what was captured of the newest PROCESSES_MAX processes of a run."""
    types = [kind.TYPE for kind in KINDS]
    rows = db.execute(
        "SELECT segment.id, writer, min(time) FROM run JOIN segment ON segment.run = run.id"
        " JOIN captured ON captured.segment = segment.id"
        " WHERE uid = ? AND type IN (SELECT value FROM json_each(?))"
        " GROUP BY segment.id ORDER BY min(time), writer",
        (run, msgspec.json.encode(types).decode()),
    ).fetchall()
    processes = [_process(db, *row) for row in rows[-PROCESSES_MAX:]]
    return CapturedPage(processes, len(rows), watermark)


def _process(db: sqlite3.Connection, segment: int, writer: str, time: float) -> ProcessCaptured:
    opened = WriterOpened("", 0)
    found: dict[str, Any] = {}
    for event in _events(db, segment):
        match event:
            case WriterOpened():
                opened = event
            case PackagesCaptured():
                found["packages"] = event.packages
            case EnvironmentCaptured():
                found["environment"] = event.variables
            case GitCaptured():
                found["git"] = GitWhole(**msgspec.structs.asdict(event))
            case MachineCaptured():
                said = msgspec.structs.asdict(event)
                found["machine"] = MachineWhole(**said | {"attributes": plain(event.attributes)})
            case SourcesCaptured():
                found["sources"] = SourcesWhole(**msgspec.structs.asdict(event))
    about = (opened.host, opened.pid, opened.rank, opened.role, opened.beside)
    return ProcessCaptured(writer, *about, time, **found)


def _events(db: sqlite3.Connection, segment: int) -> Iterator[Event]:
    rows = db.execute(
        "SELECT type, data FROM captured JOIN captured_text USING (digest)"
        " WHERE segment = ? AND type NOT IN (?, ?)",
        (segment, ArtifactLogged.TYPE, ArtifactUsed.TYPE),
    )
    for number, data in rows:
        event = decode(number, data)
        if event is not None:
            yield event


def artifacts_page(
    db: sqlite3.Connection, run: str, asked: ArtifactsRequest, watermark: int = 0
) -> ArtifactsPage:
    """Return what a run made and used, in the order of their times. Raises QueryError.

    Of each the first FILES_SHOWN files are told; if a digest is asked for, FILES_MAX from the file
    with the number `first` on.
    """
    (start,) = (0,) if asked.cursor is None else read_placemark(asked.cursor, tuple[int])
    rows = db.execute(
        "SELECT time, type, data FROM run JOIN segment ON segment.run = run.id"
        " JOIN captured ON captured.segment = segment.id JOIN captured_text USING (digest)"
        " WHERE uid = ? AND type IN (?, ?) ORDER BY time, writer, number",
        (run, ArtifactLogged.TYPE, ArtifactUsed.TYPE),
    )
    shown = slice(0, FILES_SHOWN)
    if asked.digest is not None:
        shown = slice(asked.first, asked.first + FILES_MAX)
    found: list[ArtifactWhole] = []
    total = 0
    for time, number, data in rows:
        event = decode(number, data)
        if not isinstance(event, ArtifactLogged | ArtifactUsed):
            continue
        if asked.name not in (None, event.name) or asked.digest not in (None, event.digest):
            continue
        if start <= total < start + asked.limit:
            found.append(_whole(event, time, shown))
        total += 1
    more = start + len(found) < total
    return ArtifactsPage(
        found, total, write_placemark((start + len(found),)) if more else None, watermark
    )


def _whole(event: ArtifactLogged | ArtifactUsed, time: float, shown: slice) -> ArtifactWhole:
    made = event if isinstance(event, ArtifactLogged) else ArtifactLogged(event.name, event.digest)
    return ArtifactWhole(
        name=made.name,
        digest=made.digest,
        used=isinstance(event, ArtifactUsed),
        maker=event.run if isinstance(event, ArtifactUsed) else "",
        kind=made.kind,
        files=len(made.files),
        size=sum(file.size for file in made.files),
        aliases=made.aliases,
        uri=made.uri,
        time=time,
        params=plain(made.params),
        stored=made.files[shown],
        first=shown.start,
    )
