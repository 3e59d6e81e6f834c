"""Where a store is served, if it is.

A server writes its address and its process into `views/server.json` of the store, and holds a lock
on that file while it lives (`foldline_ui/claim.py`). The lock is not tried here, as a server that
starts at that moment would take us for another one: what the file says is true if something
answers at the address.
"""

from __future__ import annotations

import socket
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from .layout import Layout

__all__ = ["Served", "served"]

FILE_BYTES_MAX = 4096  # an address and a number
ANSWER_S_MAX = 0.5  # a server on this machine takes a connection at once, or is not there


class Served(msgspec.Struct, frozen=True):
    """Where a store is served, and by which process.

    The file may come from somebody else: it names no script in place of an address, and no group of
    processes in place of one.
    """

    url: Annotated[str, Meta(pattern="^https?://")]
    pid: Annotated[int, Meta(gt=1)]

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0


def served(layout: Layout) -> Served | None:
    """Return where the store is served, or None."""
    try:
        with (layout.views / "server.json").open("rb") as file:
            told = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=Served)
        socket.create_connection(told.address, ANSWER_S_MAX).close()
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    return told
