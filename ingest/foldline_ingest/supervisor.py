"""The fold process, kept alive and listened to."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import Process

from .announce import LIVE_SHELF, Announcement, Decoder

__all__ = ["Supervisor", "end_with_parent"]

# The pause before the process is started again, in seconds: doubled after each start that brought
# no announcement, so that a store that can't be folded doesn't keep a core busy.
RESTART_S_MIN = 0.2
RESTART_S_MAX = 10.0
# How long the process may take to end by itself when asked to, in seconds: one commit.
GRACE_S = 0.8
PR_SET_PDEATHSIG = 1  # of prctl(2)


def end_with_parent() -> None:
    """Let the system kill this process with the one that started it, even one that is stopped.

    Whoever ends by the end of its input does so too late if it is stopped, or hangs. Only Linux
    can do it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervisor:
    """Runs `command`, which announces on its standard output and ends when its input does.

    Use it as an async context, and iterate over it once:

        async with Supervisor(command) as supervisor:
            async for announcement in supervisor: ...

    When the process dies it is started again; meanwhile `state` is "down" and an announcement
    that says so is passed on.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: Process | None = None
        self._watermark = 0
        self.state = "catching_up"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._end()

    async def __aiter__(self) -> AsyncIterator[Announcement]:
        """Yield announcements for as long as somebody wants them."""
        pause = RESTART_S_MIN
        while True:
            heard = False
            self._process = await anyio.open_process(self._command, stderr=None)
            async for announcement in self._announcements(self._process):
                heard = True
                if announcement.shelf == LIVE_SHELF:
                    self.state = announcement.state
                    self._watermark = announcement.watermark or self._watermark
                yield announcement
            status = await self._process.wait()
            self.state = "down"
            message = f"the fold process ended with status {status}; it is started again"
            yield Announcement(self._watermark, 0, "down", message=message)
            pause = RESTART_S_MIN if heard else min(2 * pause, RESTART_S_MAX)
            await anyio.sleep(pause)

    async def _announcements(self, process: Process) -> AsyncIterator[Announcement]:
        assert process.stdout is not None
        decoder = Decoder()
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                for announcement in decoder.feed(await process.stdout.receive()):
                    yield announcement

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError, anyio.BrokenResourceError):
            await process.stdin.aclose()
        with anyio.move_on_after(GRACE_S):
            await process.wait()
        if process.returncode is None:
            # What it had not committed is in the log, and is folded next time.
            process.kill()
            await process.wait()
        await process.aclose()
        self._process = None
