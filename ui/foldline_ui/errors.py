"""What can go wrong in the server and the command line.

Errors of the engine are in `foldline.errors`; these are of the layer that talks to people.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from foldline.errors import FoldlineError

if TYPE_CHECKING:
    from .wire import ApiError  # the command line needs these errors, and no server's types

__all__ = [
    "ApiFailure",
    "CertificateRejected",
    "HostRefused",
    "PortTaken",
    "TokenRejected",
    "TokenUnknown",
    "TooManyListeners",
]


class ApiFailure(Exception):
    """Ends a request with an error answer."""

    def __init__(
        self, status: HTTPStatus, error: ApiError, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = headers or {}


class TooManyListeners(Exception):
    """The hub serves as many listeners as it is built for."""


class PortTaken(FoldlineError):
    """Another program listens at the port."""


class HostRefused(FoldlineError):
    """Others could reach the server at this host, and it could not tell them apart."""


class CertificateRejected(FoldlineError):
    """The files are no certificate and its key."""


class TokenRejected(FoldlineError):
    """A token can't be kept, or what is kept of tokens can't be read."""


class TokenUnknown(FoldlineError):
    """No token has that id."""
