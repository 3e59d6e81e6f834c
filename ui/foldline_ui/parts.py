"""The parts of a running server that routes reach for.

`Announcements` says what the server needs of the fold, and nothing more:
`foldline_ingest.supervisor.Supervisor` is the real one. Whoever answers in place of the views is a
subclass of them, so that the type checker compares the two.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from aiohttp import web

from foldline.layout import Layout
from foldline_ingest.affiliation import Affiliations
from foldline_ingest.announce import Announcement
from foldline_ingest.receiving import Receiver
from foldline_views.reachedviews import reached
from foldline_views.reader import Views

from .budget import Budget
from .cargo import Cargo
from .connections import Connections
from .events import Hub
from .gate import PRINCIPAL, Gate
from .notices import Notices
from .route import RouteTable
from .tally import Tally
from .usage import Usage
from .vitals import Vitals

__all__ = [
    "AFFILIATIONS",
    "BUDGET",
    "CARGO",
    "CONNECTIONS",
    "GATE",
    "HUB",
    "LAYOUT",
    "NOTICES",
    "PREFIX",
    "READER",
    "RECEIVER",
    "ROUTES",
    "TALLY",
    "USAGE",
    "VITALS",
    "Announcements",
    "views_of",
]


class Announcements(Protocol):
    """What the fold process says, for as long as it is wanted."""

    @property
    def state(self) -> str:
        """How the fold is: live, catching_up, rebuilding or down."""

    def __aiter__(self) -> AsyncIterator[Announcement]:
        """Yield each announcement."""


READER = web.AppKey("READER", Views)
HUB = web.AppKey("HUB", Hub)
NOTICES = web.AppKey("NOTICES", Notices)
VITALS = web.AppKey("VITALS", Vitals)
LAYOUT = web.AppKey("LAYOUT", Layout)
RECEIVER = web.AppKey("RECEIVER", Receiver)
GATE = web.AppKey("GATE", Gate)
PREFIX = web.AppKey("PREFIX", str)
AFFILIATIONS = web.AppKey("AFFILIATIONS", Affiliations)
BUDGET = web.AppKey("BUDGET", Budget)
CARGO = web.AppKey("CARGO", Cargo)
CONNECTIONS = web.AppKey("CONNECTIONS", Connections)
TALLY = web.AppKey("TALLY", Tally)
USAGE = web.AppKey("USAGE", Usage)
ROUTES = web.AppKey("ROUTES", RouteTable)


def views_of(request: web.Request) -> Views:
    """Return the views as far as whoever asks may see them."""
    return reached(request.app[READER], request[PRINCIPAL].reach)
