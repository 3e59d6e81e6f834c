"""Rule 2: pages of other sites ask nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.doors import PAGES, doors
from tests.ui.fakes import Fake, serving

pytestmark = pytest.mark.anyio

# Names that a page of theirs may have bound to this machine's address.
REBOUND = (
    "evil.test", "evil.test:43800", "127.0.0.1.evil.test", "[::1].evil.test", "10.0.0.1", "",
)  # fmt: skip
FOREIGN = (
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")


async def test_every_route_refuses_a_rebound_name(tmp_path: Path) -> None:
    """No method of any path answers under a name that is not the server's."""
    fake = Fake(tmp_path)
    addresses = [(door.method, door.path) for door in doors()]
    addresses += [(method, page) for page in PAGES for method in ("GET", "HEAD", "OPTIONS")]
    async with serving(fake) as client:
        for name in REBOUND:
            for method, path in addresses:
                async with client.request(method, path, headers={"Host": name}) as answer:
                    assert answer.status == 403, (name, method, path)
    assert fake.views.asked == []


async def test_nothing_is_changed_from_another_site(tmp_path: Path) -> None:
    """Whatever is more than a read is refused to a page of another origin, on every route."""
    fake = Fake(tmp_path)
    before = sorted(fake.layout.root.rglob("*"))
    async with serving(fake) as client:
        for headers in FOREIGN:
            for door in doors():
                if door.method == "GET":
                    continue
                both = {**headers, **door.headers}
                async with client.request(
                    door.method, door.path, headers=both, data=door.body
                ) as answer:
                    assert answer.status == 403, (headers, door)
                    assert "cross_site" in await answer.text()
    assert fake.views.asked == []
    assert sorted(fake.layout.root.rglob("*")) == before


async def test_no_form_can_change_anything(tmp_path: Path) -> None:
    """What a form can send without asking for leave is no request of ours."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        for door in doors():
            if door.method != "POST" or door.route.takes != "application/json":
                continue
            for kind in FORMS:
                answer = await client.post(
                    door.path, data=b'{"query": ""}', headers={"Content-Type": kind}
                )
                assert answer.status == 415, (door, kind)
    assert fake.views.asked == []


async def test_nobody_is_given_leave_to_read_across_origins(tmp_path: Path) -> None:
    """No answer has a CORS header, and a browser that asks for leave beforehand gets none."""
    asked = {"Origin": "http://evil.test", "Access-Control-Request-Method": "POST"}
    async with serving(Fake(tmp_path)) as client:
        for door in doors():
            for method in {door.method, "OPTIONS"}:
                if door.path.endswith("/events") and method == "GET":
                    continue  # a stream; its headers are those of all
                async with client.request(method, door.path, headers=asked) as answer:
                    assert not [name for name in answer.headers if "access-control" in name.lower()]
                    if method == "OPTIONS":
                        assert answer.status in {403, 405}, door
