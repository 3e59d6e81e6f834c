"""What a query is asked over, as the evaluator sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .column import Column, Numbers, Path, Rows

__all__ = ["Table"]


class Table(Protocol):
    """Runs, or series with their run's columns taken per series.

    A path is `("name",)` for a field of the run, `("params", "hparams", "lr")` for a param, and in
    a table of series also `("metric", "name")`, `("metric", "context")` (dicts),
    `("metric", "context", "subset")` and `("metric", "last")`. Every column has `rows` rows.
    """

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def column(self, path: Path) -> Column | None:
        """Return the column at a path, or None if no row has it."""
        ...

    def is_branch(self, path: Path) -> bool:
        """Whether some row has something under a path, and none has anything at it but {}."""
        ...

    def present(self, path: Path) -> NDArray[np.bool_]:
        """Return which rows have anything at a path or under it."""
        ...

    def cells_under(self, path: Path) -> int:
        """Return how many cells lie under a path: what its column of dicts is made of."""
        ...

    def known_paths(self) -> Iterable[Path]:
        """Return the paths that some row has, to suggest one."""
        ...

    def pairs(self, name: str) -> tuple[Rows, Rows]:
        """Return each row with each series of this name that its run has: rows, and series.

        In the order of the rows; of each row the series without a context comes first.
        """
        ...

    def figures(self, series: Rows, field: str) -> Numbers:
        """Return a summary field of each of these series; -1 stands for none.

        `field` is one of words.METRIC_FIELDS but for `has_nan` and those of the best value, which
        are made of others.
        """
        ...

    def metric(self, name: str, context: Mapping[str, Any], field: str) -> Column | None:
        """Return a summary field of each row's run's series of exactly this name and context."""
        ...

    def known_metrics(self) -> Iterable[str]:
        """Return the names of all metrics, to suggest one."""
        ...
