"""The tree of forks that a run is in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec
import numpy as np

from .catalog import Catalog
from .column import Numbers, Texts

__all__ = ["LineagePage", "Relative", "lineage_page"]

RELATIVES_MAX = 500  # runs of an answer: more than a tree that anybody looks through
ANCESTORS_MAX = 100  # forks of forks of forks: a circle, which damage could make, ends here


class Relative(msgspec.Struct):
    """A run in a tree of forks."""

    id: str
    name: str
    experiment: str
    status: str
    created_at: float
    archived: bool
    deleted: bool
    parent: str | None  # which may be in no store of ours
    step: float | None  # of the parent, from which it goes on


class LineagePage(msgspec.Struct):
    """The ancestors of a run, the first of them first, the run, and all that go on from it."""

    runs: list[Relative]
    total: int
    watermark: int


def lineage_page(catalog: Catalog, run: str) -> LineagePage:
    """Return at most RELATIVES_MAX relatives of a run, parents before children.

    Raises RunNotFound.
    """
    row = catalog.find(run)
    column = catalog.runs.column(("parent",))
    parents = column if isinstance(column, Texts) else None
    ancestors = [] if parents is None else list(_ancestors(catalog, parents, row))[::-1]
    below = [] if parents is None else _descendants(catalog, parents, {row, *ancestors}, row)
    rows = [*ancestors, row, *below]
    shown = [_relative(catalog, one, parents) for one in rows[:RELATIVES_MAX]]
    return LineagePage(shown, len(rows), catalog.watermark)


def _ancestors(catalog: Catalog, parents: Texts, row: int) -> Iterator[int]:
    seen = {row}
    for _ in range(ANCESTORS_MAX):
        parent = parents.cell(row)
        above = None if parent is None else catalog.row_of.get(parent)
        if above is None or above in seen:
            return
        seen.add(above)
        row = above
        yield row


def _descendants(catalog: Catalog, parents: Texts, known: set[int], row: int) -> list[int]:
    """Return the rows of all that go on from a run, nearer ones first."""
    order = np.argsort(parents.codes, kind="stable")
    codes = parents.codes[order]
    code_of = {word: code for code, word in enumerate(parents.words)}
    found: list[int] = []
    waiting = deque([row])
    while waiting:
        code = code_of.get(catalog.heads[waiting.popleft()].id)
        if code is None:
            continue
        start, end = np.searchsorted(codes, [code, code + 1]).tolist()
        children = [child for child in order[start:end].tolist() if child not in known]
        known.update(children)
        found += children
        waiting.extend(children)
    return found


def _relative(catalog: Catalog, row: int, parents: Texts | None) -> Relative:
    head = catalog.heads[row]
    steps = catalog.runs.column(("forked_step",))
    step = steps.cell(row) if isinstance(steps, Numbers) else None
    return Relative(
        id=head.id,
        name=head.name,
        experiment=head.experiment,
        status=head.status,
        created_at=head.created_at,
        archived=head.archived,
        deleted=head.deleted_at is not None,
        parent=None if parents is None else parents.cell(row),
        step=None if step is None else float(step),
    )
