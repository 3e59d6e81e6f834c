"""What is answered when something is wrong."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from aiohttp import ClientResponse

from foldline.errors import StoreBusy, StoreTooNew
from foldline_ui import route
from foldline_ui.wire import ApiError, ErrorBody
from tests.ui.fakes import Fake, serving

pytestmark = pytest.mark.anyio
API = "/api/v1"


async def check(answer: ClientResponse, status: int, code: str) -> ApiError:
    """Assert the status and the code of an error answer, and return the error."""
    assert answer.status == status
    assert answer.content_type == "application/json"
    error = msgspec.json.decode(await answer.read(), type=ErrorBody).error
    assert error.code == code
    assert error.message
    return error


@pytest.mark.parametrize("path", ["runs/search", "series/search", "series/frames"])
async def test_a_wrong_query_is_answered_with_the_place(tmp_path: Path, path: str) -> None:
    """A query error carries the range of characters to underline, and what to type instead."""
    async with serving(Fake(tmp_path)) as client:
        answer = await client.post(f"{API}/{path}", json={"query": "run.x and wrong > 1"})
        error = await check(answer, 400, "bad_query")
    assert error.at == (10, 15)
    assert error.hint == "did you mean `run`?"


async def test_a_wrong_order_is_not_the_querys_fault(tmp_path: Path) -> None:
    """A field that can't be sorted by is named by its place in `sort`, and not in the query."""
    async with serving(Fake(tmp_path)) as client:
        sort = [{"by": "run.name"}, {"by": "run.("}]
        answer = await client.post(f"{API}/runs/search", json={"query": "", "sort": sort})
        error = await check(answer, 400, "bad_sort")
    assert error.message.startswith("sort[1]: ")
    assert error.at is None


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("runs/search", {"qurey": ""}, "qurey"),
        ("runs/search", {"limit": 0}, "$.limit"),
        ("runs/search", {"limit": 1001}, "$.limit"),
        ("runs/search", {"limit": "5"}, "$.limit"),
        ("runs/search", {"sort": [{"by": ""}]}, "$.sort"),
        ("runs/search", {"sort": [{"by": "x", "ascending": True}]}, "ascending"),
        ("runs/search", {"sort": [{"by": "run.x"}] * 9}, "$.sort"),
        ("runs/search", {"query": "x" * 4097}, "$.query"),
        ("runs/search", {"cursor": "x" * 16_385}, "$.cursor"),
        ("runs/search", [], "object"),
        ("series/search", {"limit": 10_001}, "$.limit"),
        ("series/search", {"cursor": ""}, "cursor"),
        ("series/frames", {}, "exactly one"),
        ("series/frames", {"query": "", "ids": [1]}, "exactly one"),
        ("series/frames", {"ids": [-1]}, "$.ids"),
        ("series/frames", {"ids": [1 << 32]}, "$.ids"),
        ("series/frames", {"query": "", "points": 1025}, "$.points"),
        ("series/frames", {"query": "", "points": 0}, "$.points"),
        ("series/frames", {"query": "", "x": "wall"}, "$.x"),
        ("series/frames", {"query": "", "range": [2, 1]}, "range"),
        ("series/frames", {"query": "", "range": [1]}, "$.range"),
        ("series/frames", {"query": "", "columns": []}, "$.columns"),
        ("series/frames", {"query": "", "columns": ["last", "last"]}, "columns"),
        ("series/frames", {"query": "", "columns": ["median"]}, "$.columns"),
    ],
)
async def test_a_request_out_of_bounds_is_refused(
    tmp_path: Path, path: str, body: Any, told: str
) -> None:
    """Unknown fields, wrong types and values out of bounds never reach the views."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        answer = await client.post(f"{API}/{path}", json=body)
        error = await check(answer, 400, "bad_request")
    assert told in error.message
    assert fake.views.asked == []


async def test_a_body_that_is_no_json_is_refused(tmp_path: Path) -> None:
    """Half a body is told from a wrong one."""
    async with serving(Fake(tmp_path)) as client:
        answer = await client.post(
            f"{API}/runs/search", data=b"{", headers={"Content-Type": "application/json"}
        )
        await check(answer, 400, "bad_json")


async def test_another_content_type_is_refused(tmp_path: Path) -> None:
    """A form of another page can't send JSON: that closes one door for forged requests."""
    async with serving(Fake(tmp_path)) as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            answer = await client.post(
                f"{API}/runs/search", data=b"{}", headers={"Content-Type": kind}
            )
            await check(answer, 415, "unsupported_media_type")


async def test_a_compressed_body_is_refused(tmp_path: Path) -> None:
    """A few bytes that unpack to gigabytes never get that far."""
    async with serving(Fake(tmp_path)) as client:
        answer = await client.post(f"{API}/runs/search", json={}, compress="deflate")
        await check(answer, 415, "unsupported_media_type")


async def test_a_large_body_is_refused(tmp_path: Path) -> None:
    """More than any good request needs is not read into memory."""
    async with serving(Fake(tmp_path)) as client:
        body = io.BytesIO(b'{"query": "' + b"x" * (2 << 20) + b'"}')
        answer = await client.post(
            f"{API}/runs/search", data=body, headers={"Content-Type": "application/json"}
        )
        await check(answer, 413, "too_large")


async def test_a_body_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who promises a body and sends none is answered in time, and let go."""
    monkeypatch.setattr(route, "BODY_TIMEOUT_S", 0.05)
    async with serving(Fake(tmp_path)) as client:
        assert client.port is not None
        with anyio.fail_after(10):
            async with await anyio.connect_tcp("127.0.0.1", client.port) as connection:
                await connection.send(
                    b"POST /api/v1/runs/search HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
                )
                answer = await connection.receive()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_run_that_is_not_there_is_404(tmp_path: Path) -> None:
    """A wrong id is told with a way to find the right one; a path in its place is only an id."""
    async with serving(Fake(tmp_path)) as client:
        for wrong in ("nope", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a%00b", "C:%5Cx"):
            answer = await client.get(f"{API}/runs/{wrong}")
            error = await check(answer, 404, "run_not_found")
            assert error.hint


@pytest.mark.parametrize("path", ["/api/v1/nope", "/api/v2/health", "/api", "/assets/nope.js"])
async def test_an_unknown_path_is_404(tmp_path: Path, path: str) -> None:
    """A path that nobody serves is not answered with a page."""
    async with serving(Fake(tmp_path)) as client:
        await check(await client.get(path), 404, "not_found")


async def test_another_method_is_405(tmp_path: Path) -> None:
    """Who uses a wrong method is told the right one; nothing answers a CORS preflight."""
    async with serving(Fake(tmp_path)) as client:
        answer = await client.delete(f"{API}/runs/search")
        error = await check(answer, 405, "method_not_allowed")
        assert "POST" in answer.headers["Allow"]
        assert error.hint
        assert "POST" in error.hint
        await check(await client.options(f"{API}/runs/search"), 405, "method_not_allowed")
        await check(await client.get(f"{API}/series/frames"), 405, "method_not_allowed")
        await check(await client.post(f"{API}/health"), 405, "method_not_allowed")


async def test_a_mistake_of_ours_is_500_with_an_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets a number, and only the log what lies behind it."""
    fake = Fake(tmp_path)
    fake.views.failure = RuntimeError("the inside of the server")
    async with serving(fake) as client:
        with caplog.at_level(logging.ERROR):
            answer = await client.post(f"{API}/runs/search", json={})
            error = await check(answer, 500, "internal")
    number = error.message.rpartition(" ")[2]
    assert len(number) == 8
    assert number in caplog.text
    assert "the inside of the server" in caplog.text
    assert "inside" not in (await answer.text())


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (StoreBusy("being rebuilt", hint="wait"), "store_busy"),
        (StoreTooNew("format 9", hint="upgrade"), "store_too_new"),
    ],
)
async def test_a_store_that_cannot_be_read_is_503(
    tmp_path: Path, failure: Exception, code: str
) -> None:
    """What is the store's trouble and not the request's is told as such, with its hint."""
    fake = Fake(tmp_path)
    fake.views.failure = failure
    async with serving(fake) as client:
        answer = await client.post(f"{API}/runs/search", json={})
        error = await check(answer, 503, code)
    assert error.hint
