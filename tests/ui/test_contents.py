"""What the routes about lines, messages, values and blobs answer."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from foldline import blobs
from foldline_ui.routes.blobs import SHOWN
from foldline_views.contents import HitsRequest, LinesRequest, MessagesRequest, ValuesRequest
from tests.ui.fakes import Fake, serving

pytestmark = pytest.mark.anyio
PAGE = b"<script>parent.document.title = 'owned'</script>"


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("lines", LinesRequest()),
        (
            "lines?from=-7&rank=2&writer=w1&stream=stderr&limit=9",
            LinesRequest("w1", 2, "stderr", -7, None, 9),
        ),
        ("lines?at=17.5", LinesRequest(at=17.5)),
        ("lines/search?text=a%20b&limit=5", HitsRequest("a b", limit=5)),
        ("messages?level=30&newest=true&cursor=x", MessagesRequest(30, "x", True)),
        (
            'values?kind=image&context={"a":1}&from_step=-1&to_step=1e3&each=2',
            ValuesRequest("image", None, {"a": 1}, -1.0, 1e3, False, 2),
        ),
        ("step?at=17.5", (17.5, None)),
        ("step?at=-1&series=7", (-1.0, 7)),
        ("values?newest=false&name=a/b%26c", ValuesRequest(name="a/b&c")),
    ],
)
async def test_what_is_asked_reaches_the_views(tmp_path: Path, address: str, asked: object) -> None:
    """What stands behind the question mark is read by type and name."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        answer = await client.get(f"/api/v1/runs/0k1/{address}")
        assert answer.status == 200, await answer.text()
    assert fake.views.asked == [("0k1", asked)]


@pytest.mark.parametrize(
    "address",
    [
        "lines?form=1",  # misspelt
        "lines?from=1&from=2",
        "lines?from=1&at=2",
        "lines?from=x",
        "lines?limit=0",
        "lines?limit=5001",
        "lines?at=nan",
        "lines?stream=both",
        f"lines?writer={'w' * 1001}",
        "lines/search",
        "lines/search?text=",
        f"lines/search?text={'x' * 257}",
        "step",
        "step?at=inf",
        "step?at=1&series=-1",
        "messages?level=-1",
        "messages?newest=maybe",
        "values?context=[1]",
        "values?context={",
        "values?from_step=inf",
        "values?each=0",
    ],
)
async def test_a_wrong_question_is_told_as_such(tmp_path: Path, address: str) -> None:
    """A name that is unknown or there twice, and a value that is none, are errors with a hint."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        answer = await client.get(f"/api/v1/runs/0k1/{address}")
        error = (await answer.json())["error"]
    assert answer.status == 400 and error["code"] in {"bad_request", "bad_json"}
    assert fake.views.asked == []


async def test_values_of_many_runs_are_asked_by_query(tmp_path: Path) -> None:
    """A search takes the query and the choice of values; a wrong query says where."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        body: dict[str, Any] = {"query": "run.archived", "kind": "text", "context": {"a": 1}}
        assert (await client.post("/api/v1/values/search", json=body)).status == 200
        wrong = await client.post("/api/v1/values/search", json={"query": "wrong"})
        assert (wrong.status, (await wrong.json())["error"]["at"]) == (400, [0, 5])
    assert fake.views.asked[0] == ("run.archived", ValuesRequest("text", None, {"a": 1}))


@pytest.mark.parametrize("size", [0, 1, 256 << 10, 3_000_001])
async def test_a_blob_comes_whole_and_may_be_kept(tmp_path: Path, size: int) -> None:
    """Bytes of any size arrive as they are; who has them is told that they still hold."""
    fake = Fake(tmp_path)
    data = bytes(range(251)) * (size // 251) + bytes(size % 251)
    digest = blobs.put(fake.layout, data)
    async with serving(fake) as client:
        answer = await client.get(f"/api/v1/blobs/{digest}?type=image/png")
        assert await answer.read() == data
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert answer.headers["ETag"] == f'"{digest}"'
        assert "immutable" in answer.headers["Cache-Control"]
        again = await client.get(
            f"/api/v1/blobs/{digest}", headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert (again.status, await again.read()) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=-50", 206, b"0123456789"),
        ("bytes=8-50", 206, b"89"),
        ("bytes=10-", 416, None),
        ("bytes=3-1", 200, b"0123456789"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
async def test_a_range_of_a_blob(
    tmp_path: Path, asked: str, status: int, expected: bytes | None
) -> None:
    """A player gets the part that it asks for; what is no single range is answered whole."""
    fake = Fake(tmp_path)
    digest = blobs.put(fake.layout, b"0123456789")
    async with serving(fake) as client:
        answer = await client.get(f"/api/v1/blobs/{digest}", headers={"Range": asked})
        body = await answer.read()
        assert answer.status == status
        if status == 206 and expected:
            end = 10 - len(expected) if asked.endswith("-") or "=-" in asked else None
            place = answer.headers["Content-Range"]
            assert place.endswith("/10") and (end is None or place.startswith(f"bytes {end}-9"))
        if status == 416:
            assert answer.headers["Content-Range"] == "bytes */10"
        else:
            assert body == expected
        other = {"Range": asked, "If-Range": '"of something else"'}
        whole = await client.get(f"/api/v1/blobs/{digest}", headers=other)
        assert (whole.status, await whole.read()) == (200, b"0123456789")


@pytest.mark.parametrize("kind", [*SHOWN, "text/javascript", "application/pdf", "", "x\r\ny: z"])
async def test_no_blob_can_act_for_us(tmp_path: Path, kind: str) -> None:
    """Whatever a blob is shown as, it has no origin, reaches nothing, and is not guessed at."""
    fake = Fake(tmp_path)
    digest = blobs.put(fake.layout, PAGE)
    async with serving(fake) as client:
        answer = await client.get(f"/api/v1/blobs/{digest}", params={"type": kind})
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["frame-ancestors"] == ["'self'", "http://127.0.0.1:*", "http://localhost:*"]
    assert "allow-same-origin" not in rules["sandbox"]
    if kind == "text/html":
        assert rules["connect-src"] == ["'none'"] and rules["sandbox"] == ["allow-scripts"]
    else:
        assert rules["sandbox"] == [] and rules["default-src"] == ["'none'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if kind in SHOWN:
        assert answer.headers["Content-Disposition"] == "inline"
    else:
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"
    assert "y" not in answer.headers


@pytest.mark.parametrize(
    "name",
    [
        "..%2F..%2Fstore.json",
        "..%2fstore.json",
        "%2e%2e",
        "a" * 63,
        "A" * 64,
        "g" * 64,
        "a" * 64 + "%00",
        "a" * 64 + "%0a",
        "%5c..%5cx",
    ],
)
async def test_no_name_leads_out_of_the_blobs(tmp_path: Path, name: str) -> None:
    """Only 64 small hex digits name a blob; anything else never becomes a path."""
    async with serving(Fake(tmp_path)) as client:
        address = URL(f"{client.make_url('/')}api/v1/blobs/{name}", encoded=True)
        answer = await client.session.get(address)
        assert answer.status in {400, 404}
        assert (await answer.json())["error"]["code"] in {"bad_digest", "not_found"}


async def test_what_is_no_whole_blob_is_not_there(tmp_path: Path) -> None:
    """A digest that nothing has, a link to elsewhere and a folder are all no blobs."""
    fake = Fake(tmp_path)
    digests = [hashlib.sha256(word).hexdigest() for word in (b"none", b"link", b"folder")]
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for digest in digests:
        fake.layout.blob(digest).parent.mkdir(parents=True, exist_ok=True)
    fake.layout.blob(digests[1]).symlink_to(secret)
    fake.layout.blob(digests[2]).mkdir()
    async with serving(fake) as client:
        for digest in digests:
            answer = await client.get(f"/api/v1/blobs/{digest}")
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "blob_not_found"
