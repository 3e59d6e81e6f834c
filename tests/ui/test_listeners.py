"""Many listeners, slow ones, and servers that start again."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

import foldline
import foldline_ui.events as module
from foldline_ingest.announce import Announcement
from foldline_ui.events import Hub
from foldline_ui.parts import HUB
from foldline_ui.routes.events import HELD_BYTES
from tests.ui.fakes import Client, Fake, change, serving
from tests.ui.processes import up
from tests.ui.test_events import Event, parse
from tests.ui.test_live import listening, next_change

DEADLINE_S = 30
SERIES = tuple(range(400))


class Reading:
    """A listener that reads when it is told to, and no sooner."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream = stream
        self._rest = b""
        self.bytes = 0

    async def next(self) -> Event:
        """Return the next event that is no greeting and no comment."""
        while True:
            block, found, rest = self._rest.partition(b"\n\n")
            if found:
                self._rest = rest
                if (event := parse(block.decode())).kind:
                    return event
                continue
            with anyio.fail_after(DEADLINE_S):
                piece = await self._stream.receive()
            self.bytes += len(piece)
            self._rest += piece

    async def until(self, watermark: int) -> list[Event]:
        """Return the changes up to the one with this watermark."""
        events: list[Event] = []
        while not events or events[-1].data.get("watermark") != watermark:
            events.append(await self.next())
        return events


@asynccontextmanager
async def reading(client: Client) -> AsyncIterator[Reading]:
    """Open a stream."""
    host, port = client.server.host, client.server.port
    assert port is not None
    async with await anyio.connect_tcp(host, port) as stream:
        # HTTP/1.0: what is sent is not cut into chunks, and can be read as it is.
        await stream.send(f"GET /api/v1/events HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
        yield Reading(stream)


async def listened(client: Client, count: int) -> None:
    """Wait until so many listen."""
    with anyio.fail_after(DEADLINE_S):
        while client.app[HUB].listeners != count:
            await anyio.lowlevel.checkpoint()


async def published(client: Client, fake: Fake, first: int, last: int) -> None:
    """Announce commits of many series, and wait until the hub has each."""
    for number in range(first, last + 1):
        fake.supervisor.announce(change(number, *SERIES))
        with anyio.fail_after(DEADLINE_S):
            while client.app[HUB].position < number:
                await anyio.lowlevel.checkpoint()


@pytest.mark.anyio
async def test_a_listener_that_does_not_read_costs_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 900 commits of 400 series a slow listener is sent a few notices, the newest at the end."""
    monkeypatch.setattr(module, "STREAM_BYTES_PER_S", 1e9)
    monkeypatch.setattr(module, "RING_NAMES_MAX", 1_000_000)
    fake = Fake(tmp_path)
    async with serving(fake) as client, reading(client) as slow, reading(client) as quick:
        await listened(client, 2)
        heard = 0
        for number in range(1, 901):
            await published(client, fake, number, number)
            if number % 50 == 0:
                heard += len(await quick.until(number))
        slow_events = await slow.until(900)
    # Ten were measured: what fits the system's buffers at both ends, and one for all the rest.
    assert len(slow_events) < 100, "what it did not read was merged"
    assert slow.bytes < 4 << 20, "of 36 MB"
    last = slow_events[-1].data
    assert {delta["id"]: delta["step"] for delta in last["series"]} == dict.fromkeys(SERIES, 900.0)
    assert heard >= 18


@pytest.mark.anyio
async def test_256_listeners_are_told_of_everything(tmp_path: Path) -> None:
    """All pages of a team hear of the last commit, and together get a bounded stream of bytes."""
    fake = Fake(tmp_path)
    async with serving(fake) as client, AsyncExitStack() as stack:
        pages = [
            await stack.enter_async_context(reading(client)) for _ in range(module.LISTENERS_MAX)
        ]
        await listened(client, module.LISTENERS_MAX)
        refused = await client.get("/api/v1/events")
        assert refused.status == 503
        began = time.monotonic()
        events: list[list[Event]] = []

        async def read(page: Reading) -> None:
            events.append(await page.until(12))

        async with anyio.create_task_group() as tasks:
            for page in pages:
                tasks.start_soon(read, page)
            await published(client, fake, 1, 12)
        took = time.monotonic() - began
    assert len(events) == module.LISTENERS_MAX
    for told in events:
        steps = {delta["id"]: delta["step"] for delta in told[-1].data["series"]}
        assert steps == dict.fromkeys(SERIES, 12.0)
    total = sum(page.bytes for page in pages)
    notice = total / sum(len(told) for told in events)
    burst = 2 * notice * module.LISTENERS_MAX  # the first notice is not waited for, nor the last
    assert total < burst + took * module.STREAM_BYTES_PER_S


@pytest.mark.anyio
async def test_runs_are_bounded_in_the_ring_as_series_are() -> None:
    """Commits that touch thousands of runs each hold no more of them than a notice names."""
    hub = Hub()
    names = [f"run {number}" for number in range(5000)]
    for number in range(200):
        hub.publish(Announcement(number, 0, "live", runs=names))
    held = module.RING_NAMES_MAX // module.NOTICE_RUNS_MAX
    assert parse(hub.since(200 - held).decode()).data["truncated"] is True
    assert parse(hub.since(200 - held - 1).decode()).kind == "reset"


@pytest.mark.anyio
async def test_a_listener_that_rests_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stops does not wait for a pause between two notices."""
    monkeypatch.setattr(module, "STREAM_BYTES_PER_S", 1)
    monkeypatch.setattr(module, "PAUSE_S_MAX", 600.0)
    hub = Hub()
    with hub.listen() as listener:
        hub.publish(change(1, 7))
        assert await listener.next()
        hub.publish(change(2, 7))
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.next)
                await anyio.lowlevel.checkpoint()
                hub.close()


def test_the_system_holds_little_for_a_stream() -> None:
    """What may lie unread in the system is bounded for each stream."""
    assert HELD_BYTES * module.LISTENERS_MAX <= 16 << 20


def test_a_page_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    """A stream that comes back to another server at the same port reads everything again."""
    store = tmp_path / "store"
    with foldline.Run(id="live", store=store) as run:
        run.track(1.0, name="loss", step=0)
        with up(store) as server:
            port = server.port
            with listening(server) as stream:
                next_change(stream)
                place = ""
                while not place:
                    line = stream.readline().decode()
                    place = line[4:].strip() if line.startswith("id: ") else ""
                    if not place:
                        run.track(2.0, name="loss", step=1)
            server.stop(signal.SIGKILL)
        run.track(3.0, name="loss", step=2)
        with up(store, port=port) as server, listening(server, place) as stream:
            lines = [stream.readline().decode().strip() for _ in range(5)]
            assert "event: reset" in lines
            run.track(4.0, name="loss", step=3)
            while not (series := next_change(stream)["series"]) or series[0]["step"] != 3.0:
                pass


@pytest.fixture
def anyio_backend() -> str:
    """The server runs on asyncio, as aiohttp does."""
    return "asyncio"
