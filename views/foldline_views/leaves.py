"""Cells of many runs, gathered by path.

Runs come one after another, columns are made one after another: a cell that is put here costs a
look-up in a dict and two appends, and a path is spelt out once for all runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .column import Path, Rows

__all__ = ["Leaves"]


class _Branch:
    """A place in the tree of paths: what lies at it, and what lies below."""

    __slots__ = ("below", "rows", "values")

    def __init__(self) -> None:
        self.below: dict[str, _Branch] = {}
        self.rows: list[int] = []
        self.values: list[Any] = []


class Leaves:
    """Cells that wait to become columns."""

    def __init__(self) -> None:
        self._root = _Branch()

    def put(self, row: int, path: Path, value: Any) -> None:
        """Put one cell; None is missing."""
        if value is None:
            return
        branch = self._root
        for key in path:
            branch = _below(branch, key)
        branch.rows.append(row)
        branch.values.append(value)

    def put_tree(self, row: int, path: Path, tree: Mapping[str, Any]) -> None:
        """Put a cell for each leaf of a tree; an empty dict in it is a leaf."""
        branch = self._root
        for key in path:
            branch = _below(branch, key)
        _fill(branch, row, tree)

    def columns(self) -> Iterator[tuple[Path, Rows, list[Any]]]:
        """Yield each path with the rows that have a cell there, and their values."""
        return _columns(self._root, ())


def _below(branch: _Branch, key: str) -> _Branch:
    found = branch.below.get(key)
    if found is None:
        found = branch.below[key] = _Branch()
    return found


def _fill(branch: _Branch, row: int, tree: Mapping[str, Any]) -> None:
    below = branch.below
    for key, value in tree.items():
        inner = below.get(key)
        if inner is None:
            inner = below[key] = _Branch()
        if type(value) is dict and value:
            _fill(inner, row, value)
        elif value is not None:
            inner.rows.append(row)
            inner.values.append(value)


def _columns(branch: _Branch, path: Path) -> Iterator[tuple[Path, Rows, list[Any]]]:
    if branch.rows:
        yield path, np.array(branch.rows, np.intp), branch.values
    for key, inner in branch.below.items():
        yield from _columns(inner, (*path, key))
