"""The command that shows what a run printed and said."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterable

from foldline.ids import run_id
from foldline.layout import Layout, store_path
from foldline_views.following import Choice, Following
from foldline_views.logged import Line, Message

from .exits import Exit
from .terminal import say, say_json

__all__ = ["LEVELS", "run"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
# What could move the cursor of a terminal or give it orders; colours may stay.
ORDERS = re.compile(r"\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")
POLL_S = 0.2  # as soon as anybody reads; a poll costs a look at each of the run's segments


def run(arguments: argparse.Namespace) -> Exit:
    """Show what is there, and with --follow what comes, until the run is over."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    level = None if arguments.level is None else LEVELS[arguments.level]
    stream = "stderr" if arguments.stderr else None
    following = Following(layout, run_id(arguments.run), Choice(stream, arguments.rank, level))
    _show(following.begin(arguments.tail), as_json=arguments.json)
    while arguments.follow:
        found = following.more()
        _show(found, as_json=arguments.json)
        if not found and following.is_over():
            break
        time.sleep(POLL_S)
    _show(following.begun(), as_json=arguments.json)
    return Exit.DONE


def _show(found: Iterable[Line | Message], *, as_json: bool) -> None:
    for one in found:
        if as_json:
            say_json(one._asdict())
        elif isinstance(one, Line):
            say(ORDERS.sub("", one.text))
        else:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.time))
            who = f" {one.logger}" if one.logger else ""
            say(ORDERS.sub("", f"{when} {_name(one.level)}{who}: {one.text}"))


def _name(level: int) -> str:
    """Return the name of the highest level of `logging` that is not above this one."""
    names = [name for name, number in LEVELS.items() if number <= level]
    return names[-1] if names else str(level)
