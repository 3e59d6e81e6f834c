"""Who ships a run, of several that would."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..layout import Layout

__all__ = ["turn"]

POLL_S = 0.05  # between two tries at a lock


@contextmanager
def turn(
    layout: Layout, run: str, *, wait_s: float = 0.0, wait: Callable[[float], None] = time.sleep
) -> Iterator[bool]:
    """Say whether this process is to ship a run now, which no other one does until the end.

    Waits up to `wait_s` for its turn. Two at a time would do no harm, and send everything twice.
    Raises OSError.
    """
    folder = layout.root / "shipped"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / f".{run}", os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        mine = _locked(file)
        deadline = time.monotonic() + wait_s
        while not mine and time.monotonic() < deadline:
            wait(POLL_S)
            mine = _locked(file)
        yield mine
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
