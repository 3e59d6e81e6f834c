"""The pieces of a log over HTTP."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import Any

import pytest
import zstandard

import foldline
from foldline.layout import Layout
from foldline_ui import cargo
from foldline_ui.shipments import PIECE_BYTES_MAX
from tests.ui.fakes import Client, Fake, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The server runs on asyncio, as aiohttp does."""
    return "asyncio"


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """The address and the bytes of a segment."""
    folder = tmp_path_factory.mktemp("there")
    with foldline.Run(id="run1", store=folder, capture=False) as run:
        run.track(0.5, name="loss", step=1)
    (file,) = (folder / "runs/run1/log").iterdir()
    return f"/api/v1/log/run1/{file.stem}", file.read_bytes()


async def post(
    client: Client, path: str, body: bytes, data: bytes, **words: Any
) -> tuple[int, Any]:
    """Ship `data`, packed as `body`; return the status and the answer."""
    asked = {"offset": 0, "size": len(data), "crc": zlib.crc32(data)} | words
    async with client.post(
        path,
        data=io.BytesIO(body),
        params=asked,
        headers={"Content-Type": "application/octet-stream"},
    ) as answer:
        return answer.status, await answer.json()


async def test_pieces_are_taken_however_they_are_packed(
    tmp_path: Path, sent: tuple[str, bytes]
) -> None:
    """A body may be plain, gzip or zstd, and sent again it is no more than it was."""
    path, data = sent
    async with serving(Fake(tmp_path)) as client:
        half = data[:128]
        status, told = await post(client, path, gzip.compress(half), half, coding="gzip")
        assert (status, told["logged"]) == (200, 128)
        packed = zstandard.compress(data)
        status, told = await post(
            client, path, packed, data, coding="zstd", ended="true", whole=zlib.crc32(data)
        )
        assert (status, told["durable"], told["ended"]) == (200, len(data), True)
        status, told = await post(client, path, data, data)
        assert (status, told["logged"]) == (200, len(data))
        async with client.get(path) as answer:
            assert (await answer.json())["durable"] == len(data)
    (file,) = (tmp_path / "store/runs/run1/log").iterdir()
    assert file.read_bytes() == data


async def test_what_the_way_changed_is_not_logged(tmp_path: Path, sent: tuple[str, bytes]) -> None:
    """A body of another size or checksum, or one that unpacks to more, is refused whole."""
    path, data = sent
    bomb = zstandard.compress(bytes(1 << 24))
    async with serving(Fake(tmp_path)) as client:

        async def check(body: bytes, code: str, status: int = 400, **words: Any) -> None:
            got, told = await post(client, path, body, data, **words)
            assert (got, told["error"]["code"]) == (status, code)

        await check(data[:-1] + b"?", "bad_body")
        await check(data[:-32], "bad_body")
        await check(bomb, "bad_body", coding="zstd")
        await check(gzip.compress(bytes(1 << 20)), "bad_body", coding="gzip")
        await check(b"no such thing", "bad_body", coding="zstd")
        await check(b"no such thing", "bad_body", coding="gzip")
        await check(data, "bad_request", coding="brotli")
        await check(data, "bad_request", offset=-1)
        await check(data, "bad_request", size=1 << 30)
        await check(bytes(PIECE_BYTES_MAX + 1), "too_large", 413)
        status, told = await post(client, "/api/v1/log/%2e%2e/x", data, data)
        assert (status, told["error"]["code"]) in {(400, "bad_segment"), (404, "not_found")}
        status, told = await post(client, "/api/v1/log/a%2Fb/x", data, data)
        assert (status, told["error"]["code"]) in {(400, "bad_segment"), (404, "not_found")}
    assert not list((tmp_path / "store/runs").glob("**/*"))


async def test_who_sends_while_memory_is_full_is_told_to_wait(
    tmp_path: Path, sent: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its share of memory the server takes no body, and says when to try again."""
    path, data = sent
    monkeypatch.setattr(cargo, "MEMORY_BYTES_MAX", len(data))
    async with serving(Fake(tmp_path)) as client:
        status, told = await post(client, path, data, data)
        assert (status, told["error"]["code"]) == (429, "too_much_at_once")
        monkeypatch.undo()
        assert (await post(client, path, data, data))[0] == 200


async def test_blobs_are_asked_for_and_taken(tmp_path: Path) -> None:
    """The server names the blobs that it lacks, and keeps one that comes in pieces."""
    data = b"some bytes" * 100
    digest = hashlib.sha256(data).hexdigest()
    async with serving(Fake(tmp_path)) as client:
        async with client.post("/api/v1/blobs/lacking", json={"digests": [digest]}) as answer:
            assert await answer.json() == {"lacking": [digest]}
        path = f"/api/v1/blobs/{digest}"
        half, rest = data[:500], data[500:]
        assert await post(client, path, half, half, whole=1000) == (200, {"received": 500})
        told = await post(client, path, rest, rest, offset=500, whole=1000)
        assert told == (200, {"received": 1000})
    assert Layout(tmp_path / "store").blob(digest).read_bytes() == data
