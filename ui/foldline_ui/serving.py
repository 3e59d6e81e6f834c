"""The server's life, from a bound socket to the last answer."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import ssl
import sys
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable

import anyio
from aiohttp import web

from .connections import IDLE_S_MAX
from .ending import end_soon, let_answer
from .errors import HostRefused, PortTaken
from .guard import is_loopback
from .parts import CONNECTIONS

__all__ = ["address", "bind", "listen", "names_here", "serve"]

EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- to tell them from one address
# Of an address: a text of the greatest length that a route takes, each of its 4,096 characters as
# the twelve bytes that it may become in one. More would be memory that anybody may ask for.
ADDRESS_BYTES_MAX = 64 << 10
PORTS_TRIED_MAX = 100  # ports looked at for one that is free
HANDSHAKE_S_MAX = 10.0  # of TLS, two ways there and back: as long as a whole question may take
# Of each connection, from its first moment on. asyncio's own 256 KiB were 2.5 GB for ten thousand
# that say nothing, and hardly faster.
TLS_BUFFER_BYTES = 32 << 10
BACKLOG = 128  # connections that may wait while the loop is busy: a browser opens six
# The thread that answers waits this long at most for one that computes; Python's own 5 ms were
# measured to turn a read of 1.4 ms into 1.2 s, as it is paid once for each row.
SWITCH_INTERVAL_S = 0.0005
# What was not answered in its time is cut off, which takes a turn of the loop.
SHUTDOWN_S = 0.1


def bind(host: str, port: int, *, asks: bool = False) -> socket.socket:
    """Return a socket that listens at `host` and `port`; port 0 is any free one.

    `asks` says that the server lets in only who shows a token. Raises HostRefused if others could
    reach it without, PortTaken with a port that is free.
    """
    if not asks and not is_loopback(host):
        raise HostRefused(
            f"Foldline does not listen at {host} without a token: everyone on the network could "
            "read all runs",
            hint="foldline token create --scope admin; or leave --host away, and from elsewhere: "
            f"ssh -L {port}:127.0.0.1:{port} this-machine",
        )
    try:
        return _listen(host, port)
    except OverflowError:
        raise PortTaken(f"{port} is no port", hint="ports are 1 to 65535; 0 is any") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} is in use by another program", hint=_advice(host, port)
            ) from error
        if error.errno == errno.EACCES:
            raise PortTaken(
                f"port {port} is for the system alone", hint="choose one above 1023"
            ) from error
        raise HostRefused(
            f"can't listen at {host}: {error.strerror}", hint="leave --host away"
        ) from error


def names_here(host: str) -> frozenset[str]:
    """Return this machine's names, if a server at `host` listens at all of its addresses."""
    if host.strip("[]") not in EVERYWHERE:
        return frozenset()
    return frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})


def address(listening: socket.socket, *, scheme: str = "http", name: str = "") -> str:
    """Return the URL that a bound socket is reached at, by a name if it has one."""
    host, port = listening.getsockname()[:2]
    if name or host in EVERYWHERE:
        host = name or socket.gethostname()
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"


async def serve(
    app: web.Application,
    listening: socket.socket,
    ready: Callable[[], None],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM comes; call `ready` once requests are answered."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,  # who goes away needs no answer
        keepalive_timeout=IDLE_S_MAX,
        max_line_size=ADDRESS_BYTES_MAX,
        shutdown_timeout=SHUTDOWN_S,
    )
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        server: asyncio.Server | None = None
        try:
            await runner.setup()
            server = await listen(runner, listening, tls)
            ready()
            async with anyio.create_task_group() as watching:
                watching.start_soon(_watch, runner)
                async for _ in signals:
                    end_soon()
                    break
                watching.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await let_answer(runner.app, server)
                await runner.cleanup()


async def listen(
    runner: web.AppRunner, listening: socket.socket, tls: ssl.SSLContext | None = None
) -> asyncio.Server:
    """Take connections, and hand them to the server of a runner that is set up.

    aiohttp's own sites give a handshake of TLS a minute. Until it is done a connection is none
    that we see.
    """
    assert runner.server is not None
    SSLProtocol.max_size = TLS_BUFFER_BYTES
    return await asyncio.get_running_loop().create_server(
        runner.server,
        sock=listening,
        backlog=BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=HANDSHAKE_S_MAX if tls else None,
        ssl_shutdown_timeout=HANDSHAKE_S_MAX if tls else None,
    )


async def _watch(runner: web.AppRunner) -> None:
    if runner.server is not None:
        await runner.app[CONNECTIONS].watch(runner.server)


def _listen(host: str, port: int) -> socket.socket:
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A server that was just stopped leaves the port in TIME_WAIT; nobody listens there.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except BaseException:
        # Whatever went wrong is the caller's to see; the socket is ours to close.
        listening.close()
        raise
    return listening


def _advice(host: str, port: int) -> str:
    for free in range(port + 1, min(port + 1 + PORTS_TRIED_MAX, 65536)):
        try:
            _listen(host, free).close()
        except OSError:
            continue
        return f"foldline up --port {free}"
    return "foldline up --port 0 picks any that is free"
