"""How a server ends, once a signal has asked it to.

What is being answered gets a moment to be answered, streams are told to come back, and what was
shipped is made durable. Whatever hangs, a disk or a question that takes minutes, keeps no server
alive: nothing is lost with it, as what counts is in the log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading

import anyio
from aiohttp import web

from .parts import HUB, TALLY

__all__ = ["end_soon", "let_answer"]

log = logging.getLogger(__name__)

END_S_MAX = 2.0  # from the signal to the end: less than any service manager waits
# What is being answered gets so long, in seconds: a piece that is on its way, a page that is read.
ANSWER_S = 0.8


def end_soon() -> None:
    """Let this process end in time: by itself, else cut off; and at once at a second signal."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    timer = threading.Timer(END_S_MAX, _cut_off)
    timer.daemon = True
    timer.start()


async def let_answer(app: web.Application, server: asyncio.Server | None) -> None:
    """Take no new connections, end streams, and wait for what is being answered, but not long.

    Before aiohttp's runner is told to end: from then on it reads no body to its end.
    """
    if server is not None:
        server.close()
    app[HUB].close()
    with anyio.move_on_after(ANSWER_S):
        await app[TALLY].answered()


def _cut_off() -> None:
    log.warning("not everything ended in %g s; the rest is cut off", END_S_MAX)
    logging.shutdown()
    os._exit(0)
