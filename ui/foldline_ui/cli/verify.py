"""The command that checks the log."""

from __future__ import annotations

import argparse
import sys

from foldline.layout import Layout, store_path
from foldline_ingest.verify import verify

from .exits import Exit
from .terminal import say, say_json, table

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Read every segment; exit with 1 if anything in it is damaged."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    report = verify(layout)
    if arguments.json:
        say_json(report)
    else:
        say(
            f"{report.segments:,} segments, {report.bytes:,} bytes, {report.events:,} events, "
            f"{report.points:,} points"
        )
        if report.torn:
            # An unfinished end is what a killed process leaves; nothing that was kept is lost.
            say(f"{len(report.torn):,} segments end in an unfinished record, which is normal")
        if report.damage:
            rows = [
                (f"{place.segment}:{place.offset}", f"{place.length:,}", place.reason)
                for place in report.damage
            ]
            say(table(("FILE:OFFSET", "BYTES", "REASON"), rows))
        else:
            say("nothing is damaged")
    if not report.damage:
        return Exit.DONE
    sys.stderr.write(
        f"error: {len(report.damage):,} places in the log are damaged\n"
        "  hint: the rest is read as ever; restore these files from a backup, "
        "then run: foldline rebuild\n"
    )
    return Exit.NO
