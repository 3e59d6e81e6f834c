"""Every bound in the sources, with its reason.

python -m tests.limits > docs/limits.md
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Limit", "limits", "page"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "tracker/foldline",
    "ingest/foldline_ingest",
    "views/foldline_views",
    "ui/foldline_ui",
)
NAMED_AS_LIMIT = re.compile(r"[A-Z][A-Z0-9_]*_MAX$")

HEAD = """\
# Limits

Everything that can grow has a bound. These are all of them, with the reason that stands beside
each in the sources; `make docs` writes this page, and a test compares the two.
Reaching a bound is never silent: the call says so, the answer carries a warning, or the run keeps
a count.

Over HTTP a field that is over its bound is 400, a body that is too large 413, a client that asks or
sends too fast 429, and what there is too much of at once 429 or 503; with the last three
`Retry-After` says when to come again. Each says what to do in its `hint`, and a test walks through
all fields of all routes. Two bounds are yours to move: `FOLDLINE_CLIENT_REQUESTS_S` and
`FOLDLINE_CLIENT_BYTES_S` say what one client may in a second ([environment.md](environment.md)).
"""
LAYERS = {
    "tracker/foldline": "In a training process",
    "ingest/foldline_ingest": "In the fold worker",
    "views/foldline_views": "In the views and in queries",
    "ui/foldline_ui": "In the server and on the command line",
}


class Limit(NamedTuple):
    """One constant that bounds something."""

    file: str
    name: str
    value: object
    reason: str


def limits() -> Iterator[Limit]:
    """Yield the constants of all packages that are named as bounds."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield from _limits_of(file)


def page() -> str:
    """Return docs/limits.md."""
    parts = [HEAD]
    for package, title in LAYERS.items():
        parts += [f"## {title}\n", "| bound | value | of `…` | why |", "|---|--:|---|---|"]
        parts += [
            f"| `{limit.name}` | {_shown(limit.value)} | `{Path(limit.file).relative_to(package)}` "
            f"| {limit.reason} |"
            for limit in limits()
            if limit.file.startswith(package + "/")
        ]
        parts.append("")
    return "\n".join(parts)


def _limits_of(file: Path) -> Iterator[Limit]:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name) and NAMED_AS_LIMIT.match(target.id):
            yield Limit(
                file.relative_to(ROOT).as_posix(),
                target.id,
                _value(value),
                _reason(lines, node.lineno - 1, (node.end_lineno or node.lineno) - 1),
            )


def _value(node: ast.expr) -> object:
    # Bounds are written as `16 * 1024` or `1 << 20`: arithmetic on numbers, and nothing else.
    if all(
        isinstance(part, ast.BinOp | ast.Constant | ast.operator | ast.UnaryOp | ast.unaryop)
        for part in ast.walk(node)
    ):
        return eval(compile(ast.Expression(node), "bound", "eval"))  # noqa: S307 # numbers only
    return ast.unparse(node)


def _reason(lines: list[str], first: int, last: int) -> str:
    trailing = re.search(r"#\s*(.+)$", lines[last])
    if trailing:
        return trailing[1]
    above: list[str] = []
    # One comment may stand above a few bounds that belong together.
    while first and re.match(r"[A-Z][A-Z0-9_]* = ", lines[first - 1]):
        first -= 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
        above.insert(0, lines[first].lstrip("# "))
    if above:
        return " ".join(above)
    below = "\n".join(lines[last + 1 :])
    documented = re.match(r'"""(.+?)"""', below, re.DOTALL)
    return " ".join(documented[1].split()) if documented else ""


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(page())
