"""The documents name what the code has.

Routes and commands are held to their pages in tests/ui/test_documents.py.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

from foldline import errors, events
from foldline_ui import errors as ui_errors
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


def test_every_event_is_documented() -> None:
    """docs/events.md has a row for each event: its number, its name, its fields."""
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \|.*\| (.+) \|$", document("docs/events.md"), re.MULTILINE
    )
    told = {int(number): (name, re.findall(r"\w+", fields)) for number, name, fields in rows}
    kinds = events.EVENTS.values()
    assert told == {kind.TYPE: (kind.__name__, list(kind.__struct_fields__)) for kind in kinds}


def test_every_error_is_documented() -> None:
    """Each error that can reach a person stands in docs/errors.md."""
    text = document("docs/errors.md")
    names = {*errors.__all__, *ui_errors.__all__} - {"ApiFailure", "TooManyListeners"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_every_limit_has_a_reason() -> None:
    """A bound says why it is what it is, where it is set."""
    assert [f"{limit.file}: {limit.name}" for limit in limits() if not limit.reason] == []


def test_the_page_of_limits_is_what_the_sources_say() -> None:
    """docs/limits.md holds each bound with its value: `make docs` writes it."""
    assert document("docs/limits.md") == page()


def test_every_environment_variable_is_documented() -> None:
    """What can be set from outside stands in docs/environment.md."""
    text = document("docs/environment.md")
    sources = [file for folder in ("tracker", "ingest", "views", "ui/foldline_ui")
               for file in (ROOT / folder).rglob("*.py")]  # fmt: skip
    sources.append(ROOT / "ui/hatch_build.py")
    names = {name for file in sources for name in VARIABLE.findall(file.read_text())}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


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
