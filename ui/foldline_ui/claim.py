"""Which server serves a store.

A server holds an flock on `views/server.json` for as long as it lives, and writes its address into
it, so that whoever comes second can say where the first one is. The kernel drops the lock when the
process dies, however it dies; a file without a lock is a trace of the past and means nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from foldline.errors import StoreBusy, StoreUnwritable
from foldline.layout import Layout

__all__ = ["Claim", "Served", "published"]

FILE_NAME = "server.json"
FILE_BYTES_MAX = 4096  # an address and a number


class Served(msgspec.Struct, frozen=True):
    """Where a store is served, and by which process."""

    url: str
    pid: int
    front: str = ""  # by which people ask for it, if that is another address: a proxy's


class Claim:
    """The right to serve a store, held from entering to leaving.

    Entering raises StoreBusy, with the other server's address, if the store is served already, and
    StoreUnwritable if there is no way to say that it is.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._path = layout.views / FILE_NAME
        self._file = -1

    def publish(self, url: str, front: str = "") -> None:
        """Write down where the store is served, and by which address people ask for it."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, msgspec.json.encode(Served(url, os.getpid(), front)), 0)

    def __enter__(self) -> Self:
        while True:
            file = self._open()
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                served = _read(file)
                os.close(file)
                raise self._busy(served) from None
            if _is_at(file, self._path):
                self._file = file
                return self
            os.close(file)  # the file was removed between opening and locking it: once more

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnwritable(
                f"the views in {self._path.parent} can't be written: {error.strerror or error}",
                hint="free some space, or check who owns the folder",
            ) from error

    def _busy(self, served: Served | None) -> StoreBusy:
        store = self._layout.root
        if served is None:
            return StoreBusy(
                f"another server is just starting on the store {store}",
                hint="try again in a moment, or serve another store with --store",
            )
        return StoreBusy(
            f"the store {store} is served already, at {served.url}",
            hint=f"open that address, or stop that server with: kill {served.pid}",
        )


def published(layout: Layout) -> str | None:
    """Return the address by which people ask for a store, None if no server holds it."""
    try:
        file = os.open(layout.views / FILE_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        served = _read(file)
        return None if served is None else served.front or served.url
    finally:
        os.close(file)
    return None


def _read(file: int) -> Served | None:
    try:
        return msgspec.json.decode(os.pread(file, FILE_BYTES_MAX, 0), type=Served)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None  # not written yet


def _is_at(file: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(file)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
