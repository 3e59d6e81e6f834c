"""Rule 11: silent connections keep nobody waiting."""

from __future__ import annotations

import logging
import resource
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from aiohttp import web

from foldline import blobs
from foldline_ui import connections, serving
from foldline_ui.certificate import context_of
from foldline_ui.connections import Connections
from foldline_ui.parts import CONNECTIONS
from tests.remote.servers import certify
from tests.ui.fakes import Fake
from tests.ui.processes import up

anyio_test = pytest.mark.anyio
log = logging.getLogger(__name__)
HEAD = b"GET /api/v1/tags HTTP/1.1\r\nHost: localhost\r\n"


@asynccontextmanager
async def served(
    fake: Fake, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, Connections]]:
    """Serve the fake as `foldline up` does, but for its end; give its port and its connections."""
    app = fake.app()
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, keepalive_timeout=connections.IDLE_S_MAX
    )
    listening = serving.bind("127.0.0.1", 0)
    await runner.setup()
    server = await serving.listen(runner, listening, tls)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serving._watch, runner)
            yield listening.getsockname()[1], app[CONNECTIONS]
            tasks.cancel_scope.cancel()
    finally:
        server.close()
        await runner.cleanup()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the server impatient."""
    monkeypatch.setattr(connections, "HEAD_S_MAX", 0.3)
    monkeypatch.setattr(serving, "HANDSHAKE_S_MAX", 0.3)
    monkeypatch.setattr(connections, "STALLED_S_MAX", 0.5)
    monkeypatch.setattr(connections, "LOOK_S", 0.05)
    monkeypatch.setattr(connections, "IDLE_S_MAX", 0.3)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    with anyio.fail_after(20):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def ended(connection: anyio.abc.SocketStream) -> bytes:
    """Return what comes until the other end hangs up."""
    data = b""
    with anyio.fail_after(20):
        try:
            while True:
                data += await connection.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return data


@anyio_test
@pytest.mark.parametrize("said", [b"", b"GET", HEAD, HEAD + b"X: " + b"x" * 1000, b"\r\n\r\n"])
async def test_who_asks_nothing_is_let_go(tmp_path: Path, hurried: None, said: bytes) -> None:
    """A connection without a whole head, or with none at all, is closed after its time."""
    async with (
        served(Fake(tmp_path)) as (port, _),
        await anyio.connect_tcp("127.0.0.1", port) as connection,
    ):
        if said:
            await connection.send(said)
        await ended(connection)


@anyio_test
async def test_who_begins_no_encryption_is_let_go(tmp_path: Path, hurried: None) -> None:
    """Over TLS, too: without a handshake, with half of one, and with one and nothing more."""
    tls = context_of(*certify(tmp_path))
    whole = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        whole.wrap_bio(coming, going, server_hostname="localhost").do_handshake()
    hello = going.read()
    async with served(Fake(tmp_path), tls) as (port, _):
        for said in (b"", hello[:50], hello):
            async with await anyio.connect_tcp("127.0.0.1", port) as connection:
                if said:
                    await connection.send(said)
                assert bool(await ended(connection)) == (said == hello)
        async with await anyio.connect_tcp(
            "127.0.0.1", port, tls_hostname="localhost", ssl_context=whole
        ) as encrypted:
            with anyio.fail_after(20), suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await encrypted.receive()


@anyio_test
async def test_who_trickles_a_head_is_let_go(tmp_path: Path, hurried: None) -> None:
    """A byte now and then gains no time: what counts is when the head is whole."""
    async with (
        served(Fake(tmp_path)) as (port, _),
        await anyio.connect_tcp("127.0.0.1", port) as connection,
    ):
        await connection.send(HEAD + b"X: ")
        with anyio.fail_after(20), suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                await connection.send(b"x")
                with anyio.move_on_after(0.02):
                    await connection.receive()


@anyio_test
async def test_who_asked_once_is_let_go_when_idle(tmp_path: Path, hurried: None) -> None:
    """After an answer a connection may wait for so long; a head that never ends is no more."""
    async with served(Fake(tmp_path)) as (port, _):
        for after in (b"", HEAD):
            async with await anyio.connect_tcp("127.0.0.1", port) as connection:
                await connection.send(HEAD + b"\r\n")
                assert (await connection.receive()).startswith(b"HTTP/1.1 200 ")
                if after:
                    await connection.send(after)
                await ended(connection)


@anyio_test
async def test_who_takes_nothing_is_let_go(tmp_path: Path, hurried: None) -> None:
    """An answer that nobody reads is given up, and what it held is given back."""
    fake = Fake(tmp_path)
    digest = blobs.put(fake.layout, bytes(32 << 20))
    async with served(fake) as (port, known):
        with socket.socket() as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            asking.connect(("127.0.0.1", port))
            asking.sendall(HEAD.replace(b"tags", f"blobs/{digest}".encode()) + b"\r\n")
            await until(lambda: bool(known._heard))
            await until(lambda: not known._heard)


@anyio_test
async def test_too_many_make_room_for_those_that_ask(tmp_path: Path, hurried: None) -> None:
    """Beyond the bound those that have asked nothing go first, the oldest of them."""
    async with served(Fake(tmp_path)) as (port, known):
        known.limit = 20
        with ExitStack() as stack:
            mute = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                for _ in range(60)
            ]
            async with await anyio.connect_tcp("127.0.0.1", port) as connection:
                await connection.send(HEAD + b"\r\n")
                with anyio.fail_after(20):
                    assert (await connection.receive()).startswith(b"HTTP/1.1 200 ")
            assert mute


def crowd(server_port: int, wanted: int, stack: ExitStack) -> int:
    """Open so many silent connections, or as many as the system gives; return how many."""
    for number in range(wanted):
        try:
            stack.enter_context(socket.create_connection(("127.0.0.1", server_port), 10))
        except OSError:
            return number
    return wanted


def flood(store: Path, wanted: int) -> None:
    """Hold connections open, and see that others are answered all the while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with up(store) as server, ExitStack() as stack:
            server.wait_until_live()
            held = crowd(server.port, wanted, stack)
            assert held >= min(wanted, hard // 2)
            worst = 0.0
            for _ in range(20):
                began = time.perf_counter()
                server.ask("tags")
                worst = max(worst, time.perf_counter() - began)
            log.info("%d silent connections; slowest of 20: %.1f ms", held, worst * 1000)
            assert worst < 2.0
            stack.close()
            assert server.stop(signal.SIGTERM) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_silent_connections_disturb_nobody(tmp_path: Path) -> None:
    """A server with a thousand connections that ask nothing answers others, and ends in time."""
    flood(tmp_path / "store", 1_000)


@pytest.mark.long
def test_ten_thousand_silent_connections_disturb_nobody(tmp_path: Path) -> None:
    """The same with ten thousand, or as many as half of the descriptors that there are."""
    flood(tmp_path / "store", 10_000)


def test_the_system_is_asked_for_descriptors() -> None:
    """The server takes what the system allows, and leaves some of it for files."""
    known = Connections()
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert 0 < known.limit < soft
