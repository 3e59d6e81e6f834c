"""Who is let in, and what browsers refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from foldline_ui import routes
from foldline_ui.guard import is_loopback
from foldline_ui.route import API_PREFIX
from tests.ui.fakes import Fake, serving

pytestmark = pytest.mark.anyio
SEARCH = "/api/v1/runs/search"


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:43800", "localhost.evil.test", "127.0.0.1.evil.test", "10.0.0.1", ""],
)
async def test_a_foreign_host_is_refused(tmp_path: Path, host: str) -> None:
    """A name that was rebound to this machine gets nothing, neither data nor pages."""
    async with serving(Fake(tmp_path)) as client:
        for path in ("/", "/api/v1/health", "/api/v1/events", "/nope.js"):
            answer = await client.get(path, headers={"Host": host})
            assert answer.status == 403
            assert "forbidden_host" in await answer.text()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:43800", "LOCALHOST:1"])
async def test_names_of_this_machine_are_good_at_any_port(tmp_path: Path, host: str) -> None:
    """A tunnel may bring its own port; only the name counts."""
    async with serving(Fake(tmp_path)) as client:
        assert (await client.get("/api/v1/health", headers={"Host": host})).status == 200


async def test_the_bound_host_is_good(tmp_path: Path) -> None:
    """The address that the server was told to listen at is one of its names."""
    async with serving(Fake(tmp_path), host="127.0.0.2") as client:
        answer = await client.get("/api/v1/health", headers={"Host": "127.0.0.2:43800"})
        assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.test"},
    ],
)
async def test_another_sites_page_cannot_post(tmp_path: Path, headers: dict[str, str]) -> None:
    """What a foreign page sends is refused before its body is looked at."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        answer = await client.post(SEARCH, json={}, headers=headers)
        assert answer.status == 403
        assert "cross_site" in await answer.text()
    assert fake.views.asked == []


@pytest.mark.parametrize("site", [{"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "same-site"}])
async def test_another_sites_page_cannot_change_a_run(tmp_path: Path, site: dict[str, str]) -> None:
    """A foreign page changes nothing: by no method, nor by a form, which needs no permission."""
    fake = Fake(tmp_path)
    edit = {"archived": True}
    many = {"ids": ["0k1"], "edit": edit}
    async with serving(fake) as client:
        one = await client.patch("/api/v1/runs/0k1", json=edit, headers=site)
        all_ = await client.post("/api/v1/runs/edit", json=many, headers=site)
        assert (one.status, all_.status) == (403, 403)
        form = await client.post("/api/v1/runs/edit", data=many["edit"])
        assert form.status == 415
        assert fake.views.asked == []
        assert (await client.patch("/api/v1/runs/0k1", json=edit)).status == 200


async def test_our_own_page_can_post(tmp_path: Path) -> None:
    """Our page's origin is the address that it was asked at, whatever the port."""
    async with serving(Fake(tmp_path)) as client:
        headers = {
            "Host": "localhost:5173",
            "Origin": "http://localhost:5173",
            "Sec-Fetch-Site": "same-origin",
        }
        assert (await client.post(SEARCH, json={}, headers=headers)).status == 200


async def test_our_own_page_can_post_through_a_proxy(tmp_path: Path) -> None:
    """A proxy's name is not ours, but the browser says that the page came from where it asks."""
    async with serving(Fake(tmp_path)) as client:
        headers = {"Origin": "https://lab.example.org", "Sec-Fetch-Site": "same-origin"}
        assert (await client.post(SEARCH, json={}, headers=headers)).status == 200
        headers["Host"] = "lab.example.org"
        assert (await client.post(SEARCH, json={}, headers=headers)).status == 403


async def test_every_answer_carries_the_policy(tmp_path: Path) -> None:
    """No route, page or error is without the headers that fence the browser in."""
    paths = [
        (route.method, API_PREFIX + route.path.replace("{id}", "0k1"))
        for route in routes.table()
        if route.path != "/frame"  # it has a policy of its own
    ]
    paths += [("GET", "/"), ("GET", "/nope.js"), ("DELETE", SEARCH), ("GET", "/api/v1/runs/no")]
    async with serving(Fake(tmp_path)) as client:
        for method, path in paths:
            body = {"query": ""} if method in {"POST", "PATCH"} else None
            async with client.request(method, path, json=body) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "script-src 'self'" in policy
                assert "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*;" in policy
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
                assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
                assert "Access-Control-Allow-Origin" not in answer.headers
                assert "Server" not in answer.headers


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),  # noqa: S104 -- the test shows that it is refused
        ("::", False),
        ("192.168.0.2", False),
        ("example.test", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, loopback: bool) -> None:
    """Only addresses that never leave the machine count as loopback."""
    assert is_loopback(host) is loopback
