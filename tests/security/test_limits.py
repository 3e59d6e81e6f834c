"""Each bound of a request is kept, and says so.

The bounds are read from what the routes declare, so that a new field is tried too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import msgspec
import pytest

from foldline_ui.wire import ErrorBody, Nothing
from tests.security.doors import Door, doors
from tests.ui.fakes import Fake, serving

Schema = dict[str, Any]

# Fields without a bound of their own, and what bounds them.
UNBOUNDED = {
    "context": "a map within a body of 1 MiB, or JSON within a bounded text",
    "offset": "any place: behind the last run there are none",
    "float": "a number of 64 bits",
}


def schema_of(door: Door) -> tuple[Schema, Schema]:
    """Return the schema of what a route is asked, and its definitions."""
    whole = msgspec.json.schema(door.route.request)
    return whole, whole.get("$defs", {})


def resolved(schema: Schema, defs: Schema) -> Schema:
    """Return a schema without references and alternatives: the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = defs[schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
        else:
            return schema


def example(schema: Schema, defs: Schema) -> Any:
    """Return the smallest good value."""
    schema = resolved(schema, defs)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "string":
            return "a" * max(schema.get("minLength", 1), 1)
        case "integer":
            return max(schema.get("minimum", 0), 0)
        case "number":
            return 1.0
        case "boolean":
            return True
        case "array":
            items = schema.get("prefixItems") or [schema["items"]] * schema.get("minItems", 0)
            return [example(one, defs) for one in items]
        case _:
            fields = schema.get("properties", {})
            return {name: example(fields[name], defs) for name in schema.get("required", ())}


def too_much(schema: Schema, defs: Schema, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the name of each bounded part of a value, and the value with that part over it."""
    schema = resolved(schema, defs)
    if "maxLength" in schema:
        yield name, "a" * (schema["maxLength"] + 1)
    if "maximum" in schema:
        yield name, schema["maximum"] + 1
    if "minimum" in schema:
        yield name, schema["minimum"] - 1
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        if "maxItems" in schema:
            yield name, [example(schema["items"], defs)] * (schema["maxItems"] + 1)
        fill = [example(schema["items"], defs)] * (schema.get("minItems", 1) - 1)
        for part, bad in too_much(schema["items"], defs, f"{name}[]"):
            yield part, [bad, *fill]
    for field, kind in schema.get("properties", {}).items():
        for part, bad in too_much(kind, defs, f"{name}.{field}"):
            yield part, {**example(schema, defs), field: bad}


def without_bound(schema: Schema, defs: Schema, name: str = "") -> Iterator[str]:
    """Yield the parts of a value that may be as large as they like."""
    schema = resolved(schema, defs)
    kind = schema.get("type")
    if kind == "string" and not {"maxLength", "enum", "format", "pattern"} & set(schema):
        yield name
    if kind == "integer" and "maximum" not in schema:
        yield name
    if kind == "array" and "prefixItems" not in schema:
        if "maxItems" not in schema:
            yield name
        yield from without_bound(schema["items"], defs, f"{name}[]")
    if kind == "object" and "properties" not in schema:
        yield name
    for field, part in schema.get("properties", {}).items():
        yield from without_bound(part, defs, f"{name}.{field}")


def asked() -> Iterator[Door]:
    """Yield the routes that are asked something."""
    yield from (door for door in doors() if door.route.request is not Nothing)


def test_every_field_has_a_bound() -> None:
    """Whatever a client may send has a largest size, or a reason why it needs none."""
    found = [
        f"{door.method} {door.route.path} {name}"
        for door in asked()
        for name in without_bound(*schema_of(door))
        if name.rpartition(".")[2].removesuffix("[]") not in UNBOUNDED
    ]
    assert found == []


@pytest.mark.anyio
async def test_what_is_over_a_bound_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Each field of each route, a little over its bound, is 400 or 413, says where, and hints."""
    fake = Fake(tmp_path)
    tried = 0
    async with serving(fake) as client:
        for door in asked():
            for name, value in too_much(*schema_of(door)):
                body, path = door.body, door.path
                if door.route.asks_by_address:
                    words = {key: one if isinstance(one, str) else json.dumps(one)
                             for key, one in value.items()}  # fmt: skip
                    path += "?" + "&".join(f"{key}={quote(one)}" for key, one in words.items())
                    if len(path) > 8000:
                        continue  # the address is too long: what reads it refuses it before us
                else:
                    body = json.dumps(value).encode()
                answer = await client.request(door.method, path, data=body, headers=door.headers)
                where = f"{door.method} {door.route.path} {name}"
                assert answer.status in {400, 413}, f"{where}: {answer.status}"
                error = msgspec.json.decode(await answer.read(), type=ErrorBody).error
                assert error.hint, where
                assert error.code in {"bad_request", "too_large"}, f"{where}: {error}"
                tried += 1
    assert tried > 80
    assert fake.views.asked == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /api/v1/tags?x=" + "a" * 20_000 + " HTTP/1.1\r\nHost: localhost\r\n", b"400"),
        ("GET /api/v1/tags HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 20_000 + "\r\n", b"400"),
        ("GET /api/v1/tags HTTP/1.1\r\nHost: localhost\r\n" + "X: a\r\n" * 500, b"400"),
    ],
)
async def test_a_head_has_bounds_too(tmp_path: Path, head: str, status: bytes) -> None:
    """An address, a header and their number are bounded, before anything of ours is asked."""
    async with serving(Fake(tmp_path)) as client:
        assert client.port is not None
        async with await anyio.connect_tcp("127.0.0.1", client.port) as connection:
            await connection.send(f"{head}\r\n".encode())
            answer = await connection.receive()
    assert answer.startswith((b"HTTP/1.1 " + status, b"HTTP/1.0 " + status))
