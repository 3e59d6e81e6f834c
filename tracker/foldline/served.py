"""Where a store is served, if it is.

A server writes its address and its process into `views/server.json` of the store, and holds a lock
on that file while it lives (`foldline_ui/claim.py`). The lock is not tried here, as a server that
starts at that moment would take us for another one: what the file says is true if something
answers at the address.
"""

from __future__ import annotations

import socket

import msgspec

from .layout import Layout

__all__ = ["Served", "served"]

FILE_BYTES_MAX = 4096  # an address and a number
ANSWER_S_MAX = 0.5  # a server on this machine takes a connection at once, or is not there


class Served(msgspec.Struct, frozen=True):
    """Where a store is served, and by which process."""

    url: str
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port."""
        host, _, port = self.url.removeprefix("http://").rstrip("/").rpartition(":")
        return host.strip("[]"), int(port)


def served(layout: Layout) -> Served | None:
    """Return where the store is served, or None."""
    try:
        with (layout.views / "server.json").open("rb") as file:
            told = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=Served)
        socket.create_connection(told.address, ANSWER_S_MAX).close()
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    return told
