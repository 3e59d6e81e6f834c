"""The commands about runs."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio
import msgspec

from foldline.errors import QueryError, ViewDamaged
from foldline.ids import run_id
from foldline.layout import Layout, store_path
from foldline_views.asked import Sort
from foldline_views.folding import catch_up
from foldline_views.query import parse, sort_key
from foldline_views.reader import Views
from foldline_views.shelf import Shelf
from foldline_views.shelves import CATALOG, TEXT

from .exits import Exit
from .terminal import NONE, say, say_json, table, term, when

__all__ = ["answer_of", "list_runs", "show_run"]

Answer = TypeVar("Answer")


def list_runs(arguments: argparse.Namespace) -> Exit:
    """List the runs that match, newest first if nothing else is asked for."""
    sort = [_sort(arguments)]
    page = answer_of(
        arguments,
        lambda views: views.runs(arguments.query, sort=sort, limit=arguments.limit, cursor=None),
        shelves=(CATALOG, TEXT) if parse(arguments.query).searches else (CATALOG,),
    )
    if arguments.json:
        say_json(page)
        return Exit.DONE
    rows = [
        (
            run.id,
            run.status,
            run.name or NONE,
            run.experiment or NONE,
            when(run.created_at),
            term(run.duration),
            ", ".join(run.tags) or NONE,
        )
        for run in page.rows
    ]
    say(table(("ID", "STATUS", "NAME", "EXPERIMENT", "CREATED", "TOOK", "TAGS"), rows))
    for warning in page.warnings:
        say(f"warning: {warning}")
    if page.total > len(rows):
        say(f"{len(rows)} of {page.total} runs; --limit shows more, --query picks")
    return Exit.DONE


def show_run(arguments: argparse.Namespace) -> Exit:
    """Show one run whole."""
    run = answer_of(arguments, lambda views: views.run(run_id(arguments.run)))
    if arguments.json:
        say_json(run)
        return Exit.DONE
    facts = [
        ("id", run.id),
        ("name", run.name),
        ("experiment", run.experiment),
        ("description", run.description),
        ("status", run.status),
        ("tags", ", ".join(run.tags)),
        ("created", when(run.created_at)),
        ("took", term(run.duration)),
        ("notes", run.notes),
    ]
    if run.error is not None:
        facts.append(("error", f"{run.error.type}: {run.error.message}"))
    say(table(("RUN", ""), [(name, text) for name, text in facts if text]))
    if run.params:
        say("\n" + table(("PARAM", "VALUE"), list(_flat("", run.params))))
    if run.metrics:
        rows = [
            (
                metric.name,
                msgspec.json.encode(metric.context).decode() if metric.context else NONE,
                f"{metric.count:,}",
                _number(metric.last.value),
                _number(metric.min.value if metric.min else None),
                _number(metric.max.value if metric.max else None),
            )
            for metric in run.metrics
        ]
        say("\n" + table(("METRIC", "CONTEXT", "POINTS", "LAST", "MIN", "MAX"), rows))
    return Exit.DONE


def _sort(arguments: argparse.Namespace) -> Sort:
    try:
        sort_key(arguments.sort)
    except QueryError:
        arguments.query = arguments.sort  # the text that the error's caret points into
        raise
    return Sort(arguments.sort, not arguments.ascending)


def answer_of(
    arguments: argparse.Namespace,
    ask: Callable[[Views], Awaitable[Answer]],
    *,
    shelves: Sequence[Shelf] = (CATALOG,),
) -> Answer:
    """Fold what is new, unless a server does that already, then ask the views.

    Raises StoreNotFound, StoreTooNew and whatever asking raises.
    """

    async def read() -> Answer:
        layout = Layout(store_path(arguments.store))
        await catch_up(layout, shelves=shelves)
        views = await Views.open(layout.views)
        try:
            return await ask(views)
        finally:
            await views.close()

    try:
        return anyio.run(read)
    except ViewDamaged:
        return anyio.run(read)  # they are made again


def _flat(path: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [
            row
            for name, inner in value.items()
            for row in _flat(f"{path}.{name}" if path else str(name), inner)
        ]
    return [(path, value if isinstance(value, str) else msgspec.json.encode(value).decode())]


def _number(value: float | str | None) -> str:
    if value is None:
        return NONE
    return value if isinstance(value, str) else f"{value:.6g}"
