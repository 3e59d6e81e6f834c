"""A way to a server on which everything goes wrong.

What goes wrong follows from a seed: a test that fails can be run again.
"""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from contextlib import closing, suppress
from types import TracebackType
from typing import Self

__all__ = ["FAULTS", "Chaos"]

# What may befall a request: each is drawn from these, most often nothing.
FAULTS = (
    "cut request",  # the server gets a part of it
    "drop answer",  # the server has done it, and nobody hears
    "cut answer",
    "reset",  # before the server hears of it
    "half-open",  # nothing comes back, and nobody hangs up
    "duplicate",  # the server gets it twice
    "late",  # an earlier one comes once more, behind later ones
    "delay",
)
HALF_OPEN_S = 1.0  # how long a connection is held that leads nowhere
DELAY_S = 0.05
KEPT_MAX = 20  # earlier requests that may come once more


class Chaos:
    """A proxy of HTTP on loopback, one thread for each connection."""

    def __init__(self, port: int, seed: int, *, fault_share: float = 0.4) -> None:
        self.met: Counter[str] = Counter()
        self._port = port
        self._chance = random.Random(seed)
        self._share = fault_share
        self._kept: list[bytes] = []
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        """Where to ask in place of the server."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                asking, _ = self._listening.accept()
                asking.settimeout(10)
                thread = threading.Thread(target=self._serve, args=(asking,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, asking: socket.socket) -> None:
        with closing(asking), suppress(OSError, ValueError):
            while not self._over.is_set():
                request = _message(asking)
                if not request or not self._hand_on(asking, request):
                    return

    def _hand_on(self, asking: socket.socket, request: bytes) -> bool:
        """Hand a request on, somehow; say whether the connection is to be used again."""
        fault = self._chance.choice(FAULTS) if self._chance.random() < self._share else ""
        self.met[fault] += 1
        if fault == "reset":
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        if fault == "half-open":
            self._over.wait(HALF_OPEN_S)
            return False
        if fault == "cut request":
            cut = self._chance.randrange(len(request))
            with suppress(OSError), closing(self._connect()) as server:
                server.sendall(request[:cut])
            return False
        if fault == "late" and self._kept:
            self._ask(self._chance.choice(self._kept))
        if fault == "duplicate":
            self._ask(request)
        if fault == "delay":
            self._over.wait(DELAY_S)
        self._kept = [*self._kept[-KEPT_MAX:], request]
        answer = self._ask(request)
        if fault == "drop answer":
            return False
        if fault == "cut answer":
            asking.sendall(answer[: self._chance.randrange(len(answer) + 1)])
            return False
        asking.sendall(answer)
        return bool(answer)

    def _ask(self, request: bytes) -> bytes:
        with closing(self._connect()) as server:
            server.sendall(request)
            return _message(server)

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), 10)


def _message(source: socket.socket) -> bytes:
    """Return one whole request or answer, b"" at the end of a connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = source.recv(65_536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        more = source.recv(65_536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body
