"""A run of a server's store, and the files that it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np

from foldline import blobs, events
from foldline.artifact import Artifact
from foldline.errors import ServerRefused
from foldline.events import StoredFile, WriterOpened
from foldline.layout import Layout

from .answers import RunDetail, RunRow
from .api import Api
from .captured import ArtifactsPage, ArtifactWhole, CapturedPage, ProcessCaptured
from .contents import LinesPage, MessagesPage, ValueRow, ValuesPage
from .exact import ExactPoints
from .logged import Captured, Line, Message
from .logged import Sequence as Logged
from .pointpages import read_points_page
from .portions import ParamsPage, RunPortion
from .sequences import Sequence, made_of
from .series import context_key
from .tracked import Entry

if TYPE_CHECKING:
    from foldline.run import Run

__all__ = ["Fetched", "ServedRun", "fetch_artifact", "fetch_points"]

BLOB_PIECE_BYTES = 8 << 20  # fetched in one go
BLOB_BYTES_MAX = 1 << 40  # that a server may say a blob has: more than the largest checkpoints
POINTS_ASKED = 1_000_000
LINES_ASKED = 5000
ROWS_ASKED = 1000


class Fetched(Layout):
    """A folder whose blobs are fetched from a server when they are looked for."""

    api: Api

    @classmethod
    def of(cls, api: Api, folder: Path) -> Fetched:
        """Return the folder as what has all of a server's blobs."""
        fetched = cls(folder)
        fetched.api = api
        return fetched

    def blob(self, digest: str) -> Path:
        """The file of a blob, by the SHA-256 of its bytes.

        Raises BlobMissing, ServerUnreachable, and ServerRefused if the server sends other bytes.
        """
        here = Layout(self.root)
        path = here.blob(digest)
        if blobs.is_digest(digest) and not path.exists():
            found, _ = blobs.put_chunks(here, self._pieces(digest))
            if found != digest:
                here.blob(found).unlink(missing_ok=True)
                raise self._refused(digest, "it sends other bytes")
        return path

    def _pieces(self, digest: str) -> Iterator[bytes]:
        """Yield the blob, in no more bytes than the server says at first that it has."""
        start, size = 0, None
        while size is None or start < size:
            piece, told = self.api.part(f"blobs/{digest}", start, start + BLOB_PIECE_BYTES)
            if told > BLOB_BYTES_MAX or size not in {None, told}:
                raise self._refused(digest, f"it says that it has {told} bytes")
            size = told
            yield piece
            start += len(piece)

    def _refused(self, digest: str, why: str) -> ServerRefused:
        return ServerRefused(
            f"the blob {digest} is not taken from {self.api.url}: {why}",
            hint="see `foldline doctor` on the server's machine",
        )


class ServedRun:
    """A run of a server's store: see `stored.RunSource`."""

    def __init__(self, api: Api, files: Fetched, row: RunRow) -> None:
        self._api = api
        self._files = files
        self._row = row
        self._path = f"runs/{row.id}"

    def detail(self) -> RunDetail:
        """Return what a row of a table has no room for."""
        if isinstance(self._row, RunDetail):
            return self._row
        return self._api.get(self._path, RunPortion)

    def points(self, name: str, context: dict[str, Any]) -> ExactPoints:
        """Return all points of a series."""
        return fetch_points(self._api, (self._row.id, name, context))

    def params(self) -> dict[str, Any]:
        """Return the settings of the run; of a number that JSON lacks, such as NaN, its name."""
        return self._tree("params", self._row.params)

    def summary(self) -> dict[str, Any]:
        """Return its results, as `params`."""
        return self._tree("summary", self._row.summary)

    def _tree(self, of: str, shown: dict[str, Any]) -> dict[str, Any]:
        row = self._row
        if not isinstance(row, RunPortion):
            return shown
        if getattr(row, f"{of}_shown") == getattr(row, f"{of}_total"):
            return shown
        tree: dict[str, Any] = {}
        path = f"{self._path}/params"
        for page in self._api.pages(self._api.get, path, ParamsPage, of=of, limit=ROWS_ASKED):
            for param in page.params:
                value = param.value
                if param.cut:
                    whole = msgspec.json.encode(param.path).decode()
                    value = self._api.get(path, ParamsPage, of=of, path=whole).params[0].value
                branch = tree
                for part in param.path[:-1]:
                    branch = branch.setdefault(part, {})
                branch[param.path[-1]] = value
        return tree

    def lines(self) -> list[Line]:
        """Return what the run's processes printed, in the order in which lines were begun."""
        found: list[Line] = []
        start, total = 0, 1
        while start < total:
            asked = {"from": start, "limit": LINES_ASKED}
            page = self._api.get(f"{self._path}/lines", LinesPage, **asked)
            if page.next <= start:
                break  # there are none any more; or it would be asked the same for ever
            about = {one.writer: one for one in page.writers}
            for row in page.lines:
                writer = about[row.writer]
                said = (row.time, row.stream, writer.host, writer.rank)
                found.append(Line(*said, row.writer, row.number, row.text))
            start, total = page.next, page.total
        return found

    def messages(self) -> list[Message]:
        """Return the run's messages in the order of their times."""
        path = f"{self._path}/messages"
        return [
            Message(*(getattr(row, name) for name in Message._fields))
            for page in self._api.pages(self._api.get, path, MessagesPage, limit=ROWS_ASKED)
            for row in page.messages
        ]

    def sequences(self, kinds: list[str]) -> list[Sequence]:
        """Return the sequences of these kinds, by kind, name and context."""
        found: dict[tuple[str, str, str], Logged] = {}
        path = f"{self._path}/values"
        for kind in sorted(kinds):
            asked = {"kind": kind, "limit": ROWS_ASKED}
            for page in self._api.pages(self._api.get, path, ValuesPage, **asked):
                for row in page.entries:
                    key = (row.kind, row.name, context_key(row.context))
                    one = found.setdefault(key, Logged(row.kind, row.name, row.context, []))
                    epoch = None if row.epoch is None else float(row.epoch)
                    values = [_value(value) for value in row.values]
                    one.entries.append(Entry(float(row.step), epoch, row.time, values))
        whose = cast("Run", self._row)  # of a sequence's run only the id is looked at
        return [made_of(whose, self._files, one) for _, one in sorted(found.items())]

    def artifacts(self, *, used: bool) -> list[Artifact]:
        """Return the versions that the run made, or used, in the order of their times."""
        path = f"{self._path}/artifacts"
        pages = self._api.pages(self._api.get, path, ArtifactsPage, limit=ROWS_ASKED)
        rows = [row for page in pages for row in page.artifacts if row.used == used]
        return [
            fetch_artifact(self._api, self._files, row.name, row.digest, row.maker or self._row.id)
            for row in rows
        ]

    def captured(self) -> list[Captured]:
        """Return what was captured of each of the run's newest processes, the newest last."""
        page = self._api.get(f"{self._path}/captured", CapturedPage)
        return [_captured(one) for one in page.processes]


def fetch_points(
    api: Api, series: tuple[str, str, dict[str, Any]], limit: int = POINTS_ASKED
) -> ExactPoints:
    """Return all points of a series, as (run, name, context); so many are asked for at a time."""
    run, name, context = series
    asked = {"name": name, "context": msgspec.json.encode(context).decode(), "limit": limit}
    found: list[ExactPoints] = []
    first, total = 0, 1
    while first < total:
        data = api.fetch(f"runs/{run}/points", **asked, first=first)
        part, total = read_points_page(data)
        found.append(part)
        if not len(part.steps):
            break  # a rewind took some meanwhile
        first += len(part.steps)
    return ExactPoints(*(np.concatenate(column) for column in zip(*found, strict=True)))


def fetch_artifact(api: Api, files: Fetched, name: str, digest: str, maker: str) -> Artifact:
    """Return a version, with its files where the run that made it is there."""
    stored: list[StoredFile] = []
    told: ArtifactWhole | None = None
    while maker and (told is None or len(stored) < told.files):
        page = api.get(
            f"runs/{maker}/artifacts", ArtifactsPage, name=name, digest=digest, first=len(stored)
        )
        rows = [row for row in page.artifacts if not row.used]
        if not rows or not (rows[0].stored or not rows[0].files):
            break
        told = rows[0]
        stored += told.stored
        if not told.files:
            break
    if told is None:
        known = Artifact(name)
        known.digest, known.run = digest, maker
        return known
    artifact = Artifact(name, told.kind, aliases=told.aliases, params=told.params)
    return artifact._kept_as(files, maker, digest, stored, told.uri)


def _value(row: ValueRow) -> events.Value:
    inline = row.inline if row.text is None else row.text.encode()
    return events.Value(row.media_type, row.size, row.blob, inline, row.attributes)


def _captured(told: ProcessCaptured) -> Captured:
    opened = WriterOpened(told.host, told.pid, told.rank, role=told.role, beside=told.beside)
    parts: dict[str, Any] = {
        "git": events.GitCaptured,
        "machine": events.MachineCaptured,
        "sources": events.SourcesCaptured,
    }
    said = {
        name: kind(**msgspec.structs.asdict(part))
        for name, kind in parts.items()
        if (part := getattr(told, name)) is not None
    }
    if told.packages is not None:
        said["packages"] = events.PackagesCaptured(told.packages)
    if told.environment is not None:
        said["environment"] = events.EnvironmentCaptured(told.environment)
    return Captured(told.writer, opened, told.time, **said)
