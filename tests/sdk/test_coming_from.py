"""What docs/coming-from.md promises."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import foldline

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coming-from.md"
OWNERS = {"run": foldline.Run, "repo": foldline.Repo}
SET_BY_INIT = {"id"}  # what a run has, and its class has not


def ours() -> list[str]:
    """Return what each row of each table gives as ours."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [line.split(" | ")[1] for line in lines if line.startswith("| ")]
    return [cell for cell in cells if cell != "Foldline"]


def test_every_name_exists() -> None:
    """Each of our names that the tables give is there, under that very name."""
    cells = ours()
    assert len(cells) > 80
    missing = []
    for cell in cells:
        named = re.findall(r"`(foldline\.[\w.]+)`", cell)
        missing += [name for name in named if not exists(name)]
        members = list(re.findall(r"`(run|repo)\.(\w+)", cell))
        missing += [
            f"{owner}.{name}"
            for owner, name in members
            if name not in SET_BY_INIT and not hasattr(OWNERS[owner], name)
        ]
    assert missing == []


def test_every_keyword_exists() -> None:
    """Each keyword of `Run(...)` that the tables give is one."""
    known = inspect.signature(foldline.Run.__init__).parameters
    calls = [call for cell in ours() for call in re.findall(r"`Run\(([^)`]*)\)`", cell)]
    given = [word for call in calls for word in re.findall(r"(\w+)=", call)]
    assert len(given) > 10
    assert [word for word in given if word not in known] == []


def exists(name: str) -> bool:
    """Say whether a dotted name leads somewhere; no framework is imported for its callback."""
    if name.startswith("foldline.integrations"):
        return find_spec(name) is not None
    place, _, last = name.rpartition(".")
    try:
        return hasattr(import_module(place), last)
    except ModuleNotFoundError:
        return False
