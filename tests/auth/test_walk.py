"""Every route, asked by one tenant for the other's things."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from foldline.layout import Layout
from foldline_ui import routes
from foldline_ui.route import API_PREFIX
from foldline_views import bookmarks, quotas
from tests.auth.tenants import (
    MINE,
    NUMBER,
    THEIRS,
    asking,
    bearer,
    digest_of,
    run_of,
)
from tests.ui.fakes import Client

pytestmark = pytest.mark.anyio

NOBODYS = "xucchini"  # as long as theirs: mistakes are told at the same place
NO_DIGEST = "0" * 64


@dataclass
class Ask:
    """A question; what it names of the other tenant is named `XX` or by its digest."""

    path: str
    body: Any = None
    params: dict[str, str] = field(default_factory=dict)
    reveals: bool = True  # whether who sees all is told something
    status: int | None = None  # of the answer to the one who may not see it

    def named(self, word: str) -> tuple[str, Any, dict[str, str]]:
        """Return the path, the body and the words behind the question mark."""
        swap = _swapped(self.body, word)
        words = {name: value.replace("XX", word) for name, value in self.params.items()}
        return API_PREFIX + self.path.replace("XX", word), swap, words

    @property
    def names(self) -> bool:
        """Whether the question names what is the other's."""
        return "XX" in repr(self)


def _swapped(value: Any, word: str) -> Any:
    if isinstance(value, str):
        return value.replace("XX", word)
    if isinstance(value, dict):
        return {name: _swapped(inner, word) for name, inner in value.items()}
    if isinstance(value, list):
        return [_swapped(inner, word) for inner in value]
    return value


def of_run(part: str = "", **params: str) -> list[Ask]:
    """Return the question for a part of the other's run."""
    return [Ask(f"/runs/XX-1{part}", params=params, status=404)]


WALK: dict[str, list[Ask]] = {
    "GET /home": [Ask("")],
    "POST /runs/search": [
        Ask("", {}),
        Ask("", {"columns": ["run.name", "run.tags"]}),
        Ask("", {"query": 'run.experiment == "XX"'}),
        Ask("", {"query": "run.XX_param == 'XX value'"}),
        Ask("", {"query": 'run.metrics["XX_loss"].last > 0'}),
        Ask("", {"text": "XX"}),
        Ask("", {"query": 'search("XX")'}),
        Ask("", {"query": 'search("printed")', "sort": [{"by": 'search("printed")'}]}),
        Ask("", {"sort": [{"by": "run.XX_param"}]}, reveals=False),
    ],
    "POST /runs/groups": [Ask("", {"by": ["run.experiment"]}), Ask("", {"by": ["run.shared"]})],
    "POST /runs/columns": [Ask("", {}), Ask("", {"like": "XX"})],
    "POST /runs/export": [Ask("", {}), Ask("", {"format": "jsonl", "group_by": ["run.shared"]})],
    "GET /runs/{id}": of_run(),
    "PATCH /runs/{id}": [Ask("/runs/XX-1", {"notes": "x"}, status=404, reveals=False)],
    "POST /runs/edit": [
        Ask("", {"ids": ["XX-1"], "edit": {"notes": "x"}}, status=404, reveals=False)
    ],
    "GET /runs/{id}/params": of_run("/params"),
    "GET /runs/{id}/series": of_run("/series"),
    "GET /runs/{id}/points": of_run("/points", name="XX_loss", context='{"XX_part": "XX"}'),
    "GET /runs/{id}/captured": of_run("/captured"),
    "GET /runs/{id}/lineage": [*of_run("/lineage"), Ask(f"/runs/{run_of(MINE)}/lineage")],
    "GET /runs/{id}/artifacts": of_run("/artifacts"),
    "GET /artifacts": [
        Ask(""),
        Ask("", params={"name": "model"}),
        Ask("", params={"name": f"{MINE}_model"}),
        Ask("", params={"name": "XX_model"}),
    ],
    "GET /search": [
        Ask("", params={"q": "printed"}),
        Ask("", params={"q": "XX"}),
        Ask("", params={"q": "hello", "query": 'run.experiment == "XX"'}),
    ],
    "GET /runs/{id}/lines": of_run("/lines"),
    "GET /runs/{id}/lines/search": of_run("/lines/search", text="printed"),
    "GET /runs/{id}/messages": of_run("/messages"),
    "GET /runs/{id}/step": of_run("/step", at="1e10"),
    "GET /runs/{id}/time": of_run("/time", step="1"),
    "GET /runs/{id}/values": of_run("/values"),
    "GET /runs/{id}/values/steps": of_run("/values/steps", kind="image", name="XX_image"),
    "POST /values/search": [Ask("", {}), Ask("", {"name": "XX_image"})],
    "POST /series/search": [Ask("", {}), Ask("", {"query": 'metric.name == "XX_loss"'})],
    "POST /series/frames": [
        Ask("", {"query": ""}),
        Ask("", {"query": 'metric.name == "XX_loss"'}),
        Ask("", {"query": "", "expressions": ["XX_loss * 2"]}),
        Ask("", {"query": "", "aggregate": {"by": ["run.experiment"]}}),
    ],
    "POST /explain": [
        Ask("", {"query": "run.XX_param == 1"}),
        Ask("", {"query": 'run.experiment == "XX"'}),
        Ask("", {"query": 'metric.name == "XX_loss"', "of": "series"}),
    ],
    "GET /alerts": [Ask("")],
    "POST /alerts": [
        Ask("", {"id": "XX", "when": {"type": "nonfinite"}}, status=403, reveals=False)
    ],
    "DELETE /alerts/{id}": [Ask("/alerts/XX-rule", status=403, reveals=False)],
    "GET /bookmarks": [Ask("")],
    "GET /tags": [Ask("")],
    "POST /tags/edit": [Ask("", {"tags": ["XX-tag"]}, reveals=False)],
    "POST /tags/describe": [
        Ask("", {"tag": "XX-tag", "color": "#aabbcc"}, status=403, reveals=False)
    ],
}

# Routes that are asked elsewhere, or tell nothing of runs.
ELSEWHERE = {
    "GET /session": "tells who asks of themselves; test_sessions",
    "POST /session": "test_sessions",
    "DELETE /session": "test_sessions",
    "GET /login": "test_sessions",
    "GET /frame": "an empty page",
    "GET /plotly.js": "a script",
    "GET /openapi.json": "the same for all",
    "GET /health": "test_counts_are_of_what_one_sees",
    "GET /metrics": "test_counts_are_of_what_one_sees",
    "GET /activity": "test_counts_are_of_what_one_sees",
    "GET /events": "test_gate",
    "GET /blobs/{sha256}": "test_blobs_are_those_of_runs_that_one_sees",
    "PATCH /bookmarks/{id}": "test_another_tenants_bookmark_is_none",
    "DELETE /bookmarks/{id}": "test_another_tenants_bookmark_is_none",
    "POST /bookmarks": "keeps what it is given; test_another_tenants_bookmark_is_none",
    "GET /log/{run}/{writer}": "test_shipping",
    "POST /log/{run}/{writer}": "test_shipping",
    "POST /blobs/lacking": "takes digests that one has; docs/auth.md tells what that shows",
    "POST /blobs/{sha256}": "takes bytes that have the digest",
}


def asks() -> Iterator[Any]:
    for name, questions in WALK.items():
        for at, question in enumerate(questions):
            yield pytest.param(name, question, id=f"{name} {at}".replace(" ", "-"))


def test_every_route_is_in_the_walk() -> None:
    """A route that nobody has thought about, who may see what it tells, is no route yet."""
    told = {f"{route.method} {route.path}" for route in routes.table()}
    assert told == {*WALK, *ELSEWHERE}


async def answer(
    client: Client, name: str, ask: Ask, word: str, who: dict[str, str]
) -> tuple[int, bytes]:
    method, _, path = name.partition(" ")
    address, body, params = ask.named(word)
    if not ask.path:
        address = API_PREFIX + path
    async with client.request(
        method, address, json=body, params=params or None, headers=who
    ) as found:
        return found.status, await found.read()


@pytest.mark.parametrize(("name", "ask"), list(asks()))
async def test_a_tenant_is_told_nothing_of_the_other(shared: Layout, name: str, ask: Ask) -> None:
    """Asked by name or for all, the answer is as if the other's things were not there."""
    mine, whole = bearer(shared, "write", MINE), bearer(shared, "read")
    theirs = (THEIRS.encode(), struct.pack("<f", NUMBER[THEIRS]), b"4242.125")
    async with asking(shared) as client:
        status, told = await answer(client, name, ask, THEIRS, mine)
        if ask.status is not None:
            assert status == ask.status
        if ask.names:
            other, twin = await answer(client, name, ask, NOBODYS, mine)
            assert (status, _plain(told)) == (other, _plain(twin))
        else:
            assert status == 200
            assert not any(word in told for word in theirs)
        if ask.reveals:
            status, seen = await answer(client, name, ask, THEIRS, whole)
            assert status == 200, seen
            if ask.names:
                assert seen != (await answer(client, name, ask, NOBODYS, whole))[1]
            else:
                assert any(word in seen for word in theirs)


def _plain(told: bytes) -> bytes:
    """Return an answer without what differs from one question to the next."""
    told = told.replace(THEIRS.encode(), NOBODYS.encode())
    return re.sub(rb'"ms":[0-9.e-]+', b"", told)


async def test_counts_are_of_what_one_sees(shared: Layout) -> None:
    """Totals, explanations, days and measures count the runs within reach."""
    mine, whole = bearer(shared, "read", MINE), bearer(shared, "read")
    async with asking(shared) as client:

        async def ask(path: str, who: dict[str, str], body: Any = None) -> Any:
            method = "GET" if body is None else "POST"
            found = await client.request(method, API_PREFIX + path, json=body, headers=who)
            assert found.status == 200
            return await found.json() if found.content_type == "application/json" else (
                await found.text()
            )  # fmt: skip

        assert (await ask("/health", mine))["runs"] == {"total": 1, "running": 0}
        assert (await ask("/health", whole))["runs"] == {"total": 4, "running": 0}
        for who, runs in ((mine, 1), (whole, 4)):
            told = await ask("/explain", who, {"query": "not run.archived"})
            assert (told["total"], told["matches"]) == (runs, runs)
            assert max(part["rows"] for part in told["parts"]) == runs
            told = await ask("/explain", who, {"query": "metric.last > 0", "of": "series"})
            assert told["total"] == (1 if who is mine else 2)
            days = (await ask("/activity", who))["days"]
            assert sum(day["runs"] for day in days) == runs
            assert all((day["points"] is None) == (who is mine) for day in days)
        measured = await client.get(f"{API_PREFIX}/metrics", headers=mine)
        assert (measured.status, (await measured.json())["error"]["code"]) == (403, "forbidden")
        assert 'foldline_runs{status="finished"} 4' in await ask("/metrics", whole)


async def test_quotas_are_of_what_one_sees(store: Layout) -> None:
    """Who sees one experiment is told what that one takes and may, and nothing of the others."""
    quotas.put(store, None, 1 << 30)
    mine, whole = bearer(store, "read", MINE), bearer(store, "read")
    async with asking(store) as client:

        async def told(who: dict[str, str]) -> list[str]:
            found = await client.get(f"{API_PREFIX}/health", headers=who)
            return [share["experiment"] for share in (await found.json())["quotas"]]

        with anyio.fail_after(20):
            while not await told(whole):
                pass
        assert sorted(await told(whole)) == sorted([MINE, THEIRS])
        assert await told(mine) == [MINE]


async def test_series_are_asked_by_number_within_reach(shared: Layout) -> None:
    """A number of another's series is as unknown as one that nobody has."""
    mine, whole = bearer(shared, "read", MINE), bearer(shared, "read")
    async with asking(shared) as client:

        async def frames(ids: list[int], who: dict[str, str]) -> bytes:
            path = f"{API_PREFIX}/series/frames"
            found = await client.post(path, json={"ids": ids}, headers=who)
            return await found.read()

        found = await client.post(f"{API_PREFIX}/series/search", json={}, headers=whole)
        numbers = {one["run"]: one["series"] for one in (await found.json())["series"]}
        theirs, own = numbers[run_of(THEIRS)], numbers[run_of(MINE)]
        assert await frames([theirs], mine) == await frames([4_000_000], mine)
        assert struct.pack("<f", NUMBER[THEIRS]) in await frames([theirs], whole)
        assert struct.pack("<f", NUMBER[MINE]) in await frames([own], mine)
        for part in ("step?at=1e10", "time?step=1"):
            path = f"{API_PREFIX}/runs/{run_of(MINE)}/{part}&series="
            one = await (await client.get(f"{path}{theirs}", headers=mine)).json()
            other = await (await client.get(f"{path}4000000", headers=mine)).json()
            assert one == other


@pytest.mark.parametrize("what", ["picture", "code", "cell"])
async def test_blobs_are_those_of_runs_that_one_sees(shared: Layout, what: str) -> None:
    """A picture, a source file, and what a table names: each only with its run."""
    mine, whole = bearer(shared, "read", MINE), bearer(shared, "read")
    async with asking(shared) as client:

        async def get(digest: str, who: dict[str, str]) -> tuple[int, bytes]:
            found = await client.get(f"{API_PREFIX}/blobs/{digest}", headers=who)
            return found.status, await found.read()

        status, told = await get(digest_of(THEIRS, what), mine)
        twin = (await get(NO_DIGEST, mine))[1].replace(NO_DIGEST.encode(), b"")
        assert (status, told.replace(digest_of(THEIRS, what).encode(), b"")) == (404, twin)
        for who in (mine, whole):
            assert (await get(digest_of(MINE, what), who))[0] == 200
        assert (await get(digest_of(THEIRS, what), whole))[0] == 200


async def test_another_tenants_bookmark_is_none(store: Layout) -> None:
    """It is neither shown, changed nor removed; whoever sees all that its keeper saw has it."""
    mine, both = bearer(store, "write", MINE), bearer(store, "write", MINE, THEIRS)
    (theirs,) = [one for one in bookmarks.read(store).bookmarks if THEIRS in one.name]
    path = f"{API_PREFIX}/bookmarks/"
    async with asking(store) as client:
        for bookmark in (theirs.id, "none"):
            assert (
                await client.patch(path + bookmark, json={"note": "x"}, headers=mine)
            ).status == 404
            assert (await client.delete(path + bookmark, headers=mine)).status == 404
        body = {"name": "new", "page": "runs", "url": "runs"}
        kept = await (await client.post(path[:-1], json=body, headers=mine)).json()
        assert kept["experiments"] == [MINE]
        listed = await (await client.get(path[:-1], headers=both)).json()
        assert len(listed["bookmarks"]) == 3
        left = await (await client.delete(path + kept["id"], headers=mine)).json()
        assert [one["name"] for one in left["bookmarks"]] == [f"{MINE} view"]
        assert (await client.delete(path + theirs.id, headers=both)).status == 200


async def test_nobody_takes_an_alias_away(shared: Layout) -> None:
    """Versions of one name are each tenant's own: numbers and aliases are not shared."""
    async with asking(shared) as client:
        for word in (MINE, THEIRS):
            found = await client.get(
                f"{API_PREFIX}/artifacts?name=model", headers=bearer(shared, "read", word)
            )
            (version,) = (await found.json())["versions"]
            assert (version["digest"], version["number"]) == (f"{word}version", 0)
            assert version["aliases"] == ["best"]
        whole = bearer(shared, "read")
        found = await client.get(f"{API_PREFIX}/artifacts?name=model", headers=whole)
        told = (await found.json())["versions"]
        assert [(one["number"], one["aliases"]) for one in told] == [(0, []), (1, ["best"])]
