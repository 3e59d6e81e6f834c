"""The right to fold a store: one process at a time.

The lease is an flock on `views/lease`: the kernel gives it back when the process dies, however it
dies. Its epoch rises with each holder and is written into every commit, so that a holder that was
stopped and overtaken can't commit any more (see `foldline_views.database`).
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from foldline.errors import StoreBusy, StoreUnwritable
from foldline.links import refuse_links

__all__ = ["Lease"]


class Lease:
    """Holds the lease of the views folder from `take` until `release`."""

    def __init__(self, views: Path) -> None:
        self.path = views / "lease"
        self.epoch = 0
        self._file: int | None = None

    def take(self) -> bool:
        """Take the lease if it is free; say whether it is ours now.

        Raises StoreLinked if a link among the views leads elsewhere: the holder would write there;
        StoreUnwritable where files can't be locked or written.
        """
        try:
            return self._take()
        except OSError as error:
            raise StoreUnwritable(
                f"{self.path} can't be locked or written: {error.strerror or error}",
                hint="trainings log there all the same; to look at it, put the store on a local "
                "disk with room, or copy it there",
            ) from error

    def _take(self) -> bool:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            refuse_links(self.path.parent, below=True)
            # The time makes an epoch greater than those of a lease that somebody has deleted, or
            # that a power cut has emptied.
            before = os.pread(file, 32, 0).strip()
            self.epoch = max(int(before) + 1 if before.isdigit() else 0, time.time_ns())
            os.pwrite(file, b"%d\n" % self.epoch, 0)
        except BaseException as error:
            os.close(file)  # whatever it is: left open, it would keep the lock
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._file = file
        return True

    def is_held(self) -> bool:
        """Say whether it is held still: who deletes the file lets another process take it."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file), self.path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lease back; nothing happens if it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        if not self.take():
            raise StoreBusy(
                f"another process is folding the store {self.path.parent.parent}",
                hint="stop the running `foldline up` first",
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
