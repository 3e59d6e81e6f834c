"""The text index on disk: one writer, many readers.

An index is derived from the log like every view: whatever is wrong with one ends in `ViewDamaged`,
and it is made anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import tantivy

from foldline.errors import StoreUnwritable, ViewDamaged

from .damage import damaged, guarded
from .documents import Document
from .reader import Reader
from .schema import SCHEMA_VERSION, WORDS, analyzer, indexed, schema

__all__ = ["HEAP_BYTES_MAX", "TextIndex"]

# What the writer collects before it writes a part of the index: more is faster, and this is as
# much again as the rest of a fold process needs.
HEAP_BYTES_MAX = 64 * 1024 * 1024

VERSION_FILE = "text.json"


class _Version(msgspec.Struct, frozen=True):
    schema: int


class TextIndex:
    """The documents of a store, in a folder of their own.

    Any number of processes may read while one writes; a reader sees what was committed when it
    last called `reload`. No method may run beside another of the same object.

    Raises ViewDamaged if the folder holds anything but an index of this version; remove it and put
    all documents again.
    """

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self.folder = folder
        self.schema = schema()
        self._writer: tantivy.IndexWriter | None = None
        self._pending = False  # something was put or removed, and not committed
        with guarded(folder):
            self._index = self._opened(write=write)
            if self._index.schema != self.schema:
                raise damaged(folder, "its fields are not those of this version")
            self._index.register_tokenizer(WORDS, analyzer())
            self._index.config_reader("manual")
            if write:
                self._writer = self._index.writer(HEAP_BYTES_MAX, 1)
            self.reader = Reader(folder, self.schema, self._index.searcher())

    def __enter__(self) -> Self:
        """Return the index, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the index."""
        self.close()

    def close(self) -> None:
        """End writing: what was not committed is forgotten, and another may write."""
        writer, self._writer = self._writer, None
        if writer:
            # An index that is gone or broken is closed all the same.
            with suppress(ViewDamaged), guarded(self.folder):
                if self._pending:
                    writer.rollback()  # and with it what may still be merged: nobody waits for that
                writer.wait_merging_threads()

    def put(self, documents: Iterable[Document], *, fresh: bool = False) -> None:
        """Add documents, each in the place of what was put under its key before.

        `fresh` promises that no key was ever put: a rebuild is a third faster for it.
        """
        writer = self._writing()
        with guarded(self.folder):
            for document in documents:
                made = indexed(document)
                if not fresh:
                    writer.delete_documents_by_term("key", made.get_first("key"))
                writer.add_document(made)

    def remove(self, keys: Iterable[str]) -> None:
        """Take away what was put under these keys."""
        writer = self._writing()
        with guarded(self.folder):
            for key in keys:
                writer.delete_documents_by_term("key", key)

    def remove_runs(self, runs: Iterable[int]) -> None:
        """Take away everything that was put of these runs."""
        writer = self._writing()
        with guarded(self.folder):
            for run in runs:
                writer.delete_documents_by_term("run", run)

    def exists(self) -> bool:
        """Whether the index is still on the disk."""
        return (self.folder / VERSION_FILE).exists()

    def commit(self) -> None:
        """Make what was put and removed durable, and visible to whoever reloads.

        Takes 10 ms and more; it lets other Python threads run meanwhile.
        """
        writer = self._writing()
        with guarded(self.folder):
            writer.commit()
        self._pending = False

    def reload(self) -> None:
        """See what has been committed since."""
        with guarded(self.folder):
            self._index.reload()
            self.reader = Reader(self.folder, self.schema, self._index.searcher())

    def _writing(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise ValueError("the index was opened for reading")
        self._pending = True
        return self._writer

    def _opened(self, *, write: bool) -> tantivy.Index:
        if not write:
            self._check_version()
            return tantivy.Index.open(str(self.folder))
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            self._make()
        self._check_version()
        return tantivy.Index.open(str(self.folder))

    def _make(self) -> None:
        # Beside its place, and put there whole: whoever is killed meanwhile leaves no half of one.
        draft = self.folder.with_name(f"{self.folder.name}.new")
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o700, parents=True)
            tantivy.Index(self.schema, str(draft))
            version = msgspec.json.encode(_Version(SCHEMA_VERSION))
            (draft / VERSION_FILE).write_bytes(version)
            draft.replace(self.folder)
        except OSError as error:
            hint = "free some space, or check who may write there"
            raise StoreUnwritable(f"{self.folder}: {error.strerror}", hint=hint) from error

    def _check_version(self) -> None:
        try:
            kept = (self.folder / VERSION_FILE).read_bytes()
            version = msgspec.json.decode(kept, type=_Version)
        except (OSError, msgspec.DecodeError) as error:
            raise damaged(self.folder, str(error)) from error
        if version.schema != SCHEMA_VERSION:
            raise damaged(self.folder, f"it has version {version.schema}, not {SCHEMA_VERSION}")
        if not tantivy.Index.is_compatible(str(self.folder)):
            raise damaged(self.folder, "another version of tantivy made it")
