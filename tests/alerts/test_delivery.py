"""Alerts sent to webhooks that somebody named."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest

import foldline
import foldline_ui.delivery as module
from foldline.events import AlertRaised
from foldline.layout import Layout, SegmentName
from foldline_ui.delivery import Delivery
from foldline_views import rules
from foldline_views.conditions import Nonfinite
from foldline_views.outbox import post, waiting
from foldline_views.rules import Rule
from foldline_views.store import open_store
from tests.patience import wait_for
from tests.ui.processes import up


class Hook:
    """A webhook on loopback that takes what it is told to take."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.asked = 0
        hook = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.asked += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.status == 200:
                    hook.taken.append(json.loads(body))
                self.send_response(hook.status)
                if hook.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook/secret"


@contextmanager
def hooked() -> Iterator[Hook]:
    hook = Hook()
    thread = threading.Thread(target=hook.server.serve_forever)
    thread.start()
    yield hook
    hook.server.shutdown()
    thread.join()
    hook.server.server_close()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
    return layout


def put(layout: Layout, address: str, title: str = "loss is NaN") -> None:
    with open_store(layout.root) as store:
        name = SegmentName("one", title.replace(" ", "-").lower()[:16])
        post(layout, name, address, AlertRaised(title, value=math.nan), store.catalog())


def test_an_alert_reaches_its_webhook(tmp_path: Path) -> None:
    """From `track` to a webhook: a NaN is posted once, with its run, series and step."""
    store = tmp_path / "store"
    with hooked() as hook, up(store) as server:
        server.ask("alerts", {"id": "nan", "when": {"type": "nonfinite"}, "webhook": hook.url})
        with foldline.Run(id="live", store=store, name="net") as run:
            run.track(0.5, name="loss", step=0)
            run.track(math.nan, name="loss", step=1)
            wait_for(lambda: hook.taken, "the webhook to be told")
            wait_for(lambda: server.ask("runs/live")["alerts"], "the run to show its alert")
        (message,) = hook.taken
        assert (message["run"], message["run_name"], message["rule"]) == ("live", "net", "nan")
        assert (message["series"], message["step"], message["value"]) == ("loss", 1.0, "NaN")
        assert message["text"].startswith("net: loss is NaN (rule nan")
        (alert,) = server.ask("runs/live")["alerts"]
        assert (alert["rule"], alert["value"]) == ("nan", "NaN")
        wait_for(lambda: not list(waiting(Layout(store))), "the outbox to be empty")


@pytest.mark.anyio
async def test_an_address_that_fails_is_tried_again(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not taken stays, and is sent again later; redirects are not followed."""
    monkeypatch.setattr(module, "RETRY_S_MIN", 0.0)
    with hooked() as hook:
        rules.add(layout, Rule("nan", Nonfinite(), webhook=hook.url))
        await anyio.to_thread.run_sync(put, layout, hook.url)
        delivery = Delivery(layout)
        for status in (500, 302, 404):
            hook.status = status
            await delivery.look()
            assert len(list(waiting(layout))) == 1
        assert hook.asked == 3
        hook.status = 200
        await delivery.look()
        assert len(hook.taken) == 1 and not list(waiting(layout))


@pytest.mark.anyio
async def test_a_pause_lies_between_two_tries(layout: Layout) -> None:
    """An address that fails is left alone for a while, and does not hold up others."""
    with hooked() as bad, hooked() as good:
        bad.status = 500
        rules.add(layout, Rule("bad", Nonfinite(), webhook=bad.url))
        rules.add(layout, Rule("good", Nonfinite(), webhook=good.url))
        await anyio.to_thread.run_sync(put, layout, bad.url, "first")
        await anyio.to_thread.run_sync(put, layout, good.url, "second")
        delivery = Delivery(layout)
        for _ in range(5):
            await delivery.look()
        assert (bad.asked, good.asked) == (1, 1)
        assert [message["title"] for message in good.taken] == ["second"]


@pytest.mark.anyio
async def test_an_alert_is_given_up_after_a_day(layout: Layout) -> None:
    """A letter that nobody took for a day is not sent any more; the log has the alert."""
    with hooked() as hook:
        hook.status = 500
        rules.add(layout, Rule("nan", Nonfinite(), webhook=hook.url))
        await anyio.to_thread.run_sync(put, layout, hook.url)
        for path, _ in waiting(layout):
            old = time.time() - module.KEPT_S_MAX - 1
            os.utime(path, (old, old))
        await Delivery(layout).look()
        assert not list(waiting(layout))


@pytest.mark.anyio
async def test_nothing_is_sent_where_nobody_wants_it(layout: Layout) -> None:
    """A letter whose address is in no rule any more is thrown away, and nothing is opened."""
    with hooked() as hook:
        await anyio.to_thread.run_sync(put, layout, hook.url)
        await Delivery(layout).look()
        assert hook.asked == 0 and not list(waiting(layout))


@pytest.fixture
def anyio_backend() -> str:
    """The server runs on asyncio, as aiohttp does."""
    return "asyncio"
