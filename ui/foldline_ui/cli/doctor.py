"""The command that checks a store."""

from __future__ import annotations

import argparse

from foldline.layout import Layout, store_path
from foldline_views.examination import examine

from .exits import Exit
from .terminal import ProgressBar, say, say_json, table

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Say what is wrong with a store and what to type; exit with 1 if anything is."""
    layout = Layout(store_path(arguments.store))
    bar = ProgressBar("examining")
    try:
        found = examine(layout, blobs=arguments.blobs, hear=bar)
    finally:
        bar.end()
    if arguments.json:
        say_json(found)
        return Exit.DONE if found.is_well else Exit.NO
    say(
        f"looked at {found.segments:,} segments ({found.packed:,} of them packed), "
        f"{found.points:,} points, {found.blobs:,} blobs, {found.shelves} sets of views"
    )
    if found.findings:
        rows = [
            ("WRONG" if one.wrong else "note", one.about, one.where, one.message, one.hint)
            for one in found.findings
        ]
        say(table(("", "ABOUT", "WHERE", "WHAT", "TO DO"), rows))
    if found.left_out:
        say(f"{found.left_out:,} findings more are not listed")
    if found.is_well:
        say("nothing is wrong")
        return Exit.DONE
    wrong = sum(one.wrong for one in found.findings)
    say(f"{wrong:,} things are wrong; nothing was changed")
    return Exit.NO
