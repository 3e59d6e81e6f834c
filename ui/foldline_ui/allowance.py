"""What each client may ask and send in a second.

One client that asks without end, by mistake or on purpose, is told to wait; the others go on. A
client is who its token says it is, and without tokens the address that it asks from. Who is refused
has an allowance of another kind, by address alone.
"""

from __future__ import annotations

import ipaddress
import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .errors import ApiFailure
from .wire import ApiError

__all__ = ["CLIENT", "Allowance", "allow", "network_of", "too_fast"]

CLIENT = web.RequestKey("CLIENT", str)
"""Who a request comes from, as far as accounts go."""

# One core answers some 2,000 questions a second: a client alone has half of it, and a thousand
# trainings that share a token have it together.
REQUESTS_S_MAX = 1_000.0
BYTES_S_MAX = 256 << 20  # of bodies: more than the log takes from all together
# Of an address, without a good token: a room full of people whose sessions have all ended stays
# below it, and trainings whose token was revoked wait as they are told.
REFUSED_S_MAX = 10.0
AHEAD_S_MAX = 10.0  # of what is allowed, in one go: what has piled up while a line was down
QUESTION_BYTES = 4 << 10  # a body up to this size is a question: it never waits for large ones
CLIENTS_MAX = 10_000  # remembered; who has been silent for longest is new when it comes again


@dataclass
class _Account:
    """When all that a client was allowed would have been allowed, at an even rate."""

    asked_until: float = 0.0
    sent_until: float = 0.0


class Allowance:
    """Keeps count of what clients ask and send; a rate of 0 is no bound."""

    def __init__(
        self,
        requests_s: float = REQUESTS_S_MAX,
        bytes_s: float = BYTES_S_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._request_s = 1 / requests_s if requests_s else 0.0
        self._byte_s = 1 / bytes_s if bytes_s else 0.0
        self._clock = clock
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    @classmethod
    def told(cls) -> Allowance:
        """Return the allowance of FOLDLINE_CLIENT_REQUESTS_S and FOLDLINE_CLIENT_BYTES_S."""
        return cls(
            _number(os.environ.get("FOLDLINE_CLIENT_REQUESTS_S", ""), REQUESTS_S_MAX),
            _number(os.environ.get("FOLDLINE_CLIENT_BYTES_S", ""), BYTES_S_MAX),
        )

    def wait_s(self, client: str, size: int) -> float:
        """Count a request with a body of `size` bytes and return 0, or in how many s to ask again.

        What is larger than all that is left is let in, and waited for afterwards: else a body that
        takes longer than AHEAD_S_MAX would never be.
        """
        now = self._clock()
        account = self._accounts.pop(client, None) or _Account()
        self._accounts[client] = account  # at the end: seen last
        while len(self._accounts) > CLIENTS_MAX:
            self._accounts.popitem(last=False)
        until = account.asked_until
        if size > QUESTION_BYTES:
            until = max(until, account.sent_until)
        wait = until - now - AHEAD_S_MAX
        if wait > 0:
            return wait
        account.asked_until = max(account.asked_until, now) + self._request_s
        account.sent_until = max(account.sent_until, now) + size * self._byte_s
        return 0.0


def allow(allowance: Allowance, client_of: Callable[[web.Request], str]) -> Middleware:
    """Return the middleware that tells a client to wait which asks or sends too much."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[CLIENT] = client_of(request)
        wait = allowance.wait_s(request[CLIENT], request.content_length or 0)
        if wait <= 0:
            return await handler(request)
        raise too_fast(
            "this client asks or sends more than one may",
            "ask again after the seconds of Retry-After; FOLDLINE_CLIENT_REQUESTS_S and "
            "FOLDLINE_CLIENT_BYTES_S change what is allowed",
            wait,
        )

    return count


def too_fast(message: str, hint: str, wait_s: float) -> ApiFailure:
    """Return the answer to somebody who is to come again in so many seconds."""
    return ApiFailure(
        HTTPStatus.TOO_MANY_REQUESTS,
        ApiError("too_fast", message, hint=hint),
        {"Retry-After": str(math.ceil(wait_s))},
    )


def network_of(remote: str | None) -> str:
    """Return an address, and of version 6 its /64, all of which one machine may have."""
    if remote is None or ":" not in remote:
        return remote or ""
    try:
        address = ipaddress.IPv6Address(remote)
    except ValueError:
        return remote
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))


def _number(text: str, default: float) -> float:
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 16 else default
