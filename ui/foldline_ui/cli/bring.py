"""The command that brings in what other trackers logged."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from foldline.errors import ForeignUnreadable
from foldline.layout import Layout, store_path
from foldline_ingest.imports.bringing import Brought, bring, segment_of
from foldline_ingest.imports.finding import find
from foldline_ingest.imports.foreign import ForeignRun

from .exits import Exit
from .terminal import ProgressBar, complain, say, say_json, table, when

__all__ = ["run"]


class _Report(msgspec.Struct):
    """What was brought in, and what could not be."""

    runs: list[Brought] = []
    unreadable: list[str] = []


def run(arguments: argparse.Namespace) -> Exit:
    """Bring in all runs below some folders; exit with 1 if one of them can't be read."""
    layout = Layout(store_path(arguments.store))
    found = [one for path in arguments.paths for one in find(Path(path), arguments.tracker or "")]
    if arguments.dry_run:
        _list(found, arguments)
        return Exit.DONE
    layout.create()
    report = _Report()
    for one in _watched(found):
        try:
            report.runs.append(bring(layout, one, arguments.experiment))
        except ForeignUnreadable as error:
            report.unreadable.append(error.message)
            complain(error, as_json=arguments.json)
    if arguments.json:
        say_json(report)
    else:
        _tell(report, layout)
    return Exit.NO if report.unreadable else Exit.DONE


def _watched(found: list[ForeignRun]) -> Iterator[ForeignRun]:
    """Yield runs, and show how far they are by the bytes of their files."""
    bar = ProgressBar("bringing in")
    sizes = [sum(file.stat().st_size for file in one.files if file.exists()) for one in found]
    done, total = 0, sum(sizes) or 1
    try:
        for one, size in zip(found, sizes, strict=True):
            yield one
            done += size
            bar(done / total)
    finally:
        bar.end()


def _list(found: list[ForeignRun], arguments: argparse.Namespace) -> None:
    if arguments.json:
        for one in found:
            say_json(
                {"run": segment_of(one).run, "tracker": one.tracker, "name": one.name,
                 "experiment": arguments.experiment or one.experiment, "began": one.began}
            )  # fmt: skip
        return
    rows = [
        (
            segment_of(one).run,
            one.tracker,
            one.name,
            arguments.experiment or one.experiment,
            when(one.began),
        )
        for one in found
    ]
    say(table(("ID", "TRACKER", "NAME", "EXPERIMENT", "BEGAN"), rows))


def _tell(report: _Report, layout: Layout) -> None:
    new = [one for one in report.runs if not one.there]
    points, values = sum(one.points for one in new), sum(one.values for one in new)
    say(
        f"brought in {len(new):,} runs with {points:,} points and {values:,} images, texts and such"
    )
    if there := len(report.runs) - len(new):
        say(f"{there:,} were there already, and are as they were")
    left_out: Counter[str] = Counter()
    for one in new:
        left_out.update(one.left_out)
    for what, count in left_out.most_common():
        sys.stderr.write(f"left out, {count:,} times: {what}\n")
    if new:
        say(f"foldline up --store {layout.root}   shows them")
