"""Who ships a run, of several that would."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..layout import Layout

__all__ = ["turn"]


@contextmanager
def turn(layout: Layout, run: str) -> Iterator[bool]:
    """Say whether this process is to ship a run now, which no other one does until the end.

    Two at a time would do no harm, and send everything twice. Raises OSError.
    """
    folder = layout.root / "shipped"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / f".{run}", os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        yield _locked(file)
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        import fcntl
    except ImportError:
        return True  # Windows: two at a time, then
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a network file system without locks
    return True
