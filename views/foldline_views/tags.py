"""The tags of all runs, counted and changed."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import numpy as np

from .catalog import Catalog
from .column import Objects, Rows
from .sight import created_at, flags
from .tagwords import TagWords

__all__ = ["TagRow", "TagsEdited", "TagsPage", "tagged", "tags_page"]


class TagRow(msgspec.Struct):
    """A tag: how many runs in sight have it, how many archived ones, and what people say of it."""

    tag: str
    runs: int = 0
    archived: int = 0
    last_used: float | None = None  # when the newest run that has it was created
    color: str = ""
    description: str = ""


class TagsPage(msgspec.Struct):
    """All tags that a run has, or that somebody described, by name."""

    tags: list[TagRow]
    watermark: int


class TagsEdited(msgspec.Struct):
    """How many runs were changed, and how many are left to be."""

    runs: int
    left: int
    folded: bool
    watermark: int


def tags_page(catalog: Catalog, words: TagWords) -> TagsPage:
    """Return every tag; deleted runs don't count."""
    lists, codes = _lists(catalog)
    archived, deleted = flags(catalog, "archived"), flags(catalog, "deleted")
    created = created_at(catalog)
    alive = (codes >= 0) & ~deleted
    newest = np.full(len(lists), -np.inf)
    np.maximum.at(newest, codes[alive], created[alive])
    shown = np.bincount(codes[alive & ~archived], minlength=len(lists)).tolist()
    hidden = np.bincount(codes[alive & archived], minlength=len(lists)).tolist()
    found: dict[str, TagRow] = {}
    for tags, runs, more, last in zip(lists, shown, hidden, newest.tolist(), strict=True):
        for tag in tags if runs or more else ():
            row = found.setdefault(tag, TagRow(tag))
            row.runs += runs
            row.archived += more
            row.last_used = max(last, row.last_used or 0.0)
    for tag, word in words.tags.items():
        if not (catalog.is_whole or tag in found):
            continue  # a tag of runs out of reach
        row = found.setdefault(tag, TagRow(tag))
        row.color, row.description = word.color, word.description
    return TagsPage(sorted(found.values(), key=lambda row: row.tag), catalog.watermark)


def tagged(catalog: Catalog, tags: Collection[str]) -> list[str]:
    """Return the runs that have one of these tags, archived ones too, but no deleted ones."""
    lists, codes = _lists(catalog)
    wanted = {at for at, held in enumerate(lists) if not held.isdisjoint(tags)}
    chosen = np.isin(codes, np.fromiter(wanted, np.int64, len(wanted)))
    rows = np.flatnonzero(chosen & ~flags(catalog, "deleted"))
    return [catalog.heads[row].id for row in rows.tolist()]


def _lists(catalog: Catalog) -> tuple[list[frozenset[str]], Rows]:
    """Return the different lists of tags, and which of them each run has; -1 is none."""
    column = catalog.runs.column(("tags",))
    if not isinstance(column, Objects):
        return [], np.full(catalog.runs.rows, -1, np.intp)
    if column.codes is not None:
        return [frozenset(held or ()) for held in column.objects], column.codes.astype(np.intp)
    index: dict[frozenset[str], int] = {}
    codes = [
        -1 if not held else index.setdefault(frozenset(held), len(index)) for held in column.cells()
    ]
    return list(index), np.array(codes, np.intp)
