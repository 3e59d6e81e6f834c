"""Rule 7: patterns take no longer than their text."""

from __future__ import annotations

import ast
import importlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from foldline import secrets

ROOT = Path(__file__).parents[2]
PACKAGES = ("tracker/foldline", "ingest/foldline_ingest", "views/foldline_views", "ui/foldline_ui")
CALLS = {f"re.{name}" for name in ("match", "fullmatch", "search", "sub", "split", "findall")}
LENGTH = 10_000  # characters: a pattern that goes back for each takes a second for its square
LINEAR_S = 0.25  # a thousand times what a good one takes, for a machine that is busy

# What is repeated: what our patterns look for, begun again and again and never ended.
PUMPS = (
    "a", "A", "0", " ", "\t", "\n", ".", "-", "_", "/", ":", "=", "<", '"', "'", "\\", "(", "[",
    "@", "&", "a0", "a.", "a-", "a_", "a:", "a=", "=a", "a ", "://", "://a:", "://a:a", "a@",
    "?sig=", "&token=a", "select ", "if ", "\x1b[", "\x1b[0;", "\x1b]", "bearer ",
    "authorization: ", "authorization: basic ", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN A PRIVATE KEY-----\n", "eyJaaaaaaaaa.", "sk-", "xoxb-1", "Name: ", "1e", "1.",
    "+1", "a~", "a*", "<a", "a<", "OR ", "{", "\u0301", "\ud800", "..", "./", "%", "key='",
    "key = ", 'key": "', "[a]: a=",
)  # fmt: skip
ENDS = ("", "\0", "!", "\n\0")


class Found(NamedTuple):
    """A pattern, and what it is asked."""

    pattern: re.Pattern[Any]
    asked: set[str]


def patterns() -> Iterator[tuple[str, Found]]:
    """Yield every pattern of the sources, compiled where it is used or where it is named."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            source = file.read_text()
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
                    text = node.args[0]
                    if isinstance(text, ast.Constant) and isinstance(text.value, str | bytes):
                        asked = {ast.unparse(node.func).removeprefix("re.")}
                        yield (
                            f"{file.name}:{node.lineno}", Found(re.compile(text.value), asked)
                        )  # fmt: skip
            if "re.compile(" in source:
                parts = file.relative_to(ROOT / Path(package).parent).with_suffix("").parts
                module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
                for name, pattern in _named(module):
                    asked = set(re.findall(rf"\b{name}\.(\w+)\(", source))
                    yield f"{file.name}:{name}", Found(pattern, asked or {"search"})
    # These are compiled at their first use: `import foldline` waits for none of them.
    for name, value in vars(secrets).items():
        if name.startswith("_") and name.isupper() and isinstance(value, str):
            yield f"secrets.py:{name}", Found(re.compile(value), {"search"})


def _named(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for name, value in vars(module).items():
        for one in value if isinstance(value, tuple) else (value,):
            pattern = one[0] if isinstance(one, tuple) and one else one
            if isinstance(pattern, re.Pattern):
                yield name, pattern


FOUND = dict(patterns())


def test_the_patterns_are_found() -> None:
    """The patterns of the sources are all here, those that are compiled late among them."""
    assert len(FOUND) > 50
    assert {"secrets.py:_ADDRESS", "secrets.py:_ASSIGNMENT", "terminal.py:_PIECE"} <= set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_a_pattern_takes_no_longer_than_its_text(name: str) -> None:
    """No text, however it is made up, makes one of our patterns go back over it again and again."""
    pattern, asked = FOUND[name]
    # Whatever goes through a text does so from each place on, as a search does.
    tries = [getattr(pattern, one) for one in asked & {"match", "fullmatch"}]
    tries += [pattern.search] if asked - {"match", "fullmatch"} else []
    slow: list[str] = []
    for pump in PUMPS:
        for end in ENDS:
            text: str | bytes = pump * (LENGTH // len(pump)) + end
            if isinstance(pattern.pattern, bytes):
                text = str(text).encode("utf-8", "surrogatepass")
            began = time.thread_time()
            for ask in tries:
                ask(text)
            if time.thread_time() - began > LINEAR_S:
                slow.append(f"{pump!r} … {end!r}")
                break
    assert slow == []


def test_no_pattern_is_made_of_what_somebody_sends() -> None:
    """A pattern that is put together at run time has only texts that stand in the sources."""
    made = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        if ast.unparse(node.func) in CALLS | {"re.compile"} and node.args
        if not isinstance(node.args[0], ast.Constant)
    }
    assert made <= {
        "views/foldline_views/text/tokens.py",  # of a bound, and of Unicode's signs
        "ui/foldline_ui/tokens.py",  # of the lengths of a token's parts
    }
