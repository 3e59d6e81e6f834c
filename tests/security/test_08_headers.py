"""Rule 8: every answer says what browsers may do."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import ClientResponse

from foldline import blobs
from tests.security.doors import PAGES, doors
from tests.ui.fakes import Fake, serving

pytestmark = pytest.mark.anyio


def policy(answer: ClientResponse) -> dict[str, list[str]]:
    """Return the directives of an answer's content policy."""
    rules = [rule.split() for rule in answer.headers["Content-Security-Policy"].split(";")]
    assert len({rule[0] for rule in rules}) == len(rules)  # of two only the first would count
    return {rule[0]: rule[1:] for rule in rules}


def assert_fenced(answer: ClientResponse) -> None:
    """Check what holds for every answer, whatever it is."""
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Server" not in answer.headers
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert set(policy(answer)["frame-ancestors"]) <= {
        "'self'", "'none'", "http://127.0.0.1:*", "http://localhost:*",
    }  # fmt: skip


def assert_no_strange_script(answer: ClientResponse) -> None:
    """Check that only scripts of the bundle run, and no text becomes one."""
    rules = policy(answer)
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == ["'self'"]
    assert rules["style-src"] == ["'self'"]
    assert rules["connect-src"] == ["'self'"]
    assert rules["frame-src"] == ["'self'"]
    assert rules["base-uri"] in (["'self'"], ["'none'"])
    assert rules["form-action"] in (["'self'"], ["'none'"])
    assert rules["require-trusted-types-for"] == ["'script'"]
    assert "'allow-duplicates'" not in rules["trusted-types"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "*" not in [word for rule in rules.values() for word in rule]
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_every_answer_of_the_api_is_fenced_in(tmp_path: Path) -> None:
    """Answers, errors and streams of every route have the whole set of headers."""
    async with serving(Fake(tmp_path)) as client:
        for door in doors():
            for path in (door.path, f"{door.path}?nope=1"):
                async with client.request(
                    door.method, path, data=door.body, headers=door.headers
                ) as answer:
                    assert_fenced(answer)
                    if "sandbox" not in policy(answer):
                        assert_no_strange_script(answer)
                    else:
                        assert door.path.endswith(("/frame", "a" * 64)), door
                if door.path.endswith("/events"):
                    break  # what it is asked is not looked at


async def test_every_page_and_error_is_fenced_in(tmp_path: Path) -> None:
    """Pages, and what is answered before any route, have them too."""
    bundle = tmp_path / "bundle"
    (bundle / "assets").mkdir(parents=True)
    (bundle / "index.html").write_text("<p>the app")
    (bundle / "assets/a.js").write_text("1")
    others = [("GET", "/assets/a.js"), ("POST", "/"), ("PUT", "/api/v1/health"), ("GET", "/%00")]
    async with serving(Fake(tmp_path), bundle=bundle) as client:
        for method, path in [("GET", page) for page in PAGES] + others:
            for headers in ({}, {"Host": "evil.test"}, {"Origin": "http://evil.test"}):
                async with client.request(method, path, headers=headers) as answer:
                    assert_fenced(answer)
                    assert_no_strange_script(answer)
        tag = (await client.get("/")).headers["ETag"]
        answer = await client.get("/", headers={"If-None-Match": tag})
        assert answer.status == 304
        assert_no_strange_script(answer)


async def test_a_blob_is_fenced_in_at_every_status(tmp_path: Path) -> None:
    """Whole, in part, unchanged or out of range: the bytes of a stranger stay in their sandbox."""
    fake = Fake(tmp_path)
    digest = blobs.put(fake.layout, b"<script>1</script>")
    asked: tuple[dict[str, str], ...] = (
        {},
        {"Range": "bytes=0-3"},
        {"If-None-Match": f'"{digest}"'},
    )
    async with serving(fake) as client:
        for kind in ("text/html", "image/svg+xml", "application/json", "text/javascript", ""):
            for headers in asked:
                answer = await client.get(
                    f"/api/v1/blobs/{digest}", params={"type": kind}, headers=headers
                )
                assert answer.status in {200, 206, 304}
                assert_fenced(answer)
                assert "allow-same-origin" not in policy(answer)["sandbox"]
                assert answer.content_type != "text/javascript"
        far = await client.get(f"/api/v1/blobs/{digest}", headers={"Range": "bytes=99-"})
        assert far.status == 416
        assert_no_strange_script(far)
