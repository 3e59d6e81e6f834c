"""How a process ended that is no child of ours.

On Linux by a pidfd, which the process made of itself: it never means another one, and from Linux
6.15 on it tells the exit status even after the parent has taken that. Before, and elsewhere, only
a process whose parent has not asked yet can be asked.
"""

from __future__ import annotations

import os
import select
import struct
import time
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Ending", "OomKills", "death", "ending", "own_pidfd"]

ASK_S_MAX = 1.0  # between the parent's asking and the kernel's note there are microseconds
ASK_INTERVAL_S = 0.005

# _IOWR(0xFF, 11, struct pidfd_info of 64 bytes), and the bit of its mask that asks for the status.
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO_EXIT = 1 << 3


_queues: list[Any] = []  # kept open, as a descriptor of theirs is what is waited for


class Ending(NamedTuple):
    """What is known of an end: a signal, or an exit code, or neither."""

    signal: str = ""
    exit_code: int | None = None

    @property
    def reason(self) -> str:
        """The same in words."""
        if self.signal:
            return f"killed by {self.signal}"
        return "" if self.exit_code is None else f"ended by itself with exit code {self.exit_code}"


def own_pidfd() -> int:
    """Return a descriptor of this process for others to wait on, or -1 where there is none."""
    try:
        return os.pidfd_open(os.getpid())
    except (AttributeError, OSError):
        return -1  # no Linux, an old one, or a sandbox that forbids it


def death(pid: int, pidfd: int) -> int:
    """Return a descriptor that becomes readable as the process ends, or -1 where none can be had.

    `pidfd` is what `own_pidfd` gave inside that process.
    """
    if pidfd >= 0:
        return pidfd
    queue_of = getattr(select, "kqueue", None)
    if queue_of is not None:  # macOS and the BSDs; written by their manuals, not run
        kinds: Any = select
        queue = queue_of()
        wanted = kinds.kevent(pid, kinds.KQ_FILTER_PROC, kinds.KQ_EV_ADD, kinds.KQ_NOTE_EXIT)
        try:
            queue.control([wanted], 0)
        except OSError:
            queue.close()
            return -1
        _queues.append(queue)
        return int(queue.fileno())
    return -1


def ending(pid: int, pidfd: int) -> Ending:
    """Return how the process ended, once it has; asks for up to a second."""
    deadline = time.monotonic() + ASK_S_MAX
    while True:
        status = _of_zombie(pid)
        if status is None and pidfd >= 0:
            status = _of_pidfd(pidfd)
        if status is not None:
            return _told(status)
        if pidfd < 0 or time.monotonic() > deadline:
            return Ending()
        time.sleep(ASK_INTERVAL_S)


def _told(status: int) -> Ending:
    import signal

    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return Ending("", code)
    try:
        return Ending(signal.Signals(-code).name)
    except ValueError:
        return Ending(f"signal {-code}")


def _of_pidfd(pidfd: int) -> int | None:
    import fcntl

    info = bytearray(64)
    struct.pack_into("<Q", info, 0, _PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    except OSError:
        return None
    mask, status = struct.unpack_from("<Q", info)[0], struct.unpack_from("<i", info, 60)[0]
    return status if mask & _PIDFD_INFO_EXIT else None


def _of_zombie(pid: int) -> int | None:
    """Return the status of a process that has ended and whose parent has not asked."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # The command comes in brackets, and may hold any others.
    state, *fields = text.rpartition(")")[2].split()
    return int(fields[-1]) if state == "Z" and len(fields) >= 49 else None


class OomKills:
    """Counts what the kernel killed for want of memory, in the control group of a process."""

    def __init__(self, pid: int) -> None:
        self._files = _counters(pid)
        self._before = self._count()

    def risen(self) -> bool:
        """Say whether there was one more since this object was made."""
        return self._count() > self._before

    def _count(self) -> int:
        for file in self._files:
            try:
                rows = file.read_text(encoding="ascii").splitlines()
            except OSError:
                continue
            for row in rows:
                name, _, number = row.partition(" ")
                if name == "oom_kill" and number.isdecimal():
                    return int(number)
        return 0


def _counters(pid: int) -> list[Path]:
    """Return the files that may count, of version 2 and of version 1 of control groups."""
    try:
        rows = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    root = Path("/sys/fs/cgroup")
    files = []
    for row in rows:
        number, _, rest = row.partition(":")
        kinds, _, path = rest.partition(":")
        if number == "0" and not kinds:
            files.append(root / path.lstrip("/") / "memory.events")
        elif "memory" in kinds.split(","):
            files.append(root / "memory" / path.lstrip("/") / "memory.oom_control")
    return files
