"""Where runs lie until their server has them.

A run whose store is an address is logged on this machine first, into a store of its own: the hold
of that server. So nothing that befalls the network or the server can befall a training.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from ..disk import private
from ..errors import StoreUnwritable, ValueRejected
from ..layout import Layout

__all__ = ["Remote", "hold_of", "holds", "remote_at", "remote_of"]

FILE_BYTES_MAX = 8192  # an address
ADDRESS_CHARS_MAX = 2048  # what every program takes as an address


class Remote(NamedTuple):
    """A server that takes logs."""

    scheme: str  # http or https
    host: str
    port: int
    prefix: str  # the path below which its API is, "" or "/lab"

    @property
    def url(self) -> str:
        """The address as a person would type it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}/"

    @property
    def is_private(self) -> bool:
        """Whether nobody can listen on the way: it is encrypted, or leads to this machine."""
        return self.scheme == "https" or self.is_here

    @property
    def is_here(self) -> bool:
        """Whether it is a server of this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class _Told(msgspec.Struct, frozen=True):
    url: str


def remote_of(address: str) -> Remote:
    """Return the server that an address names. Raises ValueRejected."""
    hint = "an address such as https://lab.example:43800"
    try:
        parts = urlsplit(address.strip())
        port = {"http": 80, "https": 443}[parts.scheme]
        port = port if parts.port is None else parts.port
        if not parts.hostname or len(address) > ADDRESS_CHARS_MAX:
            raise ValueError("it names no host")
        if parts.username or parts.password:
            hint = "a token goes into FOLDLINE_TOKEN, where no log and no list of processes has it"
            raise ValueError("an address has no password")
        if parts.query or parts.fragment or not parts.path.isascii() or not address.isprintable():
            raise ValueError("it has more than a path")
    except (ValueError, KeyError) as error:
        shown = address.rpartition("@")[2][:80]
        if isinstance(error, KeyError):
            error = ValueError("it begins with neither http:// nor https://")
        raise ValueRejected(f"{shown!r} is no address of a server: {error}", hint=hint) from None
    return Remote(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))


def hold_of(remote: Remote) -> Layout:
    """Return the hold of a server, and make it if it is not there. Raises StoreUnwritable."""
    named = hashlib.sha256(remote.url.encode()).hexdigest()[:16]
    layout = Layout(_folder() / named)
    path = layout.remote
    try:
        if not path.exists():
            layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = layout.root / f".remote.{os.getpid()}"
            with open(draft, "wb", opener=private) as file:
                file.write(msgspec.json.encode(_Told(remote.url)))
            draft.replace(path)
    except OSError as error:
        raise StoreUnwritable(
            f"{layout.root}, where runs wait for {remote.url}, can't be written: {error.strerror}",
            hint="FOLDLINE_HOLD names a folder that can",
        ) from error
    return layout


def remote_at(layout: Layout) -> Remote | None:
    """Return the server whose hold a store is, or None for any other store."""
    try:
        with layout.remote.open("rb") as file:
            return remote_of(msgspec.json.decode(file.read(FILE_BYTES_MAX), type=_Told).url)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ValueRejected):
        return None


def holds() -> Iterator[tuple[Layout, Remote]]:
    """Yield every hold of this user, with its server."""
    with suppress(OSError):
        for path in sorted(_folder().iterdir()):
            if (remote := remote_at(Layout(path))) is not None:
                yield Layout(path), remote


def _folder() -> Path:
    named = os.environ.get("FOLDLINE_HOLD")
    if named:
        return Path(named).absolute()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "foldline" / "hold"
    local = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(local) / "foldline" / "hold"
