"""What listeners are told, and what is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel
import pytest

import foldline_ui.events as module
from foldline_ingest.announce import Announcement
from foldline_ui.errors import TooManyListeners
from foldline_ui.events import HEARTBEAT, Hub, Listener
from foldline_ui.parts import HUB
from tests.ui.fakes import Client, Fake, change, serving

pytestmark = pytest.mark.anyio
DEADLINE_S = 10
EVENTS = "/api/v1/events"


class Event(NamedTuple):
    """One server-sent event."""

    kind: str
    id: str
    data: Any


def parse(block: str) -> Event:
    """Read one block of a stream; of a comment nothing is left."""
    fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
    return Event(
        fields.get("event", ""), fields.get("id", ""), json.loads(fields.get("data", "null"))
    )


class Stream:
    """The browser's end of a stream."""

    def __init__(self, client: Client, last: str | None = None) -> None:
        self._client = client
        self._headers = {"Last-Event-ID": last} if last else {}
        self.first: Event = Event("", "", None)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Stream]:
        async with self._client.get(EVENTS, headers=self._headers) as self.answer:
            assert self.answer.status == 200
            assert self.answer.content_type == "text/event-stream"
            self.first = await self.next()
            yield self

    async def next(self) -> Event:
        with anyio.fail_after(DEADLINE_S):
            block = await self.answer.content.readuntil(b"\n\n")
        return parse(block.decode())

    async def next_of(self, kind: str) -> Event:
        while (event := await self.next()).kind != kind:
            pass
        return event


def told(hub: Hub, position: int) -> Event:
    """Return what a listener at `position` is told."""
    return parse(hub.since(position).decode())


async def drain(listener: Listener) -> str:
    piece = await listener.next()
    assert piece is not None
    return piece.decode()


async def test_a_change_reaches_all_listeners_after_the_views(tmp_path: Path) -> None:
    """Listeners hear of a commit once a request that they send then sees it."""
    fake = Fake(tmp_path)
    async with (
        serving(fake) as client,
        Stream(client).open() as one,
        Stream(client).open() as other,
    ):
        fake.supervisor.announce(change(32, 7))
        first = await one.next_of("change")
        assert fake.views.refreshed == 1
        assert await other.next_of("change") == first
    assert first.data["watermark"] == 32
    assert first.data["runs"] == ["0k1"]
    assert first.data["series"][0]["value"] == "NaN"
    assert first.data["series"][0]["step"] == 32.0
    assert first.data["truncated"] is False


async def test_a_new_listener_hears_the_last_changes_again(tmp_path: Path) -> None:
    """A page whose rows were read before a commit, and its stream opened after, is told of it."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        fake.supervisor.announce(change(32, 7))
        with anyio.fail_after(DEADLINE_S):
            while client.app[HUB].position < 1:
                await anyio.lowlevel.checkpoint()
        async with Stream(client).open() as stream:
            assert (await stream.next_of("change")).data["watermark"] == 32


async def test_changes_are_told_even_when_the_views_cannot_be_read(tmp_path: Path) -> None:
    """One failed read of the views does not end the stream of changes."""
    fake = Fake(tmp_path)
    async with serving(fake) as client, Stream(client).open() as stream:
        fake.views.failure = OSError("the disk hiccups")
        fake.supervisor.announce(change(32, 7))
        assert (await stream.next_of("change")).data["watermark"] == 32


async def test_a_stream_resumes_where_it_broke(tmp_path: Path) -> None:
    """A browser that comes back gets all it missed, as one change."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        async with Stream(client).open() as stream:
            place = stream.first.id
        for number in (1, 2, 3):
            fake.supervisor.announce(change(32 * number, number, 9))
        with anyio.fail_after(DEADLINE_S):
            while client.app[HUB].position < 3:
                await anyio.lowlevel.checkpoint()
        async with Stream(client, place).open() as stream:
            missed = await stream.next_of("change")
    assert missed.data["watermark"] == 96
    assert {delta["id"]: delta["step"] for delta in missed.data["series"]} == {
        1: 32.0,
        2: 64.0,
        3: 96.0,
        9: 96.0,
    }


@pytest.mark.parametrize("last", ["deadbeef-0", "nonsense", "-", "0-0", "x" * 500])
async def test_a_place_of_another_server_means_reset(tmp_path: Path, last: str) -> None:
    """Whoever names an event that this server never sent has to read everything again."""
    async with serving(Fake(tmp_path)) as client, Stream(client, last).open() as stream:
        event = await stream.next()
    assert (event.kind, event.data) == ("reset", {})


async def test_a_stream_has_a_place_from_its_first_moment() -> None:
    """A stream that breaks before its first change resumes where it began, whatever came since."""
    hub = Hub()
    with hub.listen() as listener:
        place = listener.greeting().decode()
        hub.publish(change(64, 2))
        assert listener.greeting().decode() == place
    last = place.split("id: ")[1].strip()
    with hub.listen(last) as again:
        assert [delta["id"] for delta in parse(await drain(again)).data["series"]] == [2]


async def test_a_place_in_the_future_means_reset() -> None:
    """An id that was never given is no place to go on from."""
    hub = Hub()
    with hub.listen(f"{hub.epoch}-7") as listener:
        assert parse(await drain(listener)).kind == "reset"


async def test_health_changes_are_told(tmp_path: Path) -> None:
    """A state that changes is told without being asked for, and only when it changes."""
    fake = Fake(tmp_path)
    async with serving(fake) as client, Stream(client).open() as stream:
        fake.supervisor.state = "catching_up"
        fake.supervisor.announce(Announcement(0, 999, "catching_up", progress=0.5))
        assert (await stream.next_of("health")).data == {}


async def test_rebuilt_views_reset_listeners() -> None:
    """What was read before a rebuild is void: listeners are told so, and then go on."""
    hub = Hub()
    with hub.listen() as listener:
        hub.publish(change(32, 1))
        hub.publish(Announcement(0, 0, "rebuilding", reset=True))
        assert parse(await drain(listener)).kind == "reset"
        hub.publish(change(64, 1))
        assert parse(await drain(listener)).data["watermark"] == 64


async def test_a_slow_listener_costs_nothing_and_gets_one_notice() -> None:
    """Whatever happens while a listener is busy reaches it merged: one point a series."""
    hub = Hub()
    with hub.listen() as listener:
        for number in range(1, 501):
            hub.publish(change(number, number % 10, runs=[f"run{number % 3}"]))
        event = parse(await drain(listener))
        assert event.data["watermark"] == 500
        assert sorted(event.data["runs"]) == ["run0", "run1", "run2"]
        assert {delta["id"]: delta["step"] for delta in event.data["series"]} == {
            number % 10: float(number) for number in range(491, 501)
        }
        assert event.id == hub.id


async def test_a_listener_that_is_too_slow_is_reset() -> None:
    """What a listener misses is bounded; past the bound it reads everything again."""
    hub = Hub()
    with hub.listen() as listener:
        for number in range(module.RING_CHANGES_MAX + 1):
            hub.publish(change(number, 1))
        assert parse(await drain(listener)).kind == "reset"
    assert told(hub, hub.position - module.RING_CHANGES_MAX).kind == "change"


async def test_the_ring_is_bounded_by_series_too() -> None:
    """A few large changes do not take more memory than many small ones."""
    hub = Hub()
    large = change(1, *range(512))
    for _ in range(100):
        hub.publish(large)
    held = module.RING_NAMES_MAX // 513
    assert told(hub, 100 - held).kind == "change"
    assert told(hub, 100 - held - 1).kind == "reset"


async def test_a_notice_is_bounded_and_says_so() -> None:
    """More series or runs than a notice may name are left out, and `truncated` tells."""
    hub = Hub()
    hub.publish(change(1, *range(400)))
    hub.publish(change(2, *range(400, 800)))
    event = told(hub, 0)
    assert len(event.data["series"]) == module.NOTICE_SERIES_MAX
    assert event.data["truncated"] is True
    assert {delta["id"] for delta in event.data["series"]} >= set(range(400, 800))
    hub.publish(change(3, runs=[f"r{number}" for number in range(600)]))
    event = told(hub, 2)
    assert len(event.data["runs"]) == module.NOTICE_RUNS_MAX
    assert event.data["truncated"] is True


async def test_what_an_announcement_left_out_is_told_on() -> None:
    """A change that the fold had to cut stays marked as cut, also when merged."""
    hub = Hub()
    hub.publish(Announcement(1, 0, "live", truncated=True))
    hub.publish(change(2, 1))
    assert told(hub, 0).data["truncated"] is True
    assert told(hub, 1).data["truncated"] is False


async def test_silence_is_broken_by_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without events is kept alive by comments, which browsers ignore."""
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)
    hub = Hub()
    with hub.listen() as listener:
        assert await listener.next() == HEARTBEAT


async def test_listeners_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One listener too many is refused with a time to come back; the others go on."""
    monkeypatch.setattr(module, "LISTENERS_MAX", 1)
    async with serving(Fake(tmp_path)) as client:
        async with Stream(client).open():
            with pytest.raises(TooManyListeners), client.app[HUB].listen():
                pass
            answer = await client.get(EVENTS)
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "15"
        with anyio.fail_after(DEADLINE_S):
            while client.app[HUB].listeners:
                await anyio.lowlevel.checkpoint()


async def test_a_closed_hub_ends_its_listeners() -> None:
    """At the server's end every stream ends, and new ones end at once."""
    hub = Hub()
    with hub.listen() as listener:
        hub.close()
        assert await listener.next() is None
    with hub.listen() as late:
        assert await late.next() is None
