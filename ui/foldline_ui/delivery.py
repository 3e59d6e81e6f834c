"""Alerts sent to webhooks: the only connections that a server opens.

It opens none unless somebody has named an address in the store's rules, and only to such an
address; redirects are not followed, and what is answered is not read. Addresses that only machines
use among themselves are none: a cloud gives its keys away at one of them.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
import time
from pathlib import Path

import aiohttp
import anyio
import anyio.to_thread
import msgspec

from foldline.errors import FoldlineError
from foldline.layout import Layout
from foldline_views import rules
from foldline_views.outbox import Letter, waiting

__all__ = ["Delivery"]

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks into the outbox
SEND_S_MAX = 10.0  # of one try, all together: an address that hangs must not hold up the others
RETRY_S_MIN = 5.0  # before the second try; twice as long before each further one
RETRY_S_MAX = 3600.0  # between two tries
KEPT_S_MAX = 86_400.0  # after which an alert is not sent any more; it is in the log all the same


class Delivery:
    """Sends what waits in a store's outbox, each as soon as its address takes it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._complained = ""
        self._tries: dict[str, tuple[int, float]] = {}  # by file: how many, and when the next is

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                await self.look()
            except (OSError, FoldlineError) as error:
                self._complain(str(error))
            except Exception:
                # A mistake of ours with one letter must not keep all later ones back for good.
                log.exception("alerts could not be sent")
                await anyio.sleep(RETRY_S_MIN)
            await anyio.sleep(LOOK_S)

    def _complain(self, why: str) -> None:
        if why != self._complained:
            log.warning("alerts are not sent now: %s", why)
        self._complained = why

    async def look(self) -> None:
        """Try what is due. Raises OSError, and RuleRejected if the rules can't be read."""
        letters = await anyio.to_thread.run_sync(lambda: list(waiting(self._layout)))
        if not letters:
            self._tries.clear()
            return
        found = await anyio.to_thread.run_sync(rules.read, self._layout)
        wanted = {found.address(rule) for rule in found.rules}
        timeout = aiohttp.ClientTimeout(total=SEND_S_MAX)
        connector = aiohttp.TCPConnector(socket_factory=_socket)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False
        ) as session:
            for path, letter in letters:
                if letter.to not in wanted:
                    path.unlink(missing_ok=True)  # nobody wants it sent there any more
                    continue
                tries, due = self._tries.get(path.name, (0, 0.0))
                if time.monotonic() >= due:
                    why = await _send(session, letter)
                    self._note(path, letter, tries + 1, why)

    def _note(self, path: Path, letter: Letter, tries: int, why: str | None) -> None:
        host = rules.host_of(letter.to)
        if why is None:
            path.unlink(missing_ok=True)
        elif time.time() - path.stat().st_mtime > KEPT_S_MAX:
            path.unlink(missing_ok=True)
            log.error("an alert of run %s is given up: %s %s", letter.message.run, host, why)
        else:
            pause = min(RETRY_S_MIN * 2.0 ** (tries - 1), RETRY_S_MAX)
            self._tries[path.name] = (tries, time.monotonic() + pause)
            if tries == 1:
                log.warning("an alert is sent again later: %s %s", host, why)
            return
        self._tries.pop(path.name, None)


def _socket(found: aiohttp.AddrInfoType) -> socket.socket:
    """Return a socket for an address, or raise OSError if letters do not go there.

    Here, and not when a name is read: it may mean another address by the time it is connected to.
    """
    address = ipaddress.ip_address(found[4][0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        raise OSError(errno.EACCES, f"{address} is no address for alerts")
    return socket.socket(*found[:3])


async def _send(session: aiohttp.ClientSession, letter: Letter) -> str | None:
    """Send one letter; return why it was not taken, or None if it was."""
    body = msgspec.json.encode(letter.message)
    headers = {"Content-Type": "application/json"}
    try:
        async with session.post(
            letter.to, data=body, headers=headers, allow_redirects=False
        ) as answer:
            return None if 200 <= answer.status < 300 else f"answers {answer.status}"
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return f"does not answer: {type(error).__name__}"
