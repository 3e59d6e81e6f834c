"""Whether docs/http.md and docs/cli.md tell of what is there."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from foldline_ui import routes
from foldline_ui.cli import parser
from foldline_ui.cli.exits import Exit
from foldline_ui.failure import STATUS_OF
from foldline_ui.route import JSON, Route
from foldline_ui.wire import ErrorBody, Nothing

DOCS = Path(__file__).resolve().parents[2] / "docs"
HTTP = (DOCS / "http.md").read_text(encoding="utf-8")
CLI = (DOCS / "cli.md").read_text(encoding="utf-8")
METHODS = {"GET", "POST", "PATCH", "DELETE"}
ROUTES = {f"{route.method} {route.path}": route for route in routes.table()}


def sections(text: str) -> dict[str, str]:
    """Return what stands under each heading of the second level."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples(text: str) -> list[Any]:
    """Return the JSON examples of a section."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def keys(value: object) -> set[str]:
    """Return every key in a value, at any depth that has a type of its own."""
    if isinstance(value, dict):
        free = {"context", "params"}  # what users name
        inner = [keys(child) for name, child in value.items() if name not in free]
        return {*value, *(key for found in inner for key in found)}
    if isinstance(value, list | tuple):
        return {key for child in value for key in keys(child)}
    return set()


def commands(
    grammar: argparse.ArgumentParser, name: str = "foldline"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command that does something, with its full name."""
    for action in grammar._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from commands(inner, f"{name} {word}")
            return
    yield name, grammar


def test_every_route_has_its_heading() -> None:
    """The page has the routes of the server, in their order, and no others."""
    told = [heading for heading in sections(HTTP) if heading.split()[0] in METHODS]
    assert sorted(told) == sorted(ROUTES)


@pytest.mark.parametrize("route", ROUTES.values(), ids=list(ROUTES))
def test_examples_are_what_a_route_takes_and_gives(route: Route) -> None:
    """Each request shown would be taken, and each answer shown has the fields of a real one."""
    if route.response is dict:
        return
    section = sections(HTTP)[f"{route.method} {route.path}"]
    shown = examples(section)
    if route.request is not Nothing and route.asks_by_address:
        (address,) = re.findall(r"^    (?:GET|POST) (\S+)$", section, re.MULTILINE)
        asked = dict(parse_qsl(urlsplit(address).query, strict_parsing=True))
        msgspec.convert(asked, route.request, strict=False)
    elif route.request is not Nothing:
        msgspec.convert(shown.pop(0), route.request)
    if route.media == JSON or route.response is not bytes:
        answer: object = msgspec.convert(shown[0], route.response)
        assert keys(msgspec.to_builtins(answer)) == keys(shown[0])


def test_the_error_shown_is_one() -> None:
    """The shape of errors on the page is the shape that is sent."""
    shown = examples(sections(HTTP)["What holds for all routes"])[0]
    assert keys(msgspec.to_builtins(msgspec.convert(shown, ErrorBody))) == keys(shown)


def test_every_code_is_in_the_table() -> None:
    """Who branches on a code finds it on the page."""
    source = "".join(file.read_text() for file in Path(routes.__file__).parents[1].glob("**/*.py"))
    codes = {code for _, _, code in STATUS_OF} - {"failed"}
    codes |= set(re.findall(r'ApiError\(\s*"(\w+)"', source))
    assert codes >= {"internal", "bad_json", "forbidden_host"}
    for code in codes:
        assert f"`{code}`" in HTTP


@pytest.mark.parametrize(("name", "grammar"), list(commands(parser())))
def test_every_command_is_told_with_its_options(
    name: str, grammar: argparse.ArgumentParser
) -> None:
    """Each command has its heading, an example, and every option of its own."""
    if name == "foldline fold":
        assert name not in CLI  # nobody types it
        return
    section = sections(CLI)[name]
    assert f"    {name}" in section
    everywhere = {"-h", "--help", "--store", "--json"}
    for action in grammar._actions:
        for option in set(action.option_strings) - everywhere:
            assert f"`{option}" in section, option
        assert action.help, f"{name} {action.dest} has no help"


def test_every_exit_status_is_told() -> None:
    """The table of exit statuses is the one that commands use."""
    for status in set(Exit):
        assert f"| {status.value} | " in CLI
