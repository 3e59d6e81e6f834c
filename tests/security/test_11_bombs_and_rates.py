"""Rule 11: bodies and requests keep to their share."""

from __future__ import annotations

import asyncio
import gzip
import io
import resource
import zlib
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import zstandard

import foldline
from foldline.layout import Layout
from foldline.packs import SLAB_BYTES
from foldline.shipper.dispatch import dispatch
from foldline.shipper.hold import remote_of
from foldline_ingest.slabs import decompress
from foldline_ui import allowance, cargo, route, tokens
from foldline_ui.allowance import Allowance, network_of
from foldline_ui.app import Composition, compose
from foldline_ui.audit import events
from foldline_ui.cargo import BINARY, MEMORY_BYTES_MAX, Cargo
from foldline_ui.errors import ApiFailure
from foldline_ui.route import BODY_BYTES_MAX
from foldline_ui.shipments import PIECE_BYTES_MAX
from foldline_views.pointpages import read_points_page
from tests.auth.tenants import asking, bearer, fold, tenants
from tests.remote.oracle import segments
from tests.ui.fakes import Fake, serving
from tests.ui.processes import up

anyio_test = pytest.mark.anyio
SEGMENT = "/api/v1/log/0k1/w1"
BOMB_BYTES = 256 << 20  # what a bomb says nothing of, and would become


def shipped(size: int, **more: Any) -> dict[str, Any]:
    """Return what an address says of a piece."""
    return {"params": {"offset": 0, "size": size, **more}, "headers": {"Content-Type": BINARY}}


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """Some hundred KB each, that unpack to BOMB_BYTES of zeros."""
    packing, zeros = zlib.compressobj(9, wbits=31), bytes(1 << 20)
    packed = b"".join(packing.compress(zeros) for _ in range(BOMB_BYTES >> 20)) + packing.flush()
    frame = zstandard.ZstdCompressor(level=1).compressobj()
    zipped = b"".join(frame.compress(zeros) for _ in range(BOMB_BYTES >> 20)) + frame.flush()
    return {"gzip": packed, "zstd": zipped}


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@anyio_test
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("told", [1, 64, 1 << 20])
async def test_a_bomb_is_unpacked_no_farther_than_it_says(
    tmp_path: Path, bombs: dict[str, bytes], coding: str, told: int
) -> None:
    """A body is unpacked to one byte more than its address says, and is then no body of ours."""
    async with serving(Fake(tmp_path)) as client:
        before = peak_bytes()
        answer = await client.post(SEGMENT, data=bombs[coding], **shipped(told, coding=coding))
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "bad_body")
        assert peak_bytes() - before < BOMB_BYTES / 4


@anyio_test
async def test_a_window_of_gigabytes_is_not_made(tmp_path: Path) -> None:
    """What the head of a zstd body asks for in memory is bounded, whatever it unpacks to."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    packed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = packed.compress(bytes(1 << 20)) + packed.flush()
    async with serving(Fake(tmp_path)) as client:
        answer = await client.post(SEGMENT, data=body, **shipped(1 << 20, coding="zstd"))
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "bad_body")


@anyio_test
async def test_a_body_is_never_unpacked_by_its_header(tmp_path: Path) -> None:
    """Content-Encoding is refused, so that nothing unpacks before we have looked."""
    fake = Fake(tmp_path)
    bomb = gzip.compress(b'{"query": "' + b"x" * (8 << 20) + b'"}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with serving(fake) as client:
        answer = await client.post("/api/v1/runs/search", data=bomb, headers=headers)
        assert answer.status in {413, 415}
    assert fake.views.asked == []


def test_a_slab_is_no_bomb() -> None:
    """A damaged or hostile pack unpacks to twice a slab at most."""
    big = zstandard.ZstdCompressor().compress(bytes(64 << 20))
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(SLAB_BYTES))
    before = peak_bytes()
    for slab in (big, unsized, b"", b"x" * 100):
        with pytest.raises(ValueError, match=r"slab|table|zstd|content size"):
            decompress(slab)
    assert peak_bytes() - before < 32 << 20


def test_points_of_a_server_are_no_bomb() -> None:
    """What a server answers as points unpacks to no more than came, whatever it claims."""
    packed, claimed, empty = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez_compressed(packed, steps=np.zeros(8 << 20))
    np.savez(claimed, steps=np.zeros(1))
    huge = claimed.getvalue().replace(b"(1,), }        ", b"(9999999999,), }", 1)
    np.savez(empty)
    before = peak_bytes()
    for data in (packed.getvalue(), huge, empty.getvalue(), b"", b"PK\x03\x04", b"\x93NUMPY\1\0"):
        with pytest.raises(ValueError, match=r"points|pickle|data|EOF"):
            read_points_page(data)
    assert peak_bytes() - before < 32 << 20


@anyio_test
async def test_what_is_too_large_is_413_and_says_what_to_do(tmp_path: Path) -> None:
    """A body over its bound is refused by its length, before it comes, with what to do instead."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        json = {"Content-Type": "application/json"}
        answer = await client.post(
            "/api/v1/runs/search", data=io.BytesIO(b" " * (BODY_BYTES_MAX + 1)), headers=json
        )
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")
        assert client.port is not None
        async with await anyio.connect_tcp("127.0.0.1", client.port) as connection:
            await connection.send(
                f"POST {SEGMENT}?offset=0&size=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                f"{BINARY}\r\nContent-Length: {PIECE_BYTES_MAX + 1}\r\n\r\n".encode()
            )
            told = await connection.receive()
        assert told.startswith(b"HTTP/1.1 413 ") and b"smaller pieces" in told
        answer = await client.post(SEGMENT, data=b"x", **shipped(PIECE_BYTES_MAX + 1))
        assert answer.status == 400
        chunked = await client.post(SEGMENT, data=_parts(), **shipped(1))
        assert chunked.status == 411


async def _parts() -> Any:
    yield b"x"


@anyio_test
async def test_bodies_wait_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that together would take more memory than there is for them are told to come later."""
    monkeypatch.setattr(cargo, "MEMORY_BYTES_MAX", 1000)
    async with serving(Fake(tmp_path)) as client:
        answer = await client.post(SEGMENT, data=b"x" * 600, **shipped(600))
        error = (await answer.json())["error"]
        assert (answer.status, error["code"]) == (429, "too_much_at_once")
        assert int(answer.headers["Retry-After"]) >= 1 and error["hint"]
    assert MEMORY_BYTES_MAX <= 1 << 30


def test_one_client_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends much, and slowly, has half of the room; it is given back when they are done."""
    monkeypatch.setattr(cargo, "MEMORY_BYTES_MAX", 1000)
    held = Cargo()
    with held.room(400, "slow"):
        with pytest.raises(ApiFailure), held.room(200, "slow"):
            pass
        with held.room(400, "other"), pytest.raises(ApiFailure), held.room(300, "third"):
            pass
    with held.room(500, "slow"):
        assert held._held == {"slow": 500}
    assert not held._held


@anyio_test
async def test_a_body_that_trickles_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends a byte now and then is let go, and its room given to others."""
    monkeypatch.setattr(cargo, "PIECE_S_MAX", 0.2)
    monkeypatch.setattr(route, "BODY_TIMEOUT_S", 0.2)
    async with serving(Fake(tmp_path)) as client:
        assert client.port is not None
        for address in (f"{SEGMENT}?offset=0&size=9", "/api/v1/runs/search"):
            kind = BINARY if "log" in address else "application/json"
            async with await anyio.connect_tcp("127.0.0.1", client.port) as connection:
                await connection.send(
                    f"POST {address} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
                    "Content-Length: 9\r\n\r\nx".encode()
                )
                with anyio.fail_after(20):
                    assert (await connection.receive()).startswith(b"HTTP/1.1 408 ")


def composed(fake: Fake, allowed: Allowance) -> Any:
    """Return an application that allows its clients no more than this."""

    async def reader() -> Any:
        return fake.views

    return compose(Composition(fake.layout, lambda: fake.supervisor, reader, allowance=allowed))


@anyio_test
async def test_a_client_that_asks_too_fast_is_told_to_wait(tmp_path: Path) -> None:
    """Beyond what one client may ask, the answer is 429, and says after how many seconds to ask."""
    now = 0.0
    allowed = Allowance(1.0, 0, clock=lambda: now)
    fake = Fake(tmp_path)
    async with serving(fake, app=composed(fake, allowed)) as client:
        for _ in range(11):  # ten seconds' worth in hand, and the one that uses it up
            assert (await client.get("/api/v1/tags")).status == 200
        answer = await client.get("/api/v1/tags")
        error = (await answer.json())["error"]
        assert (answer.status, error["code"]) == (429, "too_fast")
        assert error["hint"]
        now += int(answer.headers["Retry-After"])
        assert (await client.get("/api/v1/tags")).status == 200
        assert (await client.get("/api/v1/tags")).status == 429


@anyio_test
async def test_who_tries_tokens_is_told_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong and missing tokens have an allowance of their own; a good one goes on beside them."""
    monkeypatch.setattr("foldline_ui.gate.REFUSED_S_MAX", 0.5)
    layout = tenants(tmp_path / "store")
    await fold(layout)
    good = bearer(layout, "read")
    wrong = {"Authorization": f"Bearer {tokens.random_text('fld_')}"}
    session = "/api/v1/session"
    async with asking(layout) as client:
        first = [(await client.get(session, headers=wrong)).status for _ in range(3)]
        first += [(await client.get(session)).status for _ in range(3)]
        assert first == [401] * 6
        for asked in (
            client.get(session, headers=wrong),
            client.get(session),
            client.post(session, json={"token": "fld_x"}),
            client.get("/api/v1/login", params={"code": "x"}),
        ):
            answer = await asked
            assert (answer.status, (await answer.json())["error"]["code"]) == (429, "too_fast")
            assert int(answer.headers["Retry-After"]) > 0
        assert (await client.get(session, headers=good)).status == 200
    told = [event for event in events(layout) if event.what == "refused"]
    assert len(told) == 3  # those that were told to wait are not written down


def test_an_address_is_counted_with_those_that_its_machine_may_take() -> None:
    """A machine has a /64 of addresses of version 6, and would be new with each of them."""
    networks = {network_of(f"2001:db8::{number:x}") for number in range(5)}
    assert networks == {"2001:db8::/64"} != {network_of("2001:db8:0:1::1")}
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert (network_of("fe80::1%eth0"), network_of(None)) == ("fe80::/64", "")


def test_clients_do_not_use_up_what_is_others() -> None:
    """Each has an account; one that is over its own takes nothing from another's."""
    now = 0.0
    allowed = Allowance(10, 100_000, clock=lambda: now)
    assert sum(allowed.wait_s("greedy", 1) == 0 for _ in range(1000)) <= 101
    assert allowed.wait_s("modest", 1) == 0
    for _ in range(600):
        now += 0.1
        assert allowed.wait_s("modest", 8_000) == 0


def test_bytes_are_counted_in_any_pieces() -> None:
    """A large body is let in once, and waited for afterwards, so that none is refused for ever."""
    now = 0.0
    allowed = Allowance(0, 1000, clock=lambda: now)
    assert allowed.wait_s("one", 50_000) == 0
    wait = allowed.wait_s("one", 10_000)
    assert wait == pytest.approx(40)
    assert allowed.wait_s("one", 100) == 0  # a question: pages of the same address go on
    now += wait + 1
    assert allowed.wait_s("one", 10_000) == 0


def test_accounts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses ask, so many are remembered."""
    monkeypatch.setattr(allowance, "CLIENTS_MAX", 10)
    allowed = Allowance()
    for number in range(1000):
        assert allowed.wait_s(str(number), 1) == 0
    assert len(allowed._accounts) == 10


def test_what_is_allowed_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says what a client may; nonsense changes nothing, and 0 is no bound."""
    monkeypatch.setenv("FOLDLINE_CLIENT_REQUESTS_S", "0")
    monkeypatch.setenv("FOLDLINE_CLIENT_BYTES_S", "fast")
    allowed = Allowance.told()
    assert allowed.wait_s("one", 5 * allowance.BYTES_S_MAX) == 0
    assert sum(allowed.wait_s("two", 0) == 0 for _ in range(20_000)) == 20_000
    assert sum(allowed.wait_s("one", allowance.BYTES_S_MAX) == 0 for _ in range(50)) < 10


def test_a_shipper_waits_as_it_is_told_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is shipped faster than allowed is there in the end, whole and once."""
    monkeypatch.setenv("FOLDLINE_CLIENT_BYTES_S", "100000")
    monkeypatch.setattr("foldline.shipper.pace.WAIT_S_FIRST", 0.01)
    monkeypatch.setattr("foldline.shipper.pace.PIECE_BYTES_FIRST", 64 << 10)
    with foldline.Run(id="run1", store=tmp_path / "here", capture=False) as run:
        for step in range(40_000):
            run.track(step / 3, name="loss", step=step)
    with up(tmp_path / "there") as server:
        told = dispatch(Layout(tmp_path / "here"), remote_of(server.url), patience_s=60)
        assert (told.runs, told.trouble, told.refused) == (1, "", [])
    sent, found = segments(tmp_path / "here"), segments(tmp_path / "there")
    assert sent and {name: found[name] for name in sent} == sent


@anyio_test
async def test_listeners_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More streams than the server is built for are told to come later, with 503."""
    monkeypatch.setattr("foldline_ui.events.LISTENERS_MAX", 2)
    async with serving(Fake(tmp_path)) as client:
        streams = [await client.get("/api/v1/events") for _ in range(2)]
        answer = await client.get("/api/v1/events")
        assert (answer.status, (await answer.json())["error"]["code"]) == (
            503,
            "too_many_listeners",
        )
        assert int(answer.headers["Retry-After"]) > 0
        for stream in streams:
            stream.close()
        await asyncio.sleep(0)
