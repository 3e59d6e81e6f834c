"""Jobs that wait for a thread in the background.

What waits is bounded in number and bytes: who adds more does jobs itself until there is room. The
thread starts with the first job and ends when there has been none for a while; nothing depends on
it, as who waits for the jobs does them too.
"""

from __future__ import annotations

import _thread
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from .errors import StoreUnwritable

__all__ = ["Backlog"]

WAITING_MAX = 1_000  # jobs; each is a file in the spool
WAITING_BYTES_MAX = 256 * 1_048_576  # of the files of these jobs: dirty pages of the system
RETRY_INTERVAL_S = 1.0  # after a disk refused; a full one should not cost a core
IDLE_S = 5.0  # a thread that has had nothing to do for so long ends
PATIENCE_S = 1.0  # a wait that lasts longer says on standard error what it waits for

Job = Callable[[], None]


class Backlog:
    """What waits for the background thread, and the thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: deque[tuple[Job, int]] = deque()
        self._bytes = 0  # of the jobs that wait or are being done
        self._doers: list[
            int
        ] = []  # the threads that do a job; one may do two, in a signal handler
        self._running = False
        self._paused_until = 0.0  # monotonic: a disk refused

    def __len__(self) -> int:
        """Return how many jobs are not done."""
        return len(self._jobs) + len(self._doers)

    @property
    def full(self) -> bool:
        """Whether a job more would have to wait for another to be done."""
        return len(self) >= WAITING_MAX or self._bytes >= WAITING_BYTES_MAX

    def add(self, job: Job, size: int) -> None:
        """Have a job done soon; one that raises StoreUnwritable is tried again later."""
        with self._changed:
            self._jobs.append((job, size))
            self._bytes += size
            if self._paused_until == math.inf:
                self._paused_until = 0.0
            if not self._running:
                self._start()
            self._changed.notify_all()

    def relieve(self) -> bool:
        """Do jobs until there is room; say whether there is, which a full disk may prevent."""
        while self.full:
            if not self._do_one() and not self._await_others():
                return False
        return True

    def pause(self) -> None:
        """Have the thread do nothing until there is another job; what it does now is done then."""
        self._paused_until = math.inf
        while self._others():
            self._await_others()

    def wait(self) -> bool:
        """Do all jobs, or see them done; say whether none is left."""
        begun = said = time.monotonic()
        while self._jobs or self._others():
            done = self._do_one() or self._await_others()
            if not done:
                return False
            now = time.monotonic()
            if len(self) and now - said > PATIENCE_S:
                said = now
                _say(f"{len(self)} values wait to be kept ({self._bytes / 1e6:.1f} MB)")
        if said != begun:
            _say("all values are kept")
        return True

    def abandon(self) -> None:
        """Forget what could not be done: the run ends."""
        with self._changed:
            self._jobs.clear()
            self._bytes = 0

    def after_fork(self) -> None:
        """Start afresh in a forked child: what waits is its parent's to do."""
        self.__init__()  # type: ignore[misc]  # on purpose: everything here is the parent's

    def _start(self) -> None:
        try:
            # Not threading.Thread: its start() waits, and its kind is listed and joined.
            _thread.start_new_thread(self._run, ())
            self._running = True
        except RuntimeError:
            pass  # no thread to be had, or the interpreter is ending: who waits does the jobs

    def _run(self) -> None:
        while True:
            with self._changed:
                pause = self._paused_until - time.monotonic()
                if pause > 0:
                    self._changed.wait(min(pause, IDLE_S))
                elif not self._jobs and not self._changed.wait(IDLE_S) and not self._jobs:
                    self._running = False
                    return
                if self._paused_until > time.monotonic():
                    continue
            self._do_one()

    def _do_one(self) -> bool:
        """Do the job that has waited longest; say whether there was one and it is done."""
        with self._changed:
            if not self._jobs:
                return False
            job, size = self._jobs.popleft()
            self._doers.append(_thread.get_ident())
        kept = False
        try:
            job()
        except (StoreUnwritable, MemoryError):
            kept = True
        finally:
            with self._changed:
                self._doers.remove(_thread.get_ident())
                if kept:
                    self._jobs.appendleft((job, size))
                    self._paused_until = max(
                        self._paused_until, time.monotonic() + RETRY_INTERVAL_S
                    )
                else:
                    self._bytes = max(self._bytes - size, 0)
                self._changed.notify_all()
        return not kept

    def _await_others(self) -> bool:
        """Wait a moment for another thread to do its job; False if there is none to wait for."""
        with self._changed:
            if not self._others():
                return not self._jobs
            self._changed.wait(PATIENCE_S)
            return True

    def _others(self) -> bool:
        """Say whether another thread does a job: not this one, which a signal interrupted."""
        return any(doer != _thread.get_ident() for doer in tuple(self._doers))


def _say(text: str) -> None:
    try:
        sys.stderr.write(f"foldline: {text}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        return  # no standard error, or a closed one
