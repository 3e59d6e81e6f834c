"""Proxies that may say whom they speak for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

__all__ = ["PROXIED", "Network", "behind"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOST_CHARS_MAX = 255  # what a name may have at most, with its port
PROXIED = web.RequestKey("PROXIED", bool)
"""Set on a request that a trusted proxy handed on."""


def behind(trusted: Iterable[Network]) -> Middleware:
    """Return the middleware that believes trusted proxies, and nobody else.

    What X-Forwarded-Proto, -Host and -For say stands in the request afterwards as its scheme, host
    and address; from anybody else they mean nothing.
    """
    networks = tuple(trusted)

    def is_trusted(text: str | None) -> bool:
        try:
            address = ipaddress.ip_address(text or "")
        except ValueError:
            return False
        # Who listens at :: is told the addresses of version 4 so.
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in one for one in networks)

    def client(request: web.Request) -> str:
        """Return the nearest address that is none of a trusted proxy's."""
        told = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        nearest = request.remote or ""
        for text in reversed([one.strip() for one in told]):
            try:
                nearest = str(ipaddress.ip_address(text.strip("[]")))
            except ValueError:
                break
            if not is_trusted(nearest):
                break
        return nearest

    @web.middleware
    async def believe(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_trusted(request.remote):
            return await handler(request)
        scheme = _last(request, "X-Forwarded-Proto").lower()
        host = _last(request, "X-Forwarded-Host")
        told = request.clone(
            scheme=scheme if scheme in {"http", "https"} else request.scheme,
            host=host if 0 < len(host) <= HOST_CHARS_MAX else request.host,
            remote=client(request),
        )
        told[PROXIED] = True
        return await handler(told)

    return believe


def _last(request: web.Request, name: str) -> str:
    """Return what the nearest proxy says; those before it may have said anything."""
    said = request.headers.getall(name, [])
    return said[-1].rpartition(",")[2].strip() if said else ""
