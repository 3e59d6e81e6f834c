"""The commands that change runs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import anyio

from foldline.ids import run_id
from foldline_views.asked import Edit
from foldline_views.catalog import Catalog
from foldline_views.edits import edit_runs
from foldline_views.selection import Selection
from foldline_views.store import open_store

from ..audit import AuditEvent, write_down
from .exits import Exit
from .terminal import say, say_json

__all__ = ["archive", "delete", "note", "rename", "restore", "tag"]


def tag(arguments: argparse.Namespace) -> Exit:
    """Put tags on runs, or take them off."""
    if not arguments.add and not arguments.remove:
        sys.stderr.write("error: there is no tag\n  hint: --add best, or --remove best\n")
        return Exit.USAGE
    return _change(arguments, Edit({}, arguments.add, arguments.remove), "tagged")


def rename(arguments: argparse.Namespace) -> Exit:
    """Give a run a name."""
    arguments.runs = [arguments.run]
    return _change(arguments, Edit({"name": arguments.name or None}), "renamed")


def note(arguments: argparse.Namespace) -> Exit:
    """Write the notes of a run."""
    arguments.runs = [arguments.run]
    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    return _change(arguments, Edit({"notes": text or None}), "noted")


def archive(arguments: argparse.Namespace) -> Exit:
    """Put runs out of sight, or back into it."""
    if arguments.undo and arguments.query:
        arguments.query = f"({arguments.query}) and run.archived"
    edit = Edit({"archived": not arguments.undo})
    return _change(arguments, edit, "brought back" if arguments.undo else "archived")


def delete(arguments: argparse.Namespace) -> Exit:
    """Delete runs: nothing is freed, and for a month they can be had back."""
    status = _change(arguments, Edit({"deleted": True}), "deleted")
    if not arguments.json:
        say("`foldline runs restore` has them back, until `foldline gc` frees them after 30 days")
    return status


def restore(arguments: argparse.Namespace) -> Exit:
    """Have deleted runs back."""
    if arguments.query:
        arguments.query = f"({arguments.query}) and run.deleted"
    return _change(arguments, Edit({"deleted": False}), "restored")


def _change(arguments: argparse.Namespace, edit: Edit, done: str) -> Exit:
    """Log a change, and wait until it shows.

    Raises RunNotFound before anything is changed, and QueryError.
    """
    with open_store(arguments.store) as store:
        catalog = store.catalog()
        runs = _chosen(catalog, arguments)
        if runs:
            anyio.run(edit_runs, store.layout, catalog, runs, edit)
            asked = {"ids": list(runs), "edit": edit}
            event = AuditEvent(time.time(), "edit_runs", "owner", asked=asked)
            write_down(store.layout, event)
            catalog = store.catalog()
        heads = [catalog.heads[catalog.find(run)] for run in runs]
    if arguments.json:
        say_json({"runs": heads})
    else:
        say(f"{done} {len(heads):,} {'run' if len(heads) == 1 else 'runs'}")
    return Exit.DONE


def _chosen(catalog: Catalog, arguments: argparse.Namespace) -> Sequence[str]:
    if not arguments.query:
        return list(dict.fromkeys(map(run_id, arguments.runs)))
    rows = Selection.of(catalog, arguments.query).rows.tolist()
    return [catalog.ids[row] for row in rows]
