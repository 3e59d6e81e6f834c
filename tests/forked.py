"""Work done in a child, which may be killed."""

from __future__ import annotations

import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable

__all__ = ["forked", "was_killed"]


def forked(work: Callable[[], object], *, kill_after_s: float | None = None) -> int:
    """Do some work in a child that has everything imported; return its status, as of `waitpid`.

    It is killed after so many seconds, unless it is done by then. What raises has status 1.
    """
    with warnings.catch_warnings():
        # Of threads, from Python 3.12 on: those there are rest, and the child asks none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    if kill_after_s is None:
        return os.waitpid(child, 0)[1]
    killer = threading.Timer(kill_after_s, os.kill, (child, signal.SIGKILL))
    killer.start()
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    killer.cancel()
    killer.join()  # before the number may be another process's
    return os.waitpid(child, 0)[1]


def was_killed(status: int) -> bool:
    """Say whether it was killed; assert that else it ended well."""
    assert status == 0 or os.WIFSIGNALED(status), f"it ended with {status}"
    return status != 0
