"""The documents name what the code has."""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from foldline import errors, events
from foldline_ui import errors as ui_errors
from foldline_ui.cli import parser
from foldline_ui.route import API_PREFIX, Route
from foldline_ui.routes import table
from tests.limits import limits, page

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!\w+:|#)([^)#]+)(#[^)]*)?\)")
VARIABLE = re.compile(r"\"(FOLDLINE_[A-Z_]+)\"")


@cache
def document(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def documents() -> dict[str, str]:
    """Return every Markdown file that is part of the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name: document(name) for name in names.splitlines() if (ROOT / name).is_file()}


def commands(top: argparse.ArgumentParser, words: str = "foldline") -> Iterator[tuple[str, str]]:
    """Yield each command that has help, and each of its options."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            shown = {choice.dest for choice in action._choices_actions}
            for name, inner in action.choices.items():
                if name in shown:
                    yield from commands(inner, f"{words} {name}")
        else:
            long = [option for option in action.option_strings if option.startswith("--")]
            yield from ((words, option) for option in long if option != "--help")


@pytest.mark.parametrize("route", list(table()), ids=lambda route: route.name)
def test_every_route_is_documented(route: Route) -> None:
    """Each method and path of the API stands in docs/http.md."""
    words = f"{route.method} {API_PREFIX}{route.path}"
    assert words in document("docs/http.md")


def test_every_command_and_option_is_documented() -> None:
    """Each command of the command line, and each of its options, stands in docs/cli.md."""
    text = document("docs/cli.md")
    found = sorted(set(commands(parser())))
    assert len(found) > 5, "the parser was not understood"
    missing = [f"{words} {option}" for words, option in found if words not in text]
    missing += [f"{words} {option}" for words, option in found if option not in text]
    assert missing == []


@pytest.mark.parametrize("event", events.EVENTS.values(), ids=lambda event: event.__name__)
def test_every_event_is_documented(event: type[events.Event]) -> None:
    """Each event stands in the description of the segment's bytes, with its number."""
    lines = document("tracker/foldline/SEGMENT.md").splitlines()
    named = [line for line in lines if event.__name__ in line]
    assert any(re.search(rf"\b{event.TYPE}\b", line) for line in named)


def test_every_error_is_documented() -> None:
    """Each error that can reach a person stands in docs/errors.md."""
    text = document("docs/errors.md")
    names = {*errors.__all__, *ui_errors.__all__} - {"ApiFailure", "TooManyListeners"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_every_limit_has_a_reason() -> None:
    """A bound says why it is what it is, where it is set."""
    assert [f"{limit.file}: {limit.name}" for limit in limits() if not limit.reason] == []


def test_the_page_of_limits_is_what_the_sources_say() -> None:
    """docs/limits.md holds each bound with its value: `python -m tests.limits` writes it."""
    assert document("docs/limits.md") == page()


def test_every_environment_variable_is_documented() -> None:
    """What can be set from outside stands in a document."""
    everything = "\n".join(documents().values())
    sources = [file for folder in ("tracker", "ingest", "views", "ui/foldline_ui")
               for file in (ROOT / folder).rglob("*.py")]  # fmt: skip
    sources.append(ROOT / "ui/hatch_build.py")
    names = {name for file in sources for name in VARIABLE.findall(file.read_text())}
    assert [name for name in sorted(names) if name not in everything] == []


def test_links_between_documents_lead_somewhere() -> None:
    """A relative link in any document names a file that is there."""
    broken = [
        f"{name}: {target}"
        for name, text in documents().items()
        for target, _ in LINK.findall(text)
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_every_decision_has_the_shape_of_one() -> None:
    """A decision's page is numbered and says context, decision and consequence."""
    for file in sorted((ROOT / "docs/decisions").glob("[0-9]*.md")):
        text = file.read_text()
        assert re.match(rf"# {file.name[:4]}\b", text), file.name
        for heading in ("Context", "Decision", "Consequence"):
            assert re.search(rf"^##+ {heading}", text, re.MULTILINE), f"{file.name}: {heading}"
