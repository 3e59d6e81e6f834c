"""The command that lists what people and tokens did."""

from __future__ import annotations

import argparse
from collections import deque

import msgspec

from foldline.layout import Layout, store_path

from ..audit import AuditEvent, events
from .exits import Exit
from .terminal import say, say_json, table, when

__all__ = ["run"]

ASKED_CHARS_MAX = 60  # of what was asked, in a table: --json has all


def run(arguments: argparse.Namespace) -> Exit:
    """List the last events, the newest last."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    found = deque(events(layout), arguments.limit)
    if arguments.json:
        say_json({"events": [msgspec.to_builtins(event) for event in found]})
    elif found:
        heads = ("WHEN", "WHAT", "WHO", "FROM", "OF", "ASKED")
        say(table(heads, [_row(event) for event in found]))
    else:
        say("nothing is written down: signing in, tokens and changes are, once there are any")
    return Exit.DONE


def _row(event: AuditEvent) -> tuple[str, ...]:
    of = " ".join(value for value in event.of.values() if value)
    asked = "" if event.asked is None else msgspec.json.encode(event.asked).decode()
    if event.more:
        asked = f"and {event.more} more before it"
    if len(asked) > ASKED_CHARS_MAX:
        asked = asked[: ASKED_CHARS_MAX - 1] + "…"
    return (
        when(event.time), event.what, event.who or "-", event.address or "-", of or "-", asked
    )  # fmt: skip
