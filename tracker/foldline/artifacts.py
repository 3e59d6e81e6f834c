"""Files that a run keeps, or uses."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from . import blobs
from .artifact import Artifact, digest_of, place_of
from .errors import FoldlineError, StoreUnwritable, ValueRejected
from .events import ArtifactLogged, ArtifactUsed, StoredFile, encode
from .keeping import Keeping
from .layout import Layout
from .notices import Notices
from .params import plain
from .segment import EVENT_PAYLOAD_BYTES_MAX
from .writer import Writer

__all__ = ["Artifacts"]

FILES_MAX = 50_000  # of one artifact: its event names them all; pack more into an archive

Opened = list[tuple[str, IO[bytes]]]


class Artifacts(Keeping):
    """The part of a run that keeps files."""

    def __init__(self, notices: Notices, writer: Writer, *, disabled: bool) -> None:
        super().__init__(notices, writer, disabled=disabled)
        self._artifacts_uri = ""
        self._copying: list[Opened] = []  # the files of artifacts that are not kept yet

    @property
    def artifacts_uri(self) -> str:
        """Where the bytes of this run's artifacts go: the store, if nothing else was set."""
        return self._artifacts_uri or self._writer.layout.root.as_uri()

    def set_artifacts_uri(self, uri: str | os.PathLike[str]) -> None:
        """Keep the bytes of artifacts in a folder of your own, by its path or file:// address.

        They are blobs there, as in a store. Other addresses are refused: mount them as a folder.
        """
        try:
            place = place_of(uri)
            self._artifacts_uri = place.absolute().as_uri()
        except (ValueRejected, TypeError, ValueError) as error:
            self._refuse("set_artifacts_uri", error)

    def log_artifact(
        self,
        path: str | os.PathLike[str] | Artifact,
        name: str | None = None,
        *,
        block: bool = False,
        kind: str = "",
        type: str = "",
        aliases: Iterable[str] = (),
        params: Mapping[str, Any] | None = None,
    ) -> Artifact:
        """Keep a file, a folder or an `Artifact` with the run, as a version of `name`.

        Without `name` it is called as the file is. `kind` (or `type`) is a word of yours, such as
        model; `aliases` name this version until a later one takes them. The files are copied in
        the background: keep a folder as it is until then, or use `block=True`, which waits. A
        file that changes while it is copied is not kept, and it is said. Of a folder, links that
        lead out of it are left out.
        """
        try:
            artifact = path if isinstance(path, Artifact) else None
            if artifact is None:
                place = Path(path)  # type: ignore[arg-type]  # what is no path is refused below
                artifact = Artifact(
                    name or place.resolve().name, kind or type, aliases=aliases, params=params
                ).add_dir(place)
            else:
                artifact.aliases += [str(plain(str(alias))) for alias in aliases]
            if not self._ignores():
                self._log_artifact(artifact, block=block)
        except Exception as error:  # training matters more
            if isinstance(error, FoldlineError) and self._notices.strict:
                raise
            self._refuse("log_artifact", error)
            return Artifact(str(name or path))
        return artifact

    def log_artifacts(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        block: bool = False,
        kind: str = "",
        type: str = "",
        aliases: Iterable[str] = (),
        params: Mapping[str, Any] | None = None,
    ) -> Artifact:
        """Keep all files of a folder with the run, as one artifact; see `log_artifact`."""
        return self.log_artifact(
            path, name, block=block, kind=kind, type=type, aliases=aliases, params=params
        )

    def use_artifact(self, artifact: str | Artifact, *, run: str | None = None) -> Artifact:
        """Note that the run uses a version of an artifact, and return it, to be downloaded.

        By name it is the newest version in the store: "model", or "model:v3", "model:best" (an
        alias), "model:<digest>". `run` chooses the newest of that run. Where there is none, it is
        said, and `download` of what is returned raises BlobMissing.
        """
        used = artifact if isinstance(artifact, Artifact) else Artifact(str(artifact))
        try:
            if not used.kept:
                self._settle()  # what this very run has logged is in the store too
            if used is not artifact:
                from foldline_views.versions import find

                used = find(self._writer.layout, used.name, run)
            self._emit(ArtifactUsed(used.name, used.digest, used.run))
        except Exception as error:  # training matters more
            if isinstance(error, FoldlineError) and self._notices.strict:
                raise
            self._refuse("use_artifact", error)
        return used

    @property
    def artifacts(self) -> dict[str, Artifact]:
        """The newest version of each artifact that the run made; waits for those being copied."""
        from foldline_views.versions import made

        self._settle()
        return {one.name: one for one in made(self._writer.layout, self._writer.run)}

    # ------------------------------------------------------------------------------ copying

    def _log_artifact(self, artifact: Artifact, *, block: bool) -> None:
        opened: Opened = []
        for name, source in artifact._sources:
            if source.is_file():
                # Held open from now on: what replaces the file under its name is another file.
                opened.append((name or source.name, source.open("rb", buffering=0)))
            elif not source.is_dir():
                raise ValueRejected(f"there is no file or folder {source}", hint="check the path")
        self._copying.append(opened)
        job = partial(self._copy, artifact, opened, self._artifacts_uri)
        if block:
            try:
                job()
                return
            except StoreUnwritable:  # it was said; perhaps there is room later
                pass
        self._backlog.add(job, 0)

    def _copy(self, artifact: Artifact, opened: Opened, uri: str) -> None:
        """Keep the files and log it. Raises StoreUnwritable if the disk refuses."""
        if self._writer.closed:
            return
        place = Layout(place_of(uri)) if uri else self._writer.layout
        try:
            files = [_kept(place, name, file) for name, file in opened]
            for prefix, folder in artifact._sources:
                if folder.is_dir():
                    files += self._kept_folder(place, folder, prefix)
        except StoreUnwritable as error:
            for _, file in opened:
                file.seek(0)  # it is tried again
            self._notices.give("disk of artifacts", error)
            raise
        except Exception as error:  # noqa: BLE001  # it may be in the background
            self._let_go(opened)
            self._lose(1, f"an artifact could not be kept: {artifact.name}")
            self._refuse(f"log_artifact({artifact.name!r})", error)
            return
        self._let_go(opened)
        files.sort(key=lambda file: file.path)
        digest = digest_of(files)
        event = ArtifactLogged(
            artifact.name, digest, files, artifact.kind, artifact.aliases, artifact.params, uri
        )
        if len(encode(event)) > EVENT_PAYLOAD_BYTES_MAX:
            self._lose(1, f"an artifact has too many files: {artifact.name}")
            self._refuse(
                f"log_artifact({artifact.name!r})",
                ValueRejected("the names of its files are too many", hint="pack it: tar, zip"),
            )
            return
        self._writer.event(event)
        artifact._kept_as(self._writer.layout, self._writer.run, digest, files, uri)

    def _kept_folder(self, place: Layout, folder: Path, prefix: str | None) -> list[StoredFile]:
        files: list[StoredFile] = []
        left_out = 0
        for file in _walk(folder.resolve()):
            if file is None:
                left_out += 1
                continue
            path = file.relative_to(folder.resolve()).as_posix()
            if len(files) >= FILES_MAX:
                raise ValueRejected(f"it has more than {FILES_MAX} files", hint="pack it: tar, zip")
            name = f"{prefix.rstrip('/')}/{path}" if prefix else path
            with file.open("rb", buffering=0) as data:
                files.append(_kept(place, name, data))
        if left_out:
            self._notices.give(
                f"links of {folder}",
                FoldlineError(
                    f"log_artifact: {left_out} links of {folder} lead out of it, or are no files; "
                    "they are left out",
                    hint="copy what they point to into the folder",
                ),
            )
        return files

    def _refuse(self, call: str, error: Exception) -> None:
        said = error.message if isinstance(error, FoldlineError) else str(error)
        hint = error.hint if isinstance(error, FoldlineError) else ""
        self._notices.give(call, ValueRejected(f"{call}: {said}; it is not kept", hint=hint))

    def _tell_lost(self) -> None:
        """Log how many values and artifacts were not kept, and why."""
        if self._copying:
            self._lose(len(self._copying), "artifacts that the store had no room for")
        super()._tell_lost()
        for opened in tuple(self._copying):
            self._let_go(opened)

    def _forget(self) -> None:
        super()._forget()
        for opened in tuple(self._copying):
            self._let_go(opened)

    def _let_go(self, opened: Opened) -> None:
        # By identity: two artifacts may have no open files at all.
        self._copying = [one for one in self._copying if one is not opened]
        for _, file in opened:
            file.close()


def _walk(folder: Path) -> Iterator[Path | None]:
    """Yield the files of a folder by name; None for what is no file, or a link out of it."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(place, name)
            inside = file.resolve().is_relative_to(folder)
            yield file if inside and file.is_file() else None
        for name in folders:  # links to folders, which `os.walk` lists and does not enter
            if Path(place, name).is_symlink():
                yield None


def _kept(place: Layout, name: str, file: IO[bytes]) -> StoredFile:
    """Keep one open file. Raises StoreUnwritable, or ValueRejected if it changes meanwhile."""
    before = os.fstat(file.fileno())
    if not stat.S_ISREG(before.st_mode):
        raise ValueRejected(f"{name} is no file")

    def chunks() -> Iterator[bytes]:
        try:
            while chunk := file.read(blobs.CHUNK_BYTES):
                yield chunk
        except OSError as error:
            raise ValueRejected(f"{name} can't be read: {error.strerror or error}") from error

    try:
        digest, size = blobs.put_chunks(place, chunks())
    except OSError as error:
        raise StoreUnwritable(
            f"artifacts can't be kept in {place.root}: {error.strerror or error}",
            hint="free some space, or choose another folder with run.set_artifacts_uri()",
        ) from error
    after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ValueRejected(f"{name} changed while it was copied", hint="block=True waits for it")
    return StoredFile(str(plain(name)), digest, size)
