"""The command that shows in what runs differ."""

from __future__ import annotations

import argparse

import msgspec
import numpy as np

from foldline.ids import run_id
from foldline_views.answers import plain
from foldline_views.catalog import RunTable
from foldline_views.discovery import candidates, examined
from foldline_views.query import sort_key
from foldline_views.selection import Selection
from foldline_views.store import open_store

from .exits import Exit
from .terminal import NONE, say, say_json, table

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Print a line for each column in which the runs differ, and a cell for each run."""
    runs = list(dict.fromkeys(map(run_id, arguments.runs)))
    with open_store(arguments.store) as store:
        catalog = store.catalog()
        catalog.let_time_pass()
        rows = np.array([catalog.find(name) for name in runs], dtype=np.intp)
        selection = Selection(catalog, RunTable(catalog), rows, [])
        chosen = [one for one in candidates(selection) if one.word != "run.id"]
        found = examined(selection, chosen, top=0, differing=not arguments.all)
        words = [one.column for one in found if one is not None]
        cells = {
            word: sort_key(word).column(selection.table).take(rows).cells() for word in words
        }  # fmt: skip
    if arguments.json:
        lines = [{"column": word, "values": plain(cells[word])} for word in words]
        say_json({"runs": runs, "columns": lines})
        return Exit.DONE
    say(table(("COLUMN", *runs), [(word, *map(_text, cells[word])) for word in words]))
    return Exit.DONE


def _text(cell: object) -> str:
    if cell is None:
        return NONE
    if isinstance(cell, str):
        return " ".join(cell.split())
    return f"{cell:.6g}" if isinstance(cell, float) else msgspec.json.encode(plain(cell)).decode()
