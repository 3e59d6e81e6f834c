"""Requests about runs as tables: groups, columns, files, edits."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from foldline.params import TEXT_CHARS_MAX
from foldline_views.tagwords import Tag

from .wire import (
    KEYS_MAX,
    QUERY_CHARS_MAX,
    RUNS_DEFAULT,
    SORTS_MAX,
    Cursor,
    Query,
    Request,
    SortBy,
    Word,
)

__all__ = [
    "BestBy",
    "ColumnsAsked",
    "ExportAsked",
    "GroupSortBy",
    "GroupsAsked",
    "RunEdit",
    "RunsEdit",
]

FIGURES_MAX = 100  # columns with figures of groups: a hundred arrays over all groups
GROUPS_MAX = 1000  # of an answer, as of runs
COLUMNS_MAX = 10_000  # of an answer or a file: about 5 MB of JSON
COLUMNS_DEFAULT = 1000  # of an answer: more than a list shows
VALUES_MAX = 100  # of a column in an answer: what a menu shows
EDITS_MAX = 1000  # runs that one request changes: some seconds of syncing files
EDIT_TAGS_MAX = 100  # that one request puts on a run or takes off it
EDIT_NAME_CHARS_MAX = 1000  # a longer name is a description

RunName = Annotated[str, Meta(min_length=1, max_length=EDIT_NAME_CHARS_MAX)]
Tags = Annotated[tuple[Tag, ...], Meta(max_length=EDIT_TAGS_MAX)]


class BestBy(Request, frozen=True):
    """What makes a run the best one of its group."""

    by: Word
    goal: Literal["minimize", "maximize"] = "minimize"


class GroupSortBy(Request, frozen=True):
    """One key to sort groups by: `key`, `runs`, or a figure of a column."""

    by: Word
    figure: Literal["count", "mean", "std", "min", "max", "median", "distinct"] = "mean"
    desc: bool = False


class GroupsAsked(Request, frozen=True):
    """Which runs in which groups, and which figures of them."""

    by: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=KEYS_MAX)]
    query: Query = ""
    columns: Annotated[tuple[Word, ...], Meta(max_length=FIGURES_MAX)] = ()
    best: BestBy | None = None
    sort: Annotated[tuple[GroupSortBy, ...], Meta(max_length=SORTS_MAX)] = ()
    limit: Annotated[int, Meta(ge=1, le=GROUPS_MAX)] = RUNS_DEFAULT
    cursor: Cursor | None = None


class ColumnsAsked(Request, frozen=True):
    """Which columns of which runs, and how many of their values."""

    query: Query = ""
    like: Annotated[str, Meta(max_length=QUERY_CHARS_MAX)] = ""
    sources: Annotated[
        tuple[Literal["field", "param", "summary", "metric"], ...], Meta(max_length=4)
    ] = ()
    differing: bool = False
    values: Annotated[int, Meta(ge=0, le=VALUES_MAX)] = 20
    limit: Annotated[int, Meta(ge=1, le=COLUMNS_MAX)] = COLUMNS_DEFAULT
    cursor: Cursor | None = None


class ExportAsked(Request, frozen=True):
    """Which runs or groups as a file, in which order, with which columns."""

    format: Literal["csv", "json", "jsonl", "parquet", "latex"] = "csv"
    query: Query = ""
    sort: Annotated[tuple[SortBy, ...], Meta(max_length=SORTS_MAX)] = ()
    columns: Annotated[tuple[Word, ...], Meta(max_length=COLUMNS_MAX)] = ()
    group_by: Annotated[tuple[Word, ...], Meta(max_length=KEYS_MAX)] = ()
    best: BestBy | None = None
    group_sort: Annotated[tuple[GroupSortBy, ...], Meta(max_length=SORTS_MAX)] = ()
    spreadsheet: bool = False

    def __post_init__(self) -> None:
        """Refuse what would be taken for something else."""
        if (self.best is not None or self.group_sort) and not self.group_by:
            raise ValueError("Expected `group_by` beside `best` and `group_sort`")
        if self.group_by and self.sort:
            raise ValueError("Expected no `sort` beside `group_by`: `group_sort` is of groups")


class RunEdit(Request, frozen=True):
    """What to change of a run: only what is named. A text that is null is taken away."""

    name: Annotated[str, Meta(max_length=EDIT_NAME_CHARS_MAX)] | UnsetType | None = UNSET
    experiment: Annotated[str, Meta(max_length=EDIT_NAME_CHARS_MAX)] | UnsetType | None = UNSET
    description: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] | UnsetType | None = UNSET
    notes: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] | UnsetType | None = UNSET
    archived: bool | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    tags_added: Tags = ()
    tags_removed: Tags = ()

    def __post_init__(self) -> None:
        """Refuse what changes nothing, or contradicts itself."""
        if not (self.fields or self.tags_added or self.tags_removed):
            raise ValueError("Expected something to change")
        if both := {*self.tags_added} & {*self.tags_removed}:
            raise ValueError(f"Expected {min(both)!r} to be added or removed, not both")

    @property
    def fields(self) -> dict[str, str | bool | None]:
        """The fields that are named, with their new values."""
        names = ("name", "experiment", "description", "notes", "archived", "deleted")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not UNSET}


class RunsEdit(Request, frozen=True):
    """One change of many runs."""

    ids: Annotated[tuple[RunName, ...], Meta(min_length=1, max_length=EDITS_MAX)]
    edit: RunEdit
