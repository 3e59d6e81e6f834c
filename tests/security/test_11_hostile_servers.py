"""Rule 11: what a server sends is bounded."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from foldline import blobs
from foldline.errors import FoldlineError, ServerRefused
from foldline_views import api as api_module
from foldline_views import servedruns
from foldline_views.api import Api
from foldline_views.contents import MessagesPage
from foldline_views.servedruns import Fetched

PIECE = 1000
DATA = bytes(range(256)) * 10
DIGEST = hashlib.sha256(DATA).hexdigest()

Answer = Callable[[int, int], tuple[bytes, str]]
"""From what is asked for, the body and what its Content-Range says."""


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, list[int]]]:
    """Serve as it pleases, and give its address and the places that it was asked for."""
    asked: list[int] = []

    class Hostile(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            start, last = map(int, re.findall(r"\d+", self.headers["Range"]))
            asked.append(start)
            body, span = answer(start, last + 1)
            self.send_response(206)
            self.send_header("Content-Range", span)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}", asked
        finally:
            serving.shutdown()
            thread.join()


def span(start: int, body: bytes, size: object) -> str:
    return f"bytes {start}-{start + len(body) - 1}/{size}"


def honest(start: int, end: int) -> tuple[bytes, str]:
    return DATA[start:end], span(start, DATA[start:end], len(DATA))


def endless(start: int, end: int) -> tuple[bytes, str]:
    body = bytes(end - start)
    return body, span(start, body, end + 1)


def enormous(start: int, end: int) -> tuple[bytes, str]:
    body = bytes(end - start)
    return body, span(start, body, 1 << 60)


def too_much(start: int, end: int) -> tuple[bytes, str]:
    body = bytes(100 << 20)
    return body, span(start, body, len(body))


def nothing(start: int, end: int) -> tuple[bytes, str]:
    return b"", span(start, b"x", len(DATA))


def unsized(start: int, end: int) -> tuple[bytes, str]:
    return DATA[start:end], span(start, DATA[start:end], "*")


def elsewhere(start: int, end: int) -> tuple[bytes, str]:
    return DATA[start:end], span(start + 1, DATA[start:end], len(DATA))


def other_bytes(start: int, end: int) -> tuple[bytes, str]:
    body = bytes(len(DATA[start:end]))
    return body, span(start, body, len(DATA))


def test_a_blob_is_fetched_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as long as was said at first, and its bytes are those that its name says."""
    monkeypatch.setattr(servedruns, "BLOB_PIECE_BYTES", PIECE)
    with server(honest) as (url, asked):
        fetched = Fetched.of(api := Api(url), tmp_path)
        assert fetched.blob(DIGEST).read_bytes() == DATA
        assert blobs.read(fetched, DIGEST) == DATA
        api.close()
    assert asked == [0, 1000, 2000]


@pytest.mark.parametrize(
    "answer", [endless, enormous, too_much, nothing, unsized, elsewhere, other_bytes]
)
def test_a_hostile_server_sends_no_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """Whatever it says, it is asked a few times, nothing is kept, and the error says why."""
    monkeypatch.setattr(servedruns, "BLOB_PIECE_BYTES", PIECE)
    with server(answer) as (url, asked):
        fetched = Fetched.of(api := Api(url), tmp_path)
        with pytest.raises(FoldlineError) as caught:
            fetched.blob(DIGEST)
        api.close()
    assert isinstance(caught.value, ServerRefused) and caught.value.hint
    assert len(asked) <= 3
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_answer_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that always has one page more is asked for so many, and no more."""
    monkeypatch.setattr(api_module, "PAGES_MAX", 3)
    asked: list[object] = []

    def ask(path: str, answer: type[MessagesPage], **said: object) -> MessagesPage:
        asked.append(said.get("cursor"))
        return MessagesPage([], 0, {}, str(len(asked)), 0)

    with pytest.raises(ServerRefused, match="has no end"):
        list(Api("http://127.0.0.1:1").pages(ask, "runs/x/messages", MessagesPage))
    assert asked == [None, "1", "2"]
