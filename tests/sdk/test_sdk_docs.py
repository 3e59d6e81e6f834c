"""What docs/sdk.md promises."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline.configuration import Config
from foldline.results import Results
from foldline_views import listing, sequences, store
from tests.sdk.examples import NEEDS_FRAMEWORKS, PAGE, Example, check, examples

KINDS = ("Image", "Audio", "Video", "Text", "Distribution", "Figure", "Table", "Html", "Points3D")

# What the package's own parts call, and what every value has for them.
OURS = {
    "value": {"KIND", "LIGHT", "content", "encode", "raw", "revive"},
}


@pytest.mark.parametrize(
    "example",
    [one for one in examples() if one.section != NEEDS_FRAMEWORKS],
    ids=str,
)
def test_every_example_runs_when_pasted(example: Example, tmp_path: Path) -> None:
    """Each block runs in an empty folder without a warning, and prints what it says."""
    check(example, tmp_path, "-W", "error")


def test_every_public_name_of_the_package_is_on_the_page() -> None:
    """What `foldline` exports stands there by its full name."""
    assert [name for name in foldline.__all__ if f"foldline.{name}" not in code()] == []


def test_every_public_member_is_on_the_page(opened: dict[str, Any]) -> None:
    """What a run, a store and all that they give have to offer stands there, by their usual names.

    Attributes that are set when an object is made count as well.
    """
    text = code()
    missing = [
        f"{owner}.{name}"
        for owner, thing in {**classes(), **opened}.items()
        for name in sorted(members(thing) - OURS.get(owner, set()))
        if not re.search(rf"\b(?:{owner}|{type_of(thing).__name__})\.{name}\b", text)
    ]
    assert missing == []


def test_every_public_name_has_a_docstring(opened: dict[str, Any]) -> None:
    """What stands on the page explains itself in a Python prompt, too."""
    plain = {"__version__", "run"}  # a text, and the run itself
    silent = [name for name in foldline.__all__ if name not in plain if not said(foldline, name)]
    for owner, thing in {**classes(), **opened}.items():
        kind = type_of(thing)
        named = [name for name in members(thing) if name in dir(kind) and name.islower()]
        silent += [f"{owner}.{name}" for name in named if not said(kind, name)]
    assert silent == []


def test_every_keyword_of_a_beginning_is_on_the_page() -> None:
    """What `Run` and `init` take stands there as it is typed."""
    begins: list[Any] = [foldline.Run.__init__, foldline.init]
    words = {word for begin in begins for word in keywords(begin)}
    assert [word for word in sorted(words) if f"{word}=" not in code()] == []


def test_every_argument_on_the_page_exists() -> None:
    """A call in a table names arguments that the function has, under those very names."""
    calls = re.findall(r"`(foldline|run|artifact|store)\.(\w+)\(([^`]+)\)`", page())
    owners = {"foldline": foldline, **classes(), "store": store.Store}
    assert len(calls) > 30
    wrong = [
        f"{owner}.{name}: {word}"
        for owner, name, given in calls
        for word in re.findall(r"\w+(?==)|(?<![=\w\"])\w+", given)
        if word not in keywords(getattr(owners[owner], name))
    ]
    assert wrong == []


# ---------------------------------------------------------------------------------- what is there


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def code() -> str:
    """Return all that is set as code, in blocks and in lines."""
    text = page()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


def classes() -> dict[str, type]:
    """Return the classes of the tables, each by the name that its objects have there."""
    values = {name.lower().removesuffix("3d"): getattr(foldline, name) for name in KINDS}
    return {
        "run": foldline.Run,
        "config": Config,
        "summary": Results,
        "artifact": foldline.Artifact,
        "sequence": sequences.Sequence,
        "metric": sequences.Metric,
        "answer": listing.Answer,
        "found": listing.FoundRun,
        **values,
    }


@pytest.fixture
def opened(tmp_path: Path) -> dict[str, Any]:
    """What `foldline.open()` gives: attributes are seen on objects only."""
    with foldline.Run() as run:
        run.track(0.5, name="loss")
    opened = foldline.open(tmp_path / "store")
    (stored,) = opened.runs()
    return {"store": opened, "stored": stored, "series": stored.metrics[0]}


def members(thing: Any) -> set[str]:
    """Return the public names of a class or of an object, beside those of Python's own classes."""
    kind = type_of(thing)
    inherited = {name for base in (MutableMapping, Sequence, dict) for name in dir(base)}
    if not issubclass(kind, MutableMapping | Sequence):
        inherited = set()
    names = set(dir(thing)) - (inherited - set(vars(kind)))
    if kind is sequences.Metric:
        names -= set(dir(sequences.Sequence))
    return {name for name in names if not name.startswith("_")} - value_names(kind)


def value_names(kind: type) -> set[str]:
    """Return what all values have: it stands on the page once."""
    if kind.__name__ not in KINDS:
        return set()
    return OURS["value"] | {"attributes", "caption", "data", "json", "media_type"}


def type_of(thing: Any) -> type:
    return thing if isinstance(thing, type) else type(thing)


def said(owner: Any, name: str) -> bool:
    return bool(inspect.getdoc(getattr(owner, name)))


def keywords(call: Any) -> Iterator[str]:
    """Yield the names of what a function or a class takes."""
    for name, parameter in inspect.signature(call).parameters.items():
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
            yield name
