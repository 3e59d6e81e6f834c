"""The command that copies a store, and the check of such a copy."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec

from foldline.errors import StoreNotFound
from foldline.layout import Layout, store_path
from foldline_ingest import inventory
from foldline_ingest.backup import BackedUp, back_up
from foldline_views.examination import Finding, examine
from foldline_views.shelves import SHELVES

from .exits import Exit
from .terminal import ProgressBar, say, say_json, table, term, when

__all__ = ["Checked", "run"]


class Checked(msgspec.Struct):
    """What was found of a backup."""

    backup: str
    made_at: float
    segments: int
    points: int
    blobs: int
    findings: list[Finding]


def run(arguments: argparse.Namespace) -> Exit:
    """Copy what is new of a store, or read a copy whole; exit with 1 if anything is wrong."""
    folder = Path(arguments.backup)
    if arguments.check:
        return _check(Layout(folder.absolute()), as_json=arguments.json)
    layout = Layout(store_path(arguments.store))
    bars: dict[str, ProgressBar] = {}

    def hear(what: str, fraction: float) -> None:
        for other in bars.keys() - {what}:
            bars.pop(other).end()
        bars.setdefault(what, ProgressBar(f"copying {what}"))(fraction)

    start = time.monotonic()
    try:
        done = back_up(layout, folder, prune=arguments.prune, tokens=arguments.tokens, hear=hear)
    finally:
        for bar in bars.values():
            bar.end()
    if arguments.json:
        say_json(done)
    else:
        _tell(layout, done, time.monotonic() - start)
    return Exit.DONE if done.is_well else Exit.NO


def _tell(layout: Layout, done: BackedUp, seconds: float) -> None:
    say(
        f"{done.backup} has all of {layout.root}: {done.log_bytes:,} bytes of log\n"
        f"copied {done.segments:,} segments, {done.packs:,} packs and {done.blobs:,} blobs, "
        f"{done.bytes:,} bytes in {term(seconds)}"
    )
    if done.kept:
        say(f"kept {done.kept:,} segments and blobs that the store has no more (--prune)")
    if done.freed:
        say(f"freed {done.freed:,} segments and blobs that the store has no more")
    lines = [f"{place.segment}:{place.offset}: {place.reason}" for place in done.damage]
    for line in [*lines, *done.troubles]:
        sys.stderr.write(f"error: {line}\n")
    if not done.is_well:
        sys.stderr.write(
            "  hint: the rest was copied; foldline doctor says what is wrong with the store\n"
        )


def _check(backup: Layout, *, as_json: bool) -> Exit:
    listed = inventory.read(backup)
    if listed is None:
        raise StoreNotFound(
            f"there is no backup at {backup.root}", hint=f"foldline backup {backup.root}"
        )
    bar = ProgressBar("reading")
    try:
        found = examine(backup, blobs=True, hear=bar)
    finally:
        bar.end()
    # A backup has no views, and is not expected to.
    views = {shelf.name for shelf in SHELVES}
    findings = [one for one in found.findings if one.about not in views and one.wrong]
    findings += [
        Finding("backup", where, what, f"foldline backup {backup.root}")
        for where, what in inventory.lost(backup, listed)
    ]
    if not listed.made_at:
        findings.append(
            Finding("backup", ".", "it was never made to its end", f"foldline backup {backup.root}")
        )
    checked = Checked(
        str(backup.root), listed.made_at, found.segments, found.points, found.blobs, findings
    )
    if as_json:
        say_json(checked)
    else:
        _tell_checked(checked)
    return Exit.NO if findings else Exit.DONE


def _tell_checked(checked: Checked) -> None:
    say(
        f"{checked.backup}, made {when(checked.made_at)}: {checked.segments:,} segments, "
        f"{checked.points:,} points, {checked.blobs:,} blobs"
    )
    if checked.findings:
        rows = [(one.about, one.where, one.message, one.hint) for one in checked.findings]
        say(table(("ABOUT", "WHERE", "WHAT", "TO DO"), rows))
    else:
        say("every byte is as it was written")
