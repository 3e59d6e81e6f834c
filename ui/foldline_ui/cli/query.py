"""The command that asks a query, or explains it."""

from __future__ import annotations

import argparse

import msgspec

from foldline_views.explain import Explanation, explained
from foldline_views.pages import matching_series
from foldline_views.query import Subject
from foldline_views.selection import Selection
from foldline_views.store import open_store

from .exits import Exit
from .terminal import say, say_json, table

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Print an id for each run that matches, a line for each series, or an explanation."""
    with open_store(arguments.store) as store:
        subject: Subject = "metric" if arguments.series else "run"
        searched = store.searched(arguments.query, subject)
        catalog = store.catalog()
        if arguments.explain:
            return _explain(explained(catalog, arguments.query, subject, searched), arguments)
        if arguments.series:
            rows, warnings = matching_series(catalog, arguments.query, searched)
            found = [catalog.series_row(row) for row in rows.tolist()]
            lines = [
                f"{one.run} {one.name} {msgspec.json.encode(one.context).decode()}" for one in found
            ]
        else:
            selection = Selection.of(catalog, arguments.query, searched)
            warnings = selection.warnings
            lines = [catalog.ids[row] for row in selection.rows.tolist()]
    if arguments.json:
        say_json({"matches": lines, "warnings": warnings})
        return Exit.DONE
    for line in [*lines, *(f"warning: {warning}" for warning in warnings)]:
        say(line)
    return Exit.DONE


def _explain(found: Explanation, arguments: argparse.Namespace) -> Exit:
    if arguments.json:
        say_json(found)
        return Exit.DONE
    rows = [
        (
            "  " * part.depth + part.text,
            part.column,
            f"{part.rows:,}",
            f"{part.cells:,}" if part.cells else "-",
            f"{part.ms:.2f}",
        )
        for part in found.parts
    ]
    say(table(("PART", "IS", "ROWS", "CELLS", "MS"), rows))
    say(f"{found.matches:,} of {found.total:,} match; {found.ms:.2f} ms")
    for warning in found.warnings:
        say(f"warning: {warning}")
    return Exit.DONE
