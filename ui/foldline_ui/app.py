"""The web application, composed of its parts.

Everything that a route reaches for is put in here and nowhere else: the views, the hub, the state
of the fold. The fold itself runs in a process of its own (see `foldline_ingest.supervisor`), so
that its work never delays an answer.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
from aiohttp import web

from foldline.layout import Layout
from foldline_ingest.affiliation import Affiliations
from foldline_ingest.announce import LIVE_SHELF
from foldline_ingest.receiving import Receiver
from foldline_views.reader import Views

from . import routes
from .allowance import Allowance, allow, network_of
from .budget import Budget
from .cargo import Cargo
from .connections import Connections
from .delivery import Delivery
from .events import Hub
from .failure import failures
from .gate import PRINCIPAL, Gate
from .guard import add_headers, guard, names_of
from .notices import Notices
from .pages import Bundle
from .parts import (
    AFFILIATIONS,
    BUDGET,
    CARGO,
    CONNECTIONS,
    GATE,
    HUB,
    LAYOUT,
    NOTICES,
    PREFIX,
    READER,
    RECEIVER,
    ROUTES,
    TALLY,
    USAGE,
    VITALS,
    Announcements,
)
from .proxies import Network, behind
from .route import BODY_BYTES_MAX
from .tally import Tally
from .usage import Usage
from .vitals import Vitals

__all__ = ["Composition", "compose"]

log = logging.getLogger(__name__)

SYNC_INTERVAL_S = 1.0  # between two rounds of making durable what others shipped: one sync for many
LAST_SYNC_S = 0.5  # of a server that ends; the senders keep what is not durable by then
STATE_POLL_S = 1.0  # how soon a fold process that died is seen, when nothing else moves


@dataclass(frozen=True)
class Composition:
    """What an application is made of."""

    layout: Layout
    supervise: Callable[[], AbstractAsyncContextManager[Announcements]]
    open_reader: Callable[[], Awaitable[Views]]
    host: str = "127.0.0.1"
    bundle: Bundle | None = None
    prefix: str = ""  # the path that a proxy hands on to us, such as "/lab"
    allowance: Allowance = field(default_factory=Allowance)
    asks: bool = False  # who one is: a token is needed for everything but the pages
    names: frozenset[str] = frozenset()  # by which the server is called, beside the host
    proxies: tuple[Network, ...] = ()  # that are believed whom they speak for


def compose(parts: Composition) -> web.Application:
    """Return the application; its engine starts and ends with it."""
    connections, gate = Connections(), Gate(parts.layout, asks=parts.asks)
    tally = Tally()
    app = web.Application(
        middlewares=[
            tally.count(),
            connections.hear(),
            failures,
            behind(parts.proxies),
            guard(names_of(parts.host) | parts.names, asks=parts.asks),
            gate.stand(),
            allow(parts.allowance, _client),
        ],
        client_max_size=BODY_BYTES_MAX,
    )
    app[CONNECTIONS], app[GATE], app[PREFIX] = connections, gate, parts.prefix
    app[TALLY] = tally
    app[LAYOUT] = parts.layout
    app[HUB] = Hub()
    app[AFFILIATIONS] = Affiliations(parts.layout)
    app[RECEIVER] = Receiver(parts.layout)
    app[BUDGET] = Budget(parts.layout)
    app[CARGO] = Cargo()
    app[USAGE] = Usage(parts.layout)
    app[NOTICES] = Notices(parts.layout, app[HUB])
    app[ROUTES] = routes.table()
    app[ROUTES].install(app.router)
    bundle = parts.bundle or Bundle(prefix=parts.prefix)
    # A proxy hands the prefix on or takes it away: we answer both.
    if parts.prefix:
        app[ROUTES].install(app.router, parts.prefix)
        app.router.add_get(parts.prefix, bundle.enter)
    # All that is not the API: a wrong method or path there is told as such, and never shown a page.
    prefix = re.escape(parts.prefix.lstrip("/"))
    app.router.add_get(f"/{{path:(?!(?:{prefix}/)?api(?:/|$)).*}}", bundle.answer)
    app.on_response_prepare.append(add_headers())
    app.on_shutdown.append(_close_streams)
    app.cleanup_ctx.append(_engine(parts))
    return app


def _client(request: web.Request) -> str:
    who = request.get(PRINCIPAL)
    return who.token if who is not None and who.token else network_of(request.remote)


async def _close_streams(app: web.Application) -> None:
    # Before the server waits for its requests to end: a stream ends by no other means.
    app[HUB].close()


def _engine(parts: Composition) -> Callable[[web.Application], AsyncIterator[None]]:
    async def engine(app: web.Application) -> AsyncIterator[None]:
        async with parts.supervise() as announcements:
            app[VITALS] = Vitals(lambda: announcements.state)
            app[READER] = await parts.open_reader()
            reading = anyio.Lock()
            tasks = [
                asyncio.create_task(_relay(app, announcements, reading)),
                asyncio.create_task(_watch(app)),
                asyncio.create_task(app[USAGE].run()),
                asyncio.create_task(app[GATE].run()),
                asyncio.create_task(app[BUDGET].run(app[READER])),
                asyncio.create_task(Delivery(parts.layout).run()),
                asyncio.create_task(_sync(app)),
            ]
            try:
                yield
            finally:
                # A read that is cut off halfway would leave its database open behind it.
                async with reading:
                    for task in tasks:
                        task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                with anyio.move_on_after(LAST_SYNC_S):
                    await anyio.to_thread.run_sync(app[RECEIVER].sync, abandon_on_cancel=True)
                await app[READER].close()

    return engine


async def _relay(app: web.Application, announcements: Announcements, reading: anyio.Lock) -> None:
    """Take over each commit, and only then tell of it: who asks again sees it."""
    async for announcement in announcements:
        # First, so that health never says "live" with the lag of before.
        app[VITALS].note(announcement)
        try:
            if announcement.shelf == LIVE_SHELF:
                async with reading:
                    await app[READER].refresh()
        except Exception:
            # One failed read must not silence the changes after it.
            log.exception("the views could not be read again")
        app[HUB].publish(announcement)
        _tell_health(app)


async def _watch(app: web.Application) -> None:
    """Notice what nobody announces: a fold process that died, a bookmark of another server's."""
    while True:
        _tell_health(app)
        app[NOTICES].look()
        await asyncio.sleep(STATE_POLL_S)


async def _sync(app: web.Application) -> None:
    """Make what others ship durable, by and by."""
    while True:
        try:
            await anyio.to_thread.run_sync(app[RECEIVER].sync)
        except Exception:
            # The senders keep what they have; the next round tries again.
            log.exception("what was shipped could not be made durable")
        await asyncio.sleep(SYNC_INTERVAL_S)


def _tell_health(app: web.Application) -> None:
    if app[VITALS].changed():
        app[HUB].publish_notice("health")
