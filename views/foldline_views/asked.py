"""What is asked of the views, as it is sent."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .styles import OtherSeries, Style

__all__ = [
    "Best",
    "Edit",
    "ExportRequest",
    "FramesRequest",
    "GroupOf",
    "GroupSort",
    "MetricOf",
    "Sort",
]


class Sort(msgspec.Struct, forbid_unknown_fields=True):
    """One sort key, in the words of the query language."""

    by: str
    desc: bool = False


class MetricOf(msgspec.Struct, frozen=True):
    """A metric of a run: its name and its whole context."""

    name: str
    context: dict[str, Any] = {}


class GroupOf(msgspec.Struct, forbid_unknown_fields=True):
    """One group of runs: what they were grouped by, and the id that the group was given."""

    by: list[str]
    id: str


class GroupSort(msgspec.Struct, forbid_unknown_fields=True):
    """One key to sort groups by: `key`, `runs`, or a figure of a column."""

    by: str
    figure: Literal["count", "mean", "std", "min", "max", "median", "distinct"] = "mean"
    desc: bool = False

    @property
    def is_column(self) -> bool:
        """Whether `by` names a column of the runs."""
        return self.by not in {"key", "runs"}


class Best(msgspec.Struct, forbid_unknown_fields=True):
    """What makes a run the best one of its group."""

    by: str
    goal: Literal["minimize", "maximize"] = "minimize"


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """What a person changes of a run: only what is named.

    `fields` are of name, experiment, description and notes (texts; None takes one away), archived
    and deleted (bools).
    """

    fields: dict[str, str | bool | None] = {}
    tags_added: list[str] = []
    tags_removed: list[str] = []


class ExportRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which runs as a table, in which order, and with which columns; all of them if none is named.

    With `group_by` the rows are groups, with figures of the columns over all their members, in the
    order of `group_sort`.
    """

    query: str = ""
    sort: list[Sort] = []
    columns: list[str] = []
    group_by: list[str] = []
    best: Best | None = None
    group_sort: list[GroupSort] = []


class FramesRequest(Style, forbid_unknown_fields=True):
    """Which curves, and how: see `charts`."""

    query: str | None = None
    ids: list[int] | None = None
    x: Literal["step", "time", "relative", "epoch", "auto"] | OtherSeries = "step"
    points: int = 256
    range: tuple[float, float] | None = None
    columns: tuple[Literal["last", "min", "max", "mean"], ...] = ("last", "min", "max")
