"""The OpenAPI document of a table of routes.

Everything in it comes from what the routes declare and from the types they declare, so it can't
tell of a route, a field or a bound that is not there.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from .route import API_PREFIX, JSON, Route, RouteTable
from .wire import ErrorBody, Nothing, Request

__all__ = ["document"]

OPENAPI_VERSION = "3.1.0"
REF = "#/components/schemas/{name}"
PARAMETER = re.compile(r"\{(\w+)\}")

Json = dict[str, Any]

BYTES: Json = {"type": "string", "format": "binary"}
FILE: Json = {"description": "Whatever was asked for, as it is."}


def document(routes: RouteTable, version: str) -> Json:
    """Return the document for `routes`, as JSON values."""
    types: list[type] = [ErrorBody]
    for route in routes:
        asked = Nothing if route.asks_by_address else route.request
        types += [kind for kind in (asked, route.response) if kind not in {Nothing, bytes}]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, Json] = {}
    for route in routes:
        operation = _operation(route, schema_of)
        paths.setdefault(API_PREFIX + route.path, {})[route.method.lower()] = operation
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": "Foldline", "version": version},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(route: Route, schema_of: dict[type, Json]) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "x-foldline-scope": route.scope,
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {route.media: {"schema": _answer(route, schema_of)}},
            },
            "default": {
                "description": "What went wrong, and what to do next.",
                "content": {JSON: {"schema": schema_of[ErrorBody]}},
            },
        },
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(route.path)
    ]
    if route.asks_by_address:
        parameters += _parameters(route.request)
    if parameters:
        operation["parameters"] = parameters
    if route.takes != JSON:
        # A piece may have no bytes: it is a sign of life then.
        operation["requestBody"] = {"required": False, "content": {route.takes: {"schema": BYTES}}}
    elif route.request is not Nothing and route.method != "GET":
        operation["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": schema_of[route.request]}},
        }
    return operation


def _parameters(kind: type[Request]) -> list[Json]:
    """Return what may stand behind the question mark of an address."""
    schema = msgspec.json.schema(kind)
    fields: Json = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    required = fields.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in fields["properties"].items()
    ]


def _answer(route: Route, schema_of: dict[type, Json]) -> Json:
    if route.response is bytes:
        return FILE
    if route.media != JSON:
        # The types of OpenAPI 3.1 end at the body; this is what each event's `data` holds.
        return {"type": "string", "x-event-data": schema_of[route.response]}
    return schema_of[route.response]
