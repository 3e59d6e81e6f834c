"""The route that gives the bytes of large values.

What a script kept may be anything: a page with scripts, a picture that is none. So a blob is only
ever shown as a type of a closed list, in a sandbox; everything else is a download.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import BinaryIO

import anyio.to_thread
from aiohttp import hdrs, web

from foldline import blobs
from foldline_views.reachedviews import may_read

from ..errors import ApiFailure
from ..parts import LAYOUT, views_of
from ..questions import BlobAsked
from ..route import RouteTable
from ..sandbox import PAGE_SANDBOX, SANDBOX
from ..wire import ApiError

__all__ = ["ROUTES", "SHOWN"]

ROUTES = RouteTable()
BINARY = "application/octet-stream"
PIECE_BYTES = 256 << 10  # read and sent at a time, and held for each download

# What may be shown, and as what.
SHOWN = {
    **{f"image/{kind}": f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "svg+xml")},
    **{f"audio/{kind}": f"audio/{kind}" for kind in ("wav", "mpeg", "flac", "ogg", "mp4")},
    **{f"video/{kind}": f"video/{kind}" for kind in ("mp4", "webm", "ogg", "quicktime")},
    "text/plain": "text/plain; charset=utf-8",
    "text/markdown": "text/plain; charset=utf-8",
    "text/html": "text/html; charset=utf-8",
    "application/json": "application/json",
    "application/vnd.plotly.v1+json": "application/json",
}


@ROUTES.add(
    "GET",
    "/blobs/{sha256}",
    scope="read",
    summary="The bytes of a large value, whole or a range of them.",
    request=BlobAsked,
    response=bytes,
    media=BINARY,
)
async def get_blob(request: web.Request, asked: BlobAsked) -> web.StreamResponse:
    """Send a blob piece by piece. Bytes named by their digest never change: they may be kept."""
    digest = request.match_info["sha256"]
    if not blobs.is_digest(digest):
        raise ApiFailure(
            HTTPStatus.BAD_REQUEST,
            ApiError(
                "bad_digest",
                f"{digest[:80]!r} names no blob",
                hint="a blob is named by the SHA-256 of its bytes, in 64 small hex digits",
            ),
        )
    file = await anyio.to_thread.run_sync(blobs.opened, request.app[LAYOUT], digest)
    try:
        if not await may_read(views_of(request), digest):
            raise blobs.missing(request.app[LAYOUT], digest)  # as if it were not there
        return await _send(request, file, digest, asked.type)
    finally:
        file.close()


async def _send(request: web.Request, file: BinaryIO, digest: str, kind: str) -> web.StreamResponse:
    size = os.fstat(file.fileno()).st_size
    headers = _headers(digest, kind)
    if any(known.value in {digest, "*"} for known in request.if_none_match or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    asked = _range(request, digest, size)
    if asked is not None and asked[0] >= size:
        raise ApiFailure(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            ApiError("bad_range", f"the blob has {size} bytes", hint="ask for a range within"),
            {hdrs.CONTENT_RANGE: f"bytes */{size}"},
        )
    start, end = asked or (0, size)
    response = web.StreamResponse(status=HTTPStatus.OK, headers=headers)
    if asked is not None:
        response.set_status(HTTPStatus.PARTIAL_CONTENT)
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{size}"
    response.content_length = end - start
    await response.prepare(request)
    file.seek(start)
    while start < end:
        piece = await anyio.to_thread.run_sync(file.read, min(PIECE_BYTES, end - start))
        if not piece:
            break  # somebody cut the file meanwhile: the client sees that bytes are missing
        start += len(piece)
        # Waits while the client is slower than we are; ends by an exception if it went away.
        await response.write(piece)
    await response.write_eof()
    return response


def _headers(digest: str, kind: str) -> dict[str, str]:
    shown = SHOWN.get(kind)
    return {
        hdrs.CONTENT_TYPE: shown or BINARY,
        # Without a name: the page that links to it knows one, and no header carries a user's text.
        hdrs.CONTENT_DISPOSITION: "inline" if shown else "attachment",
        hdrs.ETAG: f'"{digest}"',
        hdrs.CACHE_CONTROL: "private, max-age=31536000, immutable",
        hdrs.ACCEPT_RANGES: "bytes",
        "Content-Security-Policy": PAGE_SANDBOX if kind == "text/html" else SANDBOX,
        "X-Frame-Options": "SAMEORIGIN",
    }


def _range(request: web.Request, digest: str, size: int) -> tuple[int, int] | None:
    """Return the bytes [start, end) that are asked for, or None for all of them.

    What is no range, or several of them, is answered whole, as HTTP allows.
    """
    if request.headers.get(hdrs.IF_RANGE, f'"{digest}"') != f'"{digest}"':
        return None  # a part of something else is at hand there
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None:
        return None
    if asked.start < 0:
        return (max(0, size + asked.start), size) if size else None
    return asked.start, size if asked.stop is None else min(asked.stop, size)
