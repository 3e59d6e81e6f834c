"""Bodies of bytes, read within bounds.

All bodies together have a share of memory. Each says how much it needs before it is read, in and
out of its packing, and no more than that is ever read or unpacked.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from aiohttp import web

from .allowance import CLIENT
from .errors import ApiFailure
from .shipments import PIECE_BYTES_MAX, Piece
from .wire import ApiError

__all__ = ["BINARY", "Cargo"]

Result = TypeVar("Result")

BINARY = "application/octet-stream"
MEMORY_BYTES_MAX = 256 << 20  # of all bodies that are read at once: eight of the largest
PIECE_S_MAX = 60.0  # until a body is there: a sender on a slow line makes its pieces smaller
READ_BYTES = 256 << 10  # taken from the connection at a time
THREADS_MAX = 4  # that take pieces: more would only wait for the interpreter, and pages with them
RETRY_S = 1  # seconds until there may be room for another body
ZSTD_WINDOW_BYTES_MAX = 8 << 20  # what level 19 asks for; a header may ask for gigabytes
IN_PLACE_BYTES_MAX = 64 << 10  # a smaller body is checked sooner than a thread is woken


class Cargo:
    """The bodies that are being read, and what memory they have."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()  # by client
        self._threads: anyio.CapacityLimiter | None = None

    async def run(self, action: Callable[..., Result], *arguments: Any) -> Result:
        """Return what an action of the disk returns, on one of few threads."""
        if self._threads is None:  # it belongs to the loop that runs
            self._threads = anyio.CapacityLimiter(THREADS_MAX)
        return await anyio.to_thread.run_sync(action, *arguments, limiter=self._threads)

    @contextmanager
    def room(self, size: int, client: str = "") -> Iterator[None]:
        """Hold room in memory for `size` bytes. Raises ApiFailure if there is none just now.

        One client alone has half of it: what it sends slowly keeps no other from sending.
        """
        full = self._held.total() + size > MEMORY_BYTES_MAX
        if full or self._held[client] + size > MEMORY_BYTES_MAX // 2:
            raise ApiFailure(
                HTTPStatus.TOO_MANY_REQUESTS,
                ApiError("too_much_at_once", "as much is being sent as fits", hint="wait"),
                {"Retry-After": str(RETRY_S)},
            )
        self._held[client] += size
        try:
            yield
        finally:
            self._held[client] -= size
            if not self._held[client]:
                del self._held[client]

    async def read(self, request: web.Request, piece: Piece) -> bytes:
        """Return the body, unpacked and checked. Raises ApiFailure."""
        length = request.content_length
        if length is None:
            raise ApiFailure(
                HTTPStatus.LENGTH_REQUIRED,
                ApiError("length_required", "the body has no Content-Length", hint="send one"),
            )
        if length > PIECE_BYTES_MAX:
            raise ApiFailure(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                ApiError(
                    "too_large",
                    f"a body has at most {PIECE_BYTES_MAX:,} bytes",
                    hint="send it in smaller pieces, each with its offset",
                ),
            )
        with self.room(length + piece.size, request.get(CLIENT, "")):
            body = await _body(request, length)
            if length + piece.size < IN_PLACE_BYTES_MAX:
                return _checked(body, piece)
            return await self.run(_checked, body, piece)


async def _body(request: web.Request, length: int) -> bytes:
    body = bytearray()
    try:
        with anyio.fail_after(PIECE_S_MAX):
            async for chunk in request.content.iter_chunked(READ_BYTES):
                body += chunk
    except TimeoutError:
        raise ApiFailure(
            HTTPStatus.REQUEST_TIMEOUT,
            ApiError(
                "timeout",
                f"the body did not arrive in {PIECE_S_MAX:g} s",
                hint="send smaller pieces",
            ),
        ) from None
    if len(body) != length:
        raise _changed()
    return bytes(body)


def _checked(body: bytes, piece: Piece) -> bytes:
    data = _unpacked(body, piece)
    if len(data) != piece.size or zlib.crc32(data) != piece.crc:
        raise _changed()
    return data


def _unpacked(body: bytes, piece: Piece) -> bytes:
    """Return what was packed, or one byte more than was told if it is longer."""
    if piece.coding == "gzip":
        try:
            return zlib.decompressobj(wbits=31).decompress(body, piece.size + 1)
        except zlib.error as error:
            raise _changed() from error
    if piece.coding == "zstd":
        import zstandard

        unpacking = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
        try:
            with unpacking.stream_reader(body) as reader:
                return reader.read(piece.size + 1)
        except zstandard.ZstdError as error:
            raise _changed() from error
    return body


def _changed() -> ApiFailure:
    return ApiFailure(
        HTTPStatus.BAD_REQUEST,
        ApiError(
            "bad_body",
            "the body does not have the size and the checksum that its address tells",
            hint="send it again: it was changed or cut on its way",
        ),
    )
