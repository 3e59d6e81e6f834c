"""Whether the document tells what the server does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from foldline_ui import routes
from foldline_ui.openapi import document
from foldline_ui.questions import HitsAsked, SearchAsked, StepAsked, StepsAsked, TimeAsked
from foldline_ui.route import API_PREFIX, JSON
from tests.ui.fakes import Fake, serving

pytestmark = pytest.mark.anyio
# What a request has to say where an empty one says too little.
BODIES: dict[str, dict[str, Any]] = {
    "POST /session": {"token": "fld_x"},
    "POST /runs/groups": {"by": ["run.name"]},
    "POST /runs/edit": {"ids": ["0k1"], "edit": {"archived": True}},
    "PATCH /runs/{id}": {"archived": True},
    "POST /alerts": {"id": "0k1", "when": {"type": "nonfinite"}},  # removed again by its DELETE
    "POST /bookmarks": {"name": "x", "page": "runs", "url": "runs"},  # likewise
    "POST /tags/edit": {"tags": ["x"]},
    "POST /tags/describe": {"tag": "x", "color": "#aabbcc"},
    "POST /blobs/lacking": {"digests": []},
    "PATCH /bookmarks/{id}": {"pinned": True},
}
SCOPES = {
    "get_session": "any", "sign_in": "open", "sign_out": "open", "log_in": "open",
    "edit_run": "write", "edit_runs": "write", "keep_rule": "admin", "remove_rule": "admin",
    "keep_bookmark": "write", "change_bookmark": "write", "remove_bookmark": "write",
    "edit_tags": "write", "describe_tag": "write",
    "get_receipt": "ingest", "ship": "ingest", "which_are_lacking": "ingest", "ship_blob": "ingest",
}  # fmt: skip
DOCUMENT: dict[str, Any] = json.loads(json.dumps(document(routes.table(), "1.2.3")))


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def operation(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][API_PREFIX + path][method.lower()]
    return found


async def test_the_document_is_served(tmp_path: Path) -> None:
    """Who asks the server for its document gets the one that its table makes."""
    async with serving(Fake(tmp_path)) as client:
        answer = await client.get("/api/v1/openapi.json")
        served = await answer.json()
    assert served["openapi"].startswith("3.1")
    assert served["paths"] == DOCUMENT["paths"]


def test_every_route_is_told_with_its_scope_and_types() -> None:
    """The document has exactly the routes of the table, and each is described whole."""
    told = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert told == {(route.method, API_PREFIX + route.path) for route in routes.table()}
    names = set()
    for route in routes.table():
        here = operation(route.method, route.path)
        assert here["x-foldline-scope"] == SCOPES.get(route.name, "read")
        assert here["summary"] == route.summary
        assert ("requestBody" in here) == (route.method in {"POST", "PATCH"})
        assert here["responses"]["200"]["content"][route.media]["schema"]
        assert here["responses"]["default"]["content"][JSON]["schema"]
        names.add(here["operationId"])
    assert len(names) == len(told)


def test_every_reference_leads_somewhere() -> None:
    """No schema is referred to that the document lacks, and none is there for nothing."""
    schemas = DOCUMENT["components"]["schemas"]
    used = {reference.removeprefix("#/components/schemas/") for reference in references(DOCUMENT)}
    assert used == set(schemas)


def test_bounds_are_in_the_document() -> None:
    """A client can read from the document what the server would refuse."""
    schemas = DOCUMENT["components"]["schemas"]
    points = schemas["FramesAsked"]["properties"]["points"]
    assert (points["minimum"], points["maximum"], points["default"]) == (1, 1024, 256)
    assert schemas["RunsAsked"]["additionalProperties"] is False
    assert schemas["RunsAsked"]["properties"]["limit"]["maximum"] == 1000
    parameters = operation("GET", "/runs/{id}")["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["id"]


def test_what_an_address_may_ask_is_in_the_document() -> None:
    """Each name behind the question mark is told with its type, and whether it is needed."""
    asked = operation("GET", "/runs/{id}/lines/search")
    assert "requestBody" not in asked
    found = {one["name"]: one for one in asked["parameters"]}
    assert list(found) == ["id", "text", "writer", "rank", "cursor", "limit"]
    assert found["text"]["in"] == "query" and found["text"]["required"]
    assert found["text"]["schema"]["maxLength"] == 256 and not found["limit"]["required"]
    (place,) = (
        one for one in operation("GET", "/runs/{id}/lines")["parameters"] if one["name"] == "from"
    )
    assert place["in"] == "query"


async def test_answers_are_what_the_document_says(tmp_path: Path) -> None:
    """Each JSON answer has the declared type, no field more and none less."""
    made: dict[str, str] = {}  # ids that were given just before, by the routes that take them
    async with serving(Fake(tmp_path)) as client:
        for route in routes.table():
            if not route.media == route.takes == JSON or route.response is dict:
                continue
            path = API_PREFIX + route.path.replace("{id}", made.get(route.path, "0k1"))
            path = path.replace("{run}", "0k1").replace("{writer}", "w1")
            body = BODIES.get(f"{route.method} {route.path}")
            if route.method == "POST":
                body = body or {}
            needed = {
                HitsAsked: {"text": "x"},
                SearchAsked: {"q": "x"},
                StepAsked: {"at": "1"},
                StepsAsked: {"kind": "image", "name": "x"},
                TimeAsked: {"step": "1"},
            }.get(route.request)
            answer = await client.request(route.method, path, json=body, params=needed)
            assert answer.status == 200
            sent = await answer.json()
            if route.method == "POST" and "id" in sent:
                made[f"{route.path}/{{id}}"] = sent["id"]
            known = msgspec.to_builtins(msgspec.convert(sent, route.response))
            assert set(sent) == set(known), route.path
