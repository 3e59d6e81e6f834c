"""Who is let in over HTTP, in which role."""

from __future__ import annotations

import time
from ipaddress import ip_network
from typing import Any

import anyio
import msgspec
import pytest

from foldline.layout import Layout
from foldline_ingest.announce import Announcement
from foldline_ingest.view import SeriesDelta
from foldline_ui import routes, sessions, tokens
from foldline_ui.audit import events
from foldline_ui.gate import Gate
from foldline_ui.parts import HUB
from foldline_ui.principals import MAY, ROLES, TokenScope
from foldline_ui.proxies import Network
from foldline_ui.route import API_PREFIX, Route
from tests.auth.tenants import MINE, THEIRS, asking, bearer, run_of
from tests.ui.fakes import Client, Fake, serving

pytestmark = pytest.mark.anyio
SEARCH = f"{API_PREFIX}/runs/search"
SESSION = f"{API_PREFIX}/session"
OPEN = {"sign_in", "sign_out", "log_in"}


async def call(client: Client, route: Route, headers: dict[str, str]) -> tuple[int, str]:
    path = route.path.replace("{id}", "none").replace("{run}", "none").replace("{writer}", "w")
    body: object = None if route.method == "GET" else {}
    found = await client.request(
        route.method, API_PREFIX + path.replace("{sha256}", "0" * 64), json=body, headers=headers
    )
    told = msgspec.json.decode(await found.read()) if found.status >= 400 else {}
    return found.status, told.get("error", {}).get("code", "")


async def test_without_a_token_nobody_gets_past_a_route(
    shared: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each route, but those to sign in by, refuses whoever says nothing, and a wrong token."""
    monkeypatch.setattr("foldline_ui.gate.REFUSED_S_MAX", 0.0)  # however fast we ask
    wrong = {"Authorization": f"Bearer {tokens.random_text('fld_')}"}
    async with asking(shared) as client:
        for route in routes.table():
            if route.name in OPEN:
                assert route.scope == "open"
                continue
            assert route.scope != "open"
            assert await call(client, route, {}) == (401, "not_signed_in")
            assert await call(client, route, wrong) == (401, "bad_token")
            assert await call(client, route, {"Authorization": "Basic eDp5"}) == (401, "bad_token")


async def test_nothing_is_served_but_routes_and_pages(shared: Layout) -> None:
    """Whatever answers is in the table and says what it asks of a caller, or is a page."""
    async with asking(shared) as client:
        app = client.server.app  # type: ignore[attr-defined]  # a test's server has an app
        for route in app.router.routes():
            owner = getattr(route.handler, "__self__", None)
            assert isinstance(owner, Route) or type(owner).__name__ == "Bundle"
        assert (await client.get("/")).status == 503  # the pages, which were not built here


@pytest.mark.parametrize("scope", list(ROLES))
async def test_a_role_may_what_it_may(shared: Layout, scope: TokenScope) -> None:
    """What is more than the role is refused before anything is read; all else is not refused."""
    role = ROLES[scope]
    headers = bearer(shared, scope)
    async with asking(shared) as client:
        for route in routes.table():
            if route.scope in {"open", "any"} or route.name == "listen":
                continue
            may = route.scope in MAY[role]
            if may and route.scope in {"write", "admin", "ingest"}:
                continue  # it would be done; other tests do it
            status, code = await call(client, route, headers)
            assert (code == "forbidden") == (not may), route.name
            assert (status == 403) == (not may), route.name


async def test_the_session_tells_who_asks(shared: Layout, tmp_path: Any) -> None:
    """A page knows what to show from it; on loopback everybody may all."""
    headers = bearer(shared, "read", MINE)
    async with asking(shared) as client:
        told = await (await client.get(SESSION, headers=headers)).json()
        assert told["auth"] is True
        assert (told["role"], told["may"], told["experiments"]) == ("viewer", ["read"], [MINE])
    async with serving(Fake(tmp_path)) as client:
        told = await (await client.get(SESSION)).json()
        assert (told["auth"], told["role"], told["experiments"]) == (False, "admin", None)
        assert (await (await client.delete(SESSION)).json()) == {"signed_out": False}


async def test_a_browser_signs_in_by_an_address(store: Layout) -> None:
    """The address is good once; the cookie is for our pages alone, and no script reads it."""
    code = sessions.offer(store)
    async with asking(store) as client:
        login = f"{API_PREFIX}/login"
        found = await client.get(login, params={"code": code}, allow_redirects=False)
        assert (found.status, found.headers["Location"]) == (303, "/")
        cookie = found.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/;" in cookie
        assert "Secure" not in cookie  # it came over http
        told = await (await client.get(SESSION)).json()
        assert (told["role"], told["name"], told["experiments"]) == ("admin", "owner", None)
        assert (await client.post(SEARCH, json={})).status == 200
        again = await client.get(login, params={"code": code}, allow_redirects=False)
        assert again.status == 401
        assert (await (await client.delete(SESSION)).json()) == {"signed_out": True}
        assert (await client.get(SESSION)).status == 401
    whats = [event.what for event in sorted(events(store), key=lambda event: event.time)]
    assert whats == ["signed_in", "refused", "signed_out"]


async def test_a_session_ends_with_its_token(store: Layout) -> None:
    """A browser that shows a token has its rights, until it is revoked, in that very moment."""
    made = tokens.create(store, "read", experiments=[MINE], name="wall")
    async with asking(store) as client:
        assert (await client.post(SESSION, json={"token": made.text + "x"})).status == 401
        told = await (await client.post(SESSION, json={"token": made.text})).json()
        assert (told["role"], told["name"]) == ("viewer", "wall")
        rows = (await (await client.post(SEARCH, json={})).json())["rows"]
        assert [row["id"] for row in rows] == [run_of(MINE)]
        tokens.revoke(store, made.token.id)
        found = await client.post(SEARCH, json={})
        assert (found.status, (await found.json())["error"]["code"]) == (401, "not_signed_in")


async def test_a_session_outlives_the_server(store: Layout) -> None:
    """Whoever was signed in is so when the server is started again."""
    async with asking(store) as client:
        code = sessions.offer(store)
        found = await client.get(f"{API_PREFIX}/login?code={code}", allow_redirects=False)
        name, _, value = found.headers["Set-Cookie"].partition(";")[0].partition("=")
    async with asking(store) as client:
        assert (await client.get(SESSION, headers={"Cookie": f"{name}={value}"})).status == 200
        assert (await client.get(SESSION, headers={"Cookie": f"{name}={value}x"})).status == 401


async def test_a_token_expires(store: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is good until the moment that it was made for, and a session for it no longer."""
    now = time.time()
    made = tokens.create(store, "read", expires_at=now + 60)
    headers = {"Authorization": f"Bearer {made.text}"}
    gate = Gate(store, asks=True)
    session, _ = sessions.begin(store, made.token.id)
    who = gate.of_session(session)
    assert who is not None and who.expires_at == now + 60
    async with asking(store) as client:
        assert (await client.get(SESSION, headers=headers)).status == 200
        monkeypatch.setattr(time, "time", lambda: now + 61)
        assert (await client.get(SESSION, headers=headers)).status == 401
        assert gate.of_session(session) is None


async def test_the_last_use_is_noted_now_and_then(store: Layout) -> None:
    """Not for each request: a disk is synced for it."""
    made = tokens.create(store, "read")
    headers = {"Authorization": f"Bearer {made.text}"}
    before = time.time()
    async with asking(store) as client:
        for _ in range(3):
            assert (await client.get(SESSION, headers=headers)).status == 200
        assert tokens.of_id(tokens.read(store), made.token.id).used_at is None
    used_at = tokens.of_id(tokens.read(store), made.token.id).used_at
    assert used_at is not None and used_at >= before


async def test_changes_are_written_down(store: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who did what to which run, from where; of what was refused nothing was done."""
    monkeypatch.setattr("foldline_ui.routes.edits.FOLDED_WAIT_S_MAX", 0.0)
    made = tokens.create(store, "write", name="ana")
    headers = {"Authorization": f"Bearer {made.text}"}
    path = f"{API_PREFIX}/runs/{run_of(MINE)}"
    async with asking(store) as client:
        assert (await client.patch(path, json={"notes": "x"}, headers=headers)).status == 202
        refused = await client.patch(path, json={"deleted": True}, headers=headers)
        assert (refused.status, (await refused.json())["error"]["code"]) == (403, "forbidden")
    (event,) = events(store)
    assert (event.what, event.who, event.token) == ("edit_run", "ana", made.token.id)
    assert (event.of, event.asked["notes"]) == ({"id": run_of(MINE)}, "x")
    assert event.address == "127.0.0.1"


async def test_a_run_is_moved_only_between_ones_own_experiments(
    store: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody puts a run where they have no rights, nor takes one from there."""
    monkeypatch.setattr("foldline_ui.routes.edits.FOLDED_WAIT_S_MAX", 0.0)
    mine, both = bearer(store, "write", MINE), bearer(store, "admin", MINE, THEIRS)
    path = f"{API_PREFIX}/runs/{run_of(MINE)}"
    async with asking(store) as client:
        for where in (THEIRS, None):  # null is the experiment `default`
            asked = {"experiment": where}
            assert (await client.patch(path, json=asked, headers=mine)).status == 403
            many = {"ids": [run_of(MINE)], "edit": asked}
            found = await client.post(f"{API_PREFIX}/runs/edit", json=many, headers=mine)
            assert found.status == 403
        moved = await client.patch(path, json={"experiment": THEIRS}, headers=both)
        assert moved.status == 202
        assert (await client.patch(path, json={"deleted": True}, headers=both)).status == 202


def change(*runs: str) -> Announcement:
    deltas = [SeriesDelta(1, run, "loss", {}, 1, 1.0, 1.0, 1.0) for run in runs]
    return Announcement(1, 0, "live", runs=list(runs), series=deltas)


async def test_events_are_of_runs_within_reach(shared: Layout) -> None:
    """Who may not see a run does not hear that it grows; a stream goes on for what they may."""
    mine = bearer(shared, "read", MINE)
    async with asking(shared) as client:
        hub = client.server.app[HUB]  # type: ignore[attr-defined]  # a test's server has an app
        async with client.get(f"{API_PREFIX}/events", headers=mine) as stream:
            assert stream.status == 200
            hub.publish(change(run_of(THEIRS)))
            hub.publish(change(run_of(MINE), run_of(THEIRS)))
            said = b""
            with anyio.fail_after(10):
                while b"event: change" not in said:
                    said += await stream.content.readline()
                said += await stream.content.readuntil(b"\n\n")
        assert run_of(MINE).encode() in said and THEIRS.encode() not in said


async def test_a_stream_ends_when_its_token_is_revoked(store: Layout) -> None:
    """An open stream is no way to stay."""
    made = tokens.create(store, "read")
    headers = {"Authorization": f"Bearer {made.text}"}
    async with asking(store) as client:
        hub = client.server.app[HUB]  # type: ignore[attr-defined]  # a test's server has an app
        async with client.get(f"{API_PREFIX}/events", headers=headers) as stream:
            await stream.content.readline()
            tokens.revoke(store, made.token.id)
            hub.publish(change(run_of(MINE)))
            with anyio.fail_after(10):
                said = await stream.content.read()
        assert run_of(MINE).encode() not in said


async def test_a_token_file_that_is_damaged_lets_nobody_in(store: Layout) -> None:
    """The server says so, and goes on when it is mended."""
    headers = bearer(store, "read")
    kept = store.tokens.read_bytes()
    async with asking(store) as client:
        store.tokens.write_text("{")
        assert (await client.get(SESSION, headers=headers)).status == 500
        store.tokens.write_bytes(kept)
        assert (await client.get(SESSION, headers=headers)).status == 200


NAMES = frozenset({"lab.example"})


@pytest.mark.parametrize(
    ("host", "status"),
    [("lab.example", 401), ("lab.example:1", 401), ("10.1.2.3:1", 401), ("[fd00::1]:1", 401),
     ("evil.test", 403), ("10.1.2.3.evil.test", 403), ("", 403)],
)  # fmt: skip
async def test_the_server_answers_to_its_names(shared: Layout, host: str, status: int) -> None:
    """What it is called, and any address: an address can't be rebound, a name can."""
    async with asking(shared, names=NAMES) as client:
        found = await client.get(SESSION, headers={"Host": host})
        assert found.status == status


PROXY: tuple[Network, ...] = (ip_network("127.0.0.1/32"),)
FORWARDED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "lab.example",
    "X-Forwarded-For": "198.51.100.7, 203.0.113.9",
}


async def test_a_trusted_proxy_is_believed(store: Layout) -> None:
    """Over https a cookie is marked as such, and the audit has who asked, not the proxy."""
    made = tokens.create(store, "read")
    async with asking(store, proxies=PROXY) as client:
        body = {"token": made.text}
        own = {**FORWARDED, "Origin": "https://lab.example"}
        found = await client.post(SESSION, json=body, headers=own)
        assert found.status == 200 and "Secure" in found.headers["Set-Cookie"]
        other = {**FORWARDED, "Origin": "https://evil.test"}
        assert (await client.post(SESSION, json=body, headers=other)).status == 403
    (event,) = events(store)
    assert event.address == "203.0.113.9"


async def test_others_are_not_believed(store: Layout) -> None:
    """What anybody can write into a request means nothing if no trusted proxy wrote it."""
    made = tokens.create(store, "read")
    async with asking(store) as client:
        found = await client.post(SESSION, json={"token": made.text}, headers=FORWARDED)
        assert found.status == 200 and "Secure" not in found.headers["Set-Cookie"]
        evil = {**FORWARDED, "Host": "evil.test"}
        assert (await client.get(SESSION, headers=evil)).status == 403
    (event,) = events(store)
    assert event.address == "127.0.0.1"
