"""The command that searches everything that runs say."""

from __future__ import annotations

import argparse
import re
import sys

from foldline.errors import QuestionError
from foldline_views.searchpages import SearchPage
from foldline_views.shelves import CATALOG, TEXT
from foldline_views.text.hits import Hit

from .exits import Exit
from .logs import LEVELS
from .runs import answer_of
from .terminal import complain, say, say_json

__all__ = ["run"]

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
# What could give a terminal orders, or break a hit into lines; each becomes a blank.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def run(arguments: argparse.Namespace) -> Exit:
    """Print the best runs, each with its best hits under it; exit status 1 if there are none."""
    try:
        page = answer_of(
            arguments,
            lambda views: views.search(
                arguments.text, arguments.query, limit=arguments.limit, hits=arguments.hits
            ),
            shelves=(CATALOG, TEXT),
        )
    except QuestionError as error:
        complain(error, query=arguments.text, as_json=arguments.json)
        return Exit.USAGE
    if arguments.json:
        say_json(page)
    else:
        _show(page)
    return Exit.DONE if page.runs else Exit.NO


def _show(page: SearchPage) -> None:
    bold = sys.stdout.isatty()
    for found in page.runs:
        head = found.run
        say(CONTROLS.sub(" ", f"{head.id}  {head.name}  {head.experiment}  {head.status}"))
        for hit in found.hits:
            say(f"  {CONTROLS.sub(' ', _where(hit))}: {_highlighted(hit, bold=bold)}")
        if found.more:
            say("  ...")
    for warning in page.warnings:
        say(f"warning: {warning}")
    total = f"{page.total:,}" if page.exact else f"at most {page.total:,}"
    say(f"{len(page.runs)} of {total} runs")


def _where(hit: Hit) -> str:
    match hit.kind:
        case "run":
            return hit.field
        case "message":
            names = [name for name, level in LEVELS.items() if level <= (hit.level or 0)]
            return " ".join(filter(None, (names[-1] if names else "message", hit.name)))
        case "text":
            return f"{hit.name}, step {hit.step:g}"
        case "code":
            return f"{hit.name}:{hit.line}" if hit.line else hit.name
        case _:
            rank = "" if hit.rank is None else f"rank {hit.rank}, "
            return f"{rank}line {hit.line}"


def _highlighted(hit: Hit, *, bold: bool) -> str:
    """Return what is shown of a hit, with its marks in bold on a terminal."""
    text, parts, at = CONTROLS.sub(" ", hit.text), [], 0
    for start, end in hit.marks if bold else ():
        parts += [text[at:start], BOLD, text[start:end], PLAIN]
        at = end
    return "".join([*parts, text[at:]])
