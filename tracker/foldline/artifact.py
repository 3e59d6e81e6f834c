"""A version of an artifact: named files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from . import blobs
from .errors import BlobMissing, CorruptRecord, ValueRejected
from .events import StoredFile
from .ids import new_id
from .layout import Layout
from .params import plain

__all__ = ["Artifact", "digest_of", "place_of"]


class Artifact:
    """Files that are kept together, as one version of a name.

    A script builds one to log several files: `Artifact("model").add_file("weights.pt")`. What
    `run.use_artifact` and `run.artifacts` give can be downloaded. Two of one `digest` hold the
    same files under the same paths: they are one version.
    """

    def __init__(
        self,
        name: str,
        type: str = "",
        *,
        kind: str = "",
        aliases: Iterable[str] = (),
        params: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """`type` and `kind` are one word, such as model; so are `params` and `metadata`."""
        self.name = str(plain(str(name)))
        self.kind = str(plain(str(kind or type)))
        self.aliases = [str(plain(str(alias))) for alias in aliases]
        kept = plain(dict(params or metadata or {}))
        self.params: dict[str, Any] = kept if isinstance(kept, dict) else {}
        self._sources: list[tuple[str | None, Path]] = []  # to be kept, and as what
        self.digest = ""  # until it is kept
        self.files: list[StoredFile] = []
        self.run = ""  # that made it
        self.uri = ""  # where the bytes are, if not in the store
        self._layout: Layout | None = None

    def add_file(self, path: str | os.PathLike[str], name: str | None = None) -> Artifact:
        """Have a file kept, as `name` or under its own; return the artifact."""
        self._sources.append((name or Path(path).name, Path(path)))
        return self

    def add_dir(self, path: str | os.PathLike[str], name: str | None = None) -> Artifact:
        """Have all files of a folder kept, below `name` if there is one; return the artifact."""
        self._sources.append((name, Path(path)))
        return self

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def kept(self) -> bool:
        """Whether the files are in the store."""
        return bool(self.digest)

    def _kept_as(
        self, layout: Layout, run: str, digest: str, files: Sequence[StoredFile], uri: str = ""
    ) -> Artifact:
        """Take note of where the files are kept; return the artifact."""
        self._layout, self.run, self.digest = layout, run, digest
        self.files, self.uri = list(files), uri
        return self

    def download(self, dest: str | os.PathLike[str] | None = None) -> Path:
        """Write the files below the folder `dest`, or ./artifacts/<name>; return the folder.

        Each is checked against its SHA-256 before it gets its name. Raises BlobMissing if the
        artifact or a file of it is not in the store, CorruptRecord if a file is damaged,
        ValueRejected if a path leads out of the folder, and OSError.
        """
        if self._layout is None:
            raise BlobMissing(
                f"the artifact {self.name!r} is not in the store",
                hint="run.log_artifact(..., block=True) keeps one before it returns",
            )
        layout = self._layout
        if self.uri:
            layout = Layout(place_of(self.uri))
        folder = Path(dest) if dest is not None else Path("artifacts", *_parts(self.name))
        targets = [(file, folder.joinpath(*_parts(file.path))) for file in self.files]
        for file, target in targets:
            if not target.parent.resolve().is_relative_to(folder.resolve()):
                raise ValueRejected(f"{target} is a link out of the folder {folder}")
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(layout, file, target)
        return folder

    def __repr__(self) -> str:
        """Show the name, the digest and how many files there are."""
        return f"foldline.Artifact({self.name!r}, {self.digest[:12]!r}, {len(self.files)} files)"


def digest_of(files: Iterable[StoredFile]) -> str:
    """Return the SHA-256 over the msgpack list of [path, blob] of all files, by path."""
    pairs = sorted((file.path, file.blob) for file in files)
    return hashlib.sha256(msgspec.msgpack.encode(pairs)).hexdigest()


def place_of(uri: str | os.PathLike[str]) -> Path:
    """Return the folder that a path or a `file://` address means. Raises ValueRejected."""
    text = os.fspath(uri)
    parts = urlsplit(text)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if "://" in text:
        raise ValueRejected(
            f"artifacts can't be kept at {text[:200]!r}: Foldline opens no connection",
            hint="mount it as a folder (rclone mount, s3fs) and give its path or file:// address",
        )
    return Path(text).absolute()


def _parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path that stays below a folder. Raises ValueRejected."""
    parts = PurePosixPath(path).parts
    bad = any(
        part in ("..", "/", "//") or set(part) & set("\0\\") or (os.name == "nt" and ":" in part)
        for part in parts
    )
    if bad or not parts:
        raise ValueRejected(f"the path {path[:200]!r} of an artifact leads out of its folder")
    return parts


def _copy(layout: Layout, file: StoredFile, target: Path) -> None:
    draft = target.with_name(f".{new_id()}")
    hashed = hashlib.sha256()
    try:
        with blobs.opened(layout, file.blob) as data, draft.open("xb") as copy:
            while chunk := data.read(blobs.CHUNK_BYTES):
                hashed.update(chunk)
                copy.write(chunk)
        if hashed.hexdigest() != file.blob:
            raise CorruptRecord(layout.blob(file.blob), 0, file.size, "its SHA-256 is not its name")
        draft.replace(target)
    except BlobMissing as error:
        raise BlobMissing(
            f"{layout.root} has no bytes of {file.path!r}",
            hint="restore the folder `blobs` from a backup",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
