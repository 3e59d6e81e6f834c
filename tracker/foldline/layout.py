"""The folders and files of a store.

store.json                     the format's version
runs/<run>/log/<writer>.fold   the log: one segment for each process that wrote
packs/<id>.pack                finished segments, many to a file: see PACK.md
active/<run>.<writer>          a marker: this segment may still grow
blobs/<aa>/<sha256>            the bytes of a large value, named by what they are
alerts.json                    the alert rules: people's words, which nothing is derived from
bookmarks.json                 people's bookmarks, and
tags.json                      what they say of tags: likewise
quotas.json                    how much room each experiment has: likewise
owners.jsonl                   for which run each blob was shipped
outbox/<alert>                 an alert that waits to be sent to a webhook
spool/<run>.<writer>.<n>       a value that was tracked and waits to be encoded
remote.json                    whose hold this is: the server that its runs are shipped to, and
shipped/<run>.<writer>         a note that the server has all of a segment, durable
trash/                         what `foldline gc` is about to free, while it works
views/                         derived from the log; may be deleted at any time
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from .disk import private, sync_file
from .errors import StoreNotFound, StoreTooNew, StoreUnwritable
from .links import refuse_links

__all__ = [
    "STORE_DEFAULT",
    "STORE_FORMAT",
    "Layout",
    "Marker",
    "SegmentName",
    "is_address",
    "store_named",
    "store_path",
]

STORE_FORMAT = 1
STORE_DEFAULT = ".foldline"
SEGMENT_SUFFIX = ".fold"


class SegmentName(NamedTuple):
    """Which segment: the run and the writer that name its file."""

    run: str
    writer: str


class Marker(msgspec.Struct, frozen=True):
    """What an active marker says: who holds the segment, for as long as it is flocked."""

    host: str
    pid: int


class _StoreFile(msgspec.Struct):
    format: int


class Layout(NamedTuple):
    """Where everything of the store at `root` lies."""

    root: Path

    @property
    def store_file(self) -> Path:
        """The file that says which format the store has."""
        return self.root / "store.json"

    @property
    def runs(self) -> Path:
        """The folder of all logs, one folder a run."""
        return self.root / "runs"

    @property
    def packs(self) -> Path:
        """The folder of packs."""
        return self.root / "packs"

    @property
    def alerts(self) -> Path:
        """The file of alert rules."""
        return self.root / "alerts.json"

    @property
    def bookmarks(self) -> Path:
        """The file of bookmarks."""
        return self.root / "bookmarks.json"

    @property
    def tags(self) -> Path:
        """The file of what people say of tags."""
        return self.root / "tags.json"

    @property
    def quotas(self) -> Path:
        """The file of how much room each experiment has."""
        return self.root / "quotas.json"

    @property
    def owners(self) -> Path:
        """The file that says for which run each blob was shipped."""
        return self.root / "owners.jsonl"

    @property
    def tokens(self) -> Path:
        """The file of tokens, by which a server knows who asks."""
        return self.root / "tokens.json"

    @property
    def sessions(self) -> Path:
        """The file of browsers that are signed in."""
        return self.root / "sessions.json"

    @property
    def audit(self) -> Path:
        """The file of what people and tokens did."""
        return self.root / "audit.jsonl"

    @property
    def outbox(self) -> Path:
        """The folder of alerts that wait to be sent."""
        return self.root / "outbox"

    @property
    def active(self) -> Path:
        """The folder of markers of the segments that may still grow."""
        return self.root / "active"

    @property
    def spool(self) -> Path:
        """The folder of values that wait to be encoded."""
        return self.root / "spool"

    @property
    def blobs(self) -> Path:
        """The folder of all blobs."""
        return self.root / "blobs"

    def blob(self, digest: str) -> Path:
        """The file of a blob, by the SHA-256 of its bytes in hex."""
        return self.blobs / digest[:2] / digest

    @property
    def remote(self) -> Path:
        """The file that says which server the store is a hold of, if it is one."""
        return self.root / "remote.json"

    def shipped(self, name: SegmentName) -> Path:
        """The note that a segment is durable at the server, to its end."""
        return self.root / "shipped" / f"{name.run}.{name.writer}"

    @property
    def views(self) -> Path:
        """The folder of everything derived."""
        return self.root / "views"

    @property
    def trash(self) -> Path:
        """The folder of what is about to be freed."""
        return self.root / "trash"

    def segment(self, name: SegmentName) -> Path:
        """The file of a segment."""
        return self.runs / name.run / "log" / f"{name.writer}{SEGMENT_SUFFIX}"

    def marker(self, name: SegmentName) -> Path:
        """The marker of a segment."""
        return self.active / f"{name.run}.{name.writer}"

    def create(self) -> None:
        """Make the store if it is not there yet, and check that it can be used.

        Raises StoreUnwritable, StoreTooNew, StoreLinked, or StoreNotFound if its store.json can't
        be read.
        """
        try:
            if self.store_file.exists():
                self.check()  # first: nothing of a newer store is touched
            for folder in (self.root, self.runs, self.active):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.store_file.exists():
                text = msgspec.json.encode(_StoreFile(STORE_FORMAT))
                # Written aside, synced and renamed: nobody ever reads half of it, nor an empty one
                # after a power cut, which would be no store any more.
                draft = self.root / f".store.{os.getpid()}"
                with open(draft, "wb", opener=private) as file:
                    file.write(text)
                    file.flush()
                    sync_file(file.fileno())
                draft.replace(self.store_file)
        except OSError as error:
            raise StoreUnwritable(
                f"the store {self.root} can't be written: {error.strerror or error}",
                hint="free some space or choose another folder with store= or FOLDLINE_STORE",
            ) from error
        self.check()

    def check(self) -> None:
        """Check that the store exists and has a format that this version reads.

        Raises StoreNotFound, StoreTooNew, or StoreLinked if a link in it leads out of it.
        """
        refuse_links(self.root)
        try:
            found = msgspec.json.decode(self.store_file.read_bytes(), type=_StoreFile)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreNotFound(
                f"there is no store at {self.root}",
                hint="log a run there first: foldline.Run(store=...), or check the path",
            ) from error
        if found.format > STORE_FORMAT:
            raise StoreTooNew(
                f"the store {self.root} has format {found.format}; this Foldline reads formats up "
                f"to {STORE_FORMAT}",
                hint="pip install --upgrade foldline",
            )


def store_named(store: str | os.PathLike[str] | None = None) -> str:
    """Return a store's folder or address: the argument, else FOLDLINE_STORE, else ./.foldline."""
    return os.fspath(store or os.environ.get("FOLDLINE_STORE") or STORE_DEFAULT)


def is_address(named: str) -> bool:
    """Say whether a store is named by the address of a server."""
    return named.startswith(("http://", "https://"))


def store_path(store: str | os.PathLike[str] | None = None) -> Path:
    """Return the store's folder, see `store_named`.

    Raises StoreNotFound if that is the address of a server.
    """
    named = store_named(store)
    if is_address(named):
        raise StoreNotFound(
            f"{named} is the address of a server, and this needs the store's folder",
            hint="open that address in a browser, or name a folder with --store",
        )
    return Path(named).absolute()
