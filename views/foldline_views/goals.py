"""Which value of a series is its best.

A script says so with `define_metric(name, goal=)`; the name may be a glob.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from .column import ABSENT, Column, Numbers, Objects, Texts

__all__ = ["best"]

DIRECTIONS = {"minimize": -1, "maximize": 1}


def _direction(goals: dict[str, str], name: str) -> int:
    """Return -1 if the lowest value of a series is its best, 1 if the highest, 0 if unknown.

    What was said of its own name counts, else the last that was said of a glob that matches it.
    """
    globs = (goals[glob] for glob in reversed(goals) if fnmatchcase(name, glob))
    return DIRECTIONS.get(goals[name] if name in goals else next(globs, ""), 0)


def best(low: Numbers, high: Numbers, goals: Column | None, names: str | Column | None) -> Numbers:
    """Return `low` where the goal is to minimize, `high` where it is to maximize, else missing.

    `goals` holds in each row what its run says of its metrics, as {name or glob: goal}; `names` the
    series' name, or a column of their names.
    """
    wanted = np.zeros(len(low), np.int64)
    if isinstance(goals, Objects):
        held, code = _distinct(goals)
        if isinstance(names, Texts):
            words: Sequence[str] = names.words
            table = np.zeros((len(held) + 1, len(words) + 1), np.int64)
            for row, said in enumerate(held):
                table[row, :-1] = [_direction(said, word) for word in words]
            wanted = table[code, names.codes]
        else:
            name = names if isinstance(names, str) else ""
            wanted = np.array([*(_direction(said, name) for said in held), 0])[code]
    values = np.where(wanted < 0, low.values, np.where(wanted > 0, high.values, np.nan))
    tags = np.where(wanted < 0, low.tags, np.where(wanted > 0, high.tags, ABSENT))
    return Numbers(values, tags.astype(np.uint8))


def _distinct(column: Objects) -> tuple[list[dict[str, str]], NDArray[np.int64]]:
    """Return the distinct dicts of a column and each row's place among them, -1 for none."""
    if column.codes is not None:
        said = [cell if isinstance(cell, dict) else {} for cell in column.objects]
        return said, column.codes.astype(np.int64)
    index: dict[str, int] = {}
    held: list[dict[str, str]] = []
    codes = np.full(len(column), -1, np.int64)
    for row, cell in enumerate(column.objects):
        if isinstance(cell, dict):
            key = repr(cell)
            if key not in index:
                index[key] = len(held)
                held.append(cell)
            codes[row] = index[key]
    return held, codes
