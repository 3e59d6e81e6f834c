"""The pages of the browser, held in memory.

The bundle is read once, into a table by URL path, so that no request ever names a file. The names
in `assets/` carry a hash of what they hold and may be kept for ever; all else is asked for again.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import hdrs, web

from .route import API_PREFIX

__all__ = ["Bundle", "Page"]

STATIC = Path(__file__).with_name("static")
INDEX = "index.html"
BASE = b'<base href="/" />'  # the line of the index that says where the app is
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
GZIP_SUFFIX = ".gz"
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}

NOT_BUILT = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Foldline</title>
<h1>The pages were not built</h1>
<p>This Foldline was installed without its pages (<code>FOLDLINE_UI=skip</code>). Runs are recorded
and folded all the same, and the API answers at <a href="{API_PREFIX}/health">{API_PREFIX}</a>.
<p>In a clone of the repository, <code>make web</code> builds the pages; start
<code>foldline up</code> again afterwards. Installed as a package, reinstall it without
<code>FOLDLINE_UI</code>.
</html>
"""


@dataclass(frozen=True)
class Page:
    """One file of the bundle."""

    body: bytes
    packed: bytes | None  # gzip, made when the bundle was built
    type: str
    tag: str
    keep: str

    def answer(self, request: web.Request) -> web.Response:
        """Answer with the file, packed if the browser takes that, or 304 if it has it already."""
        headers = {hdrs.CACHE_CONTROL: self.keep, hdrs.ETAG: f'"{self.tag}"'}
        if self.packed is not None:
            headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if any(known.value in {self.tag, "*"} for known in request.if_none_match or ()):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        body = self.body
        if self.packed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            # The same content in other bytes: a weak tag says so.
            headers[hdrs.ETAG] = f'W/"{self.tag}"'
            body = self.packed
        charset = "utf-8" if self.type.startswith("text/") else None
        return web.Response(body=body, content_type=self.type, charset=charset, headers=headers)


class Bundle:
    """The built front-end, or the page that says that there is none."""

    def __init__(self, folder: Path = STATIC, prefix: str = "") -> None:
        self._prefix = prefix
        self._pages = {
            name: _page(body, packed, name)
            for name, (body, packed) in _files(folder).items()
            if not name.endswith(GZIP_SUFFIX) and not name.rpartition("/")[2].startswith(".")
        }
        if prefix and (index := self._pages.get(INDEX)):
            body = index.body.replace(BASE, BASE.replace(b"/", prefix.encode() + b"/", 1), 1)
            self._pages[INDEX] = _page(body, gzip.compress(body, mtime=0), INDEX)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a file by its path, and any other path with the page that finds its own way."""
        path = request.path.removeprefix(self._prefix).lstrip("/")
        if page := self._pages.get(path):
            return page.answer(request)
        # Routes of the front-end have no dots; a path that has one names a file that is not there.
        if "." in path.rpartition("/")[2]:
            raise web.HTTPNotFound
        if index := self._pages.get(INDEX):
            return index.answer(request)
        return web.Response(
            status=HTTPStatus.SERVICE_UNAVAILABLE, text=NOT_BUILT, content_type="text/html"
        )

    async def enter(self, _: web.Request) -> web.StreamResponse:
        """Send whoever asks for the prefix alone into it: what is relative is below it then."""
        headers = {hdrs.LOCATION: f"{self._prefix}/"}
        return web.Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)


def _files(folder: Path) -> dict[str, tuple[bytes, bytes | None]]:
    """Return the files below a folder, each with what it is packed; a build may be at work."""
    found: dict[str, bytes] = {}
    # Not Path.rglob: it fails where a folder goes that it was about to look into.
    for below, _, names in os.walk(folder):
        for name in names:
            file = Path(below, name)
            with suppress(FileNotFoundError):
                found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return {name: (body, found.get(name + GZIP_SUFFIX)) for name, body in sorted(found.items())}


def _page(body: bytes, packed: bytes | None, name: str) -> Page:
    guessed = TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0]
    return Page(
        body=body,
        packed=packed,
        type=guessed or "application/octet-stream",
        tag=hashlib.sha256(body).hexdigest()[:16],
        keep=FOREVER if name.startswith("assets/") else ASK_AGAIN,
    )
