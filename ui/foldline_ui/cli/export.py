"""The command that writes runs as a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from foldline.errors import QueryError, StoreUnwritable
from foldline_views.asked import Best, ExportRequest, Sort
from foldline_views.export import Format, encoded, table_of, words_of
from foldline_views.query import sort_key
from foldline_views.store import open_store

from .exits import Exit
from .terminal import say, say_json

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Write exactly what is asked for; all of it is true for one commit."""
    best = Best(arguments.best, arguments.goal) if arguments.best else None
    for word in (
        *arguments.columns,
        *arguments.sort,
        *arguments.group_by,
        *([best.by] if best else ()),
    ):
        _check(arguments, word)
    if best is not None and not arguments.group_by:
        sys.stderr.write("error: --best is of groups\n  hint: add --group-by run.experiment, say\n")
        return Exit.USAGE
    asked = ExportRequest(
        arguments.query,
        [Sort(word, not arguments.ascending) for word in arguments.sort],
        arguments.columns,
        arguments.group_by,
        best,
    )
    kind: Format = "json" if arguments.json and not arguments.output else arguments.format
    with open_store(arguments.store) as store:
        searched = store.searched(asked.query, words=words_of(asked))
        made = table_of(store.catalog(), asked, searched)
    parts = encoded(made, kind, spreadsheet=arguments.spreadsheet)
    if not arguments.output:
        _print(parts)
        return Exit.DONE
    size = _write(Path(arguments.output), parts)
    if arguments.json:
        say_json(
            {"file": arguments.output, "rows": made.rows, "columns": made.heads, "bytes": size}
        )
    else:
        say(
            f"{made.rows:,} rows of {len(made.heads):,} columns, {size:,} bytes: {arguments.output}"
        )
    return Exit.DONE


def _check(arguments: argparse.Namespace, word: str) -> None:
    try:
        sort_key(word)
    except QueryError:
        arguments.query = word  # the text that the error's caret points into
        raise


def _print(parts: Iterable[bytes]) -> None:
    output = getattr(sys.stdout, "buffer", None)
    for part in parts:
        if output is None:  # somebody's own standard output, which takes texts
            sys.stdout.write(part.decode("utf-8", "replace"))
        else:
            output.write(part)
    sys.stdout.flush()


def _write(path: Path, parts: Iterable[bytes]) -> int:
    """Write a file whole or not at all; return its size in bytes. Raises StoreUnwritable."""
    draft = path.with_name(f".{path.name}.partial")
    try:
        with draft.open("wb") as file:
            for part in parts:
                file.write(part)
        size = draft.stat().st_size
        draft.replace(path)
    except OSError as error:
        raise StoreUnwritable(
            f"{path} can't be written: {error.strerror or error}",
            hint="choose another place with --output",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return size
