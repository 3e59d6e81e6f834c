"""Lists that questions about a store give back."""

from __future__ import annotations

from collections.abc import Sequence as List
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast, overload

import msgspec

from .dataframes import frame
from .text.hits import Hit

if TYPE_CHECKING:
    from pandas import DataFrame

    from .stored import Run

__all__ = ["Answer", "FoundRun"]


class _Recorded(Protocol):
    """What can be a row of a table."""

    def record(self) -> dict[str, Any]:
        """Return the cells by column."""
        ...


R = TypeVar("R", bound=_Recorded)


class FoundRun:
    """A run in which a question was found, with its best hits, the best one first."""

    def __init__(self, run: Run, hits: list[Hit], *, more: bool) -> None:
        self.run = run
        self.hits = hits
        self.more = more  # there may be more hits than these

    def __repr__(self) -> str:
        return f"<{self.run.id} {self.run.name!r}: {self.hits[0].text!r}>"

    def record(self) -> dict[str, Any]:
        """Return the best hit as a row of a table."""
        return {"run": self.run.id, "name": self.run.name, **msgspec.to_builtins(self.hits[0])}


class Answer(List[R], Generic[R]):
    """What a query or a search found: a list, and in words what was odd about the question.

    `total` is how many there are; of a search that may be more than the list has, and where it is
    not `exact`, it may be too large.
    """

    def __init__(
        self, items: list[R], warnings: list[str], *, total: int | None = None, exact: bool = True
    ) -> None:
        self._items = items
        self.warnings = warnings
        self.total = len(items) if total is None else total
        self.exact = exact

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> list[R]: ...
    def __getitem__(self, index: int | slice) -> R | list[R]:
        return self._items[index]

    def __repr__(self) -> str:
        return repr(self._items)

    def to_pandas(self) -> DataFrame:
        """Return a row for each run or series. Raises ValueRejected if pandas is not installed."""
        return cast("DataFrame", frame("pandas", [item.record() for item in self]))

    def to_polars(self) -> Any:
        """Return a row for each run or series. Raises ValueRejected if polars is not installed."""
        return frame("polars", [item.record() for item in self])
