"""Who may ask, and what browsers may load.

A server on loopback is reachable from every page that its user opens. Three checks keep those
pages out: the Host must be a name of this machine (a rebound name is not), a request that is more
than a read must come from our own pages, and the content policy lets our pages load nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from .failure import failed
from .proxies import PROXIED
from .wire import ApiError

__all__ = ["add_headers", "guard", "is_loopback", "names_of"]

READS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

# 'unsafe-inline' is nowhere: the front-end sets styles through the CSSOM, which needs no
# permission. Media are blobs of the store. Frames are what `sandbox` describes; a framed page can't
# go elsewhere either, as that would be another frame of ours. The one trusted-types policy is the
# one that Svelte makes for its templates. Only pages of this machine, such as a notebook's, may
# show ours in a frame.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob: data:; frame-src 'self'; "
    "font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; "
    "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*; "
    "require-trusted-types-for 'script'; trusted-types svelte-trusted-html"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers too old to obey frame-ancestors instead
}


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a server that listens at `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def names_of(host: str) -> frozenset[str]:
    """Return the names, as in a Host header, of a server that listens at `host`."""
    return LOOPBACK_NAMES | {f"[{host}]" if ":" in host and "[" not in host else host.lower()}


def guard(names: frozenset[str], *, asks: bool = False) -> Middleware:
    """Return the middleware that refuses foreign hosts and foreign origins.

    Where the server `asks` who one is, an address without a name is good too: only a name can be
    rebound. A trusted proxy has looked at the name already.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.host if request.headers.get(hdrs.HOST) else ""
        known = _name(host) in names or request.get(PROXIED, False)
        if not known and not (asks and _is_address(_name(host))):
            return failed(
                HTTPStatus.FORBIDDEN,
                ApiError(
                    "forbidden_host",
                    f"this server is not called {host!r}",
                    hint=f"use one of the names it listens at: {', '.join(sorted(names))}",
                ),
            )
        if request.method not in READS and not _same_origin(request, host):
            return failed(
                HTTPStatus.FORBIDDEN,
                ApiError(
                    "cross_site",
                    "the request comes from another site's page",
                    hint="only Foldline's own pages, and programs that are no browser, may ask",
                ),
            )
        return await handler(request)

    return check


def _name(host: str) -> str:
    """Return a Host header without its port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _same_origin(request: web.Request, host: str) -> bool:
    # Programs that are no browser send neither header. A browser sends at least one of the two.
    site = request.headers.get("Sec-Fetch-Site")
    if site == "same-origin":
        return True  # behind a proxy the origin is the proxy's, and Host may be ours
    if site not in {None, "none"}:
        return False
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or origin.lower() in {f"http://{host}".lower(), f"https://{host}".lower()}


def add_headers() -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what puts the headers on every response, streams and errors included."""

    async def prepare(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        # What a route does not allow to be kept is not kept: answers change with every point.
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        response.headers.pop(hdrs.SERVER, None)

    return prepare
