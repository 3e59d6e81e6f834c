"""The connection over which a server is asked.

One at a time, kept open. What fails is one of two errors: try again later, or never like this.
"""

from __future__ import annotations

import http.client
import os
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from ..errors import ServerFull, ServerRefused, ServerUnreachable
from .hold import Remote

__all__ = ["Link", "token_for"]

ANSWER_S_MAX = 30.0  # for each step of an answer; a half-open connection is found out by it
ANSWER_BYTES_MAX = 1 << 20  # receipts have a hundred bytes; a list of 10,000 digests 700 KB
RETRY_S_MAX = 300.0  # whatever a server says: longer than that nobody waits
PACK_BYTES_MIN = 1024  # less is hardly made smaller
BINARY = "application/octet-stream"
SHIP_LATER = "what is logged waits on this machine, and `foldline sync` ships it"
_LATER = frozenset({408, 425, 429})


class Link:
    """Asks one server. Not for several threads at once.

    `hint` is what to do while the server can't be reached.
    """

    def __init__(
        self, remote: Remote, *, answer_bytes_max: int = ANSWER_BYTES_MAX, hint: str = SHIP_LATER
    ) -> None:
        self.remote = remote
        self._answer_bytes_max = answer_bytes_max
        self._hint = hint
        self._connection: http.client.HTTPConnection | None = None
        self._span = ""  # of the last answer, which part of what it says that it is
        self._packer = None if remote.is_here else _packer()

    def get(self, path: str) -> Any:
        """Return the JSON that the server answers to a GET of a path below /api/v1.

        Raises ServerUnreachable if it may do so later, and ServerRefused.
        """
        return self._decoded(self._ask("GET", path, None, {}))

    def fetch(self, path: str) -> bytes:
        """Return the bytes that the server answers to a GET; errors as for `get`."""
        return self._ask("GET", path, None, {})

    def part(self, path: str, start: int, end: int) -> tuple[bytes, int]:
        """Return bytes from `start` to before `end`, or where they end, and how many there are.

        Errors as for `get`; `start` behind their end is refused with the status 416.
        """
        headers = {"Range": f"bytes={start}-{end - 1}"}
        said = self._ask("GET", path, None, headers, bytes_max=end - start + 1)
        size = self._span.removeprefix(f"bytes {start}-{start + len(said) - 1}/")
        if not said or len(said) > end - start or not (size.isascii() and size.isdecimal()):
            raise ServerRefused(
                f"{self.remote.url} was asked for a part, and does not answer with it",
                hint="check the address; something may stand between",
            )
        return said, int(size)

    def post(self, path: str, value: Any) -> Any:
        """Return the answer to a POST of JSON; errors as for `get`."""
        headers = {"Content-Type": "application/json"}
        return self._decoded(self._ask("POST", path, msgspec.json.encode(value), headers))

    def ship(self, path: str, data: bytes, asked: Mapping[str, str | int]) -> Any:
        """Return the answer to a piece; errors as for `get`."""
        words: dict[str, str | int] = {**asked, "size": len(data), "crc": zlib.crc32(data)}
        if self._packer is not None and len(data) >= PACK_BYTES_MIN:
            words["coding"], data = self._packer[0], self._packer[1](data)
        address = f"{path}?{urlencode(words)}"
        return self._decoded(self._ask("POST", address, data, {"Content-Type": BINARY}))

    def close(self) -> None:
        """Let go of the connection; the next question makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        *,
        bytes_max: int | None = None,
    ) -> bytes:
        if token := token_for(self.remote):
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection = self._connected()
            address = f"{self.remote.prefix}/api/v1/{path}"
            connection.request(method, address, body=body, headers=headers)
            answer = connection.getresponse()
            said = answer.read(bytes_max or self._answer_bytes_max)
            self._span = answer.getheader("Content-Range", "")
            if not answer.isclosed():
                self.close()  # more than is ever said: the rest would be taken for the next answer
        except (OSError, http.client.HTTPException) as error:
            self.close()
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ServerUnreachable(
                f"{self.remote.url} can't be reached: {reason}",
                hint=self._hint,
            ) from error
        if answer.status in (200, 206):
            return said
        raise self._error(answer.status, said, answer.getheader("Retry-After", ""))

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            remote = self.remote
            kind: Any = http.client.HTTPConnection
            if remote.scheme == "https":
                kind = http.client.HTTPSConnection  # checks the certificate and the name
            self._connection = kind(remote.host, remote.port, timeout=ANSWER_S_MAX)
        return self._connection

    def _decoded(self, said: bytes) -> Any:
        try:
            return msgspec.json.decode(said)
        except msgspec.MsgspecError as error:
            raise ServerUnreachable(
                f"{self.remote.url} answers, but not as Foldline does",
                hint="check the address; something may stand between",
            ) from error

    def _error(self, status: int, said: bytes, after: str) -> ServerUnreachable | ServerRefused:
        message, hint = f"status {status}", "check the address, and what the server's terminal says"
        code, at = "", (0, 0)
        try:
            told = msgspec.json.decode(said)["error"]
            message, hint = str(told["message"]), str(told["hint"] or "")
            code = str(told["code"])
            at = msgspec.convert(told["at"] or at, tuple[int, int])
        except (msgspec.MsgspecError, TypeError, KeyError):
            pass  # a proxy's page
        text = f"{self.remote.url} refuses: {message}"
        if status in _LATER or status >= 500:
            wait = float(after) if after.isascii() and after.isdecimal() else 0.0
            kind = ServerFull if code == "quota_reached" else ServerUnreachable
            return kind(text, hint=hint, after_s=min(wait, RETRY_S_MAX))
        return ServerRefused(text, hint=hint, status=status, code=code, at=at)


def token_for(remote: Remote) -> str:
    """Return the token that a server is to be sent, "" for none.

    Raises ServerRefused where anybody on the way could read it.
    """
    token = os.environ.get("FOLDLINE_TOKEN", "").strip()
    allowed = os.environ.get("FOLDLINE_TOKEN_OVER_HTTP") == "allow"
    if token and not remote.is_private and not allowed:
        raise ServerRefused(
            f"FOLDLINE_TOKEN is not sent to {remote.url}: anybody on the way could read it",
            hint="use https, or if the way is safe, FOLDLINE_TOKEN_OVER_HTTP=allow",
        )
    return token


def _packer() -> tuple[str, Any]:
    """Return the coding that pieces are packed by, and what packs them."""
    try:
        import zstandard
    except ImportError:
        return "gzip", _gzipped
    return "zstd", zstandard.ZstdCompressor(level=1).compress


def _gzipped(data: bytes) -> bytes:
    packing = zlib.compressobj(1, wbits=31)
    return packing.compress(data) + packing.flush()
