"""Errors of the text index, as ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foldline.errors import QueryError, StoreBusy, StoreUnwritable, ViewDamaged

__all__ = ["damaged", "guarded"]


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Turn whatever tantivy raises into an error of ours."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, SystemError) as error:
        if "LockBusy" in str(error):
            hint = "one process writes at a time; stop the other, or wait for it"
            raise StoreBusy(f"{folder}: another process writes the index", hint=hint) from error
        if "exceeded max expansions" in str(error):
            # The question's fault: an index is whole all the same. The range is told by `search`.
            message = "more words begin like the last one of a phrase than the index looks at"
            raise QueryError(message, at=(0, 0), hint="type more of that word") from error
        if os.strerror(errno.ENOSPC) in str(error):
            hint = "free some space; what was logged is safe"
            raise StoreUnwritable(f"{folder}: the disk is full", hint=hint) from error
        raise damaged(folder, str(error)) from error
    except BaseException as error:
        # A panic in Rust is no Exception in Python, and has no public name to catch it by.
        if type(error).__name__ != "PanicException":
            raise
        raise damaged(folder, str(error)) from error


def damaged(folder: Path, reason: str) -> ViewDamaged:
    """Return the error of an index that can't be used, and why."""
    return ViewDamaged(
        f"{folder}: the text index can't be used: {reason.partition(chr(10))[0]}",
        hint="nothing is lost: `foldline rebuild` makes it again from the log",
    )
