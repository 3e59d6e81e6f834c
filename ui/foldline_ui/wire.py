"""What travels over HTTP: requests, errors, notices.

Requests are bounded here, so that a route is only ever called with values it can serve. Unknown
fields are errors: a misspelt one would otherwise be ignored in silence. The answers about runs and
series are the views' own types (see `foldline_views.answers`).
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from foldline_ingest.batch import Damage
from foldline_views.quotas import Share
from foldline_views.styles import Aggregate, OtherSeries, Smooth

__all__ = [
    "ApiError",
    "Change",
    "Disk",
    "ErrorBody",
    "ExplainAsked",
    "Fold",
    "FramesAsked",
    "Health",
    "Nothing",
    "OneGroup",
    "OneMetric",
    "Request",
    "RunCounts",
    "RunsAsked",
    "SeriesAsked",
    "SeriesChange",
    "ShelfState",
    "SortBy",
    "StoreName",
]

QUERY_CHARS_MAX = 4096  # the query language takes no more; a person's query has a few hundred
SORTS_MAX = 8  # columns to sort by: more than a person can follow
RUNS_MAX = 1000  # rows of a page: about 1 MB of JSON with fifty params each
RUNS_DEFAULT = 100  # rows of a page: two screens
SERIES_MAX = 10_000  # series of an answer: every curve of the largest page, and some to spare
SERIES_DEFAULT = 2000  # series of an answer: what a page draws at once
SERIES_NUMBER_MAX = 0xFFFF_FFFF  # series numbers travel as u32 in frames
POINTS_MAX = 1024  # buckets of a series: the finest level that the views keep
EXPRESSIONS_MAX = 16  # of a request: each is worked out for every run
POINTS_DEFAULT = 256  # buckets of a series: one for every few pixels of a chart
CURSOR_CHARS_MAX = 16_384  # a cursor is ours: eight texts that rows were sorted by fit
KEYS_MAX = 8  # to group by: more groups than a person can tell apart
ROW_CELLS_MAX = 400  # the page asks for the cells in view, and some beside them
METRICS_MAX = 32  # whose figures a row has whole: each is a small curve of a table
GROUP_ID_CHARS_MAX = 64  # an id is ours: longer ones were made up

Query = Annotated[
    str, Meta(max_length=QUERY_CHARS_MAX, description="In Foldline's query language; '' is all.")
]
Word = Annotated[str, Meta(min_length=1, max_length=QUERY_CHARS_MAX)]
Cursor = Annotated[str, Meta(max_length=CURSOR_CHARS_MAX)]
Expression = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=QUERY_CHARS_MAX,
        description="Arithmetic over the series of a run, such as `train_loss / val_loss`.",
    ),
]
SeriesNumber = Annotated[int, Meta(ge=0, le=SERIES_NUMBER_MAX)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of all request bodies."""


class Nothing(Request, frozen=True):
    """The body of a request that has none."""


class SortBy(Request, frozen=True):
    """One column to sort by, such as `run.created_at` or `run.metrics["loss"].min`."""

    by: Annotated[str, Meta(min_length=1, max_length=QUERY_CHARS_MAX)]
    desc: bool = False


class OneGroup(Request, frozen=True):
    """One group of runs: what they were grouped by, and the id that the group was given."""

    by: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=KEYS_MAX)]
    id: Annotated[str, Meta(max_length=GROUP_ID_CHARS_MAX)]


class OneMetric(Request, frozen=True):
    """A metric of a run: its name and its whole context."""

    name: Annotated[str, Meta(max_length=QUERY_CHARS_MAX)]
    context: dict[str, Any] = {}


class RunsAsked(Request, frozen=True):
    """Which runs, in which order, and how many of them."""

    query: Query = ""
    sort: Annotated[tuple[SortBy, ...], Meta(max_length=SORTS_MAX)] = (
        SortBy("run.created_at", desc=True),
    )
    limit: Annotated[int, Meta(ge=1, le=RUNS_MAX)] = RUNS_DEFAULT
    cursor: Cursor | None = None
    group: OneGroup | None = None
    text: Annotated[
        str, Meta(max_length=QUERY_CHARS_MAX, description="A question of the search; '' is none.")
    ] = ""
    columns: (
        Annotated[
            tuple[Word, ...],
            Meta(max_length=ROW_CELLS_MAX, description="Rows are excerpts with these cells."),
        ]
        | None
    ) = None
    metrics: Annotated[tuple[OneMetric, ...], Meta(max_length=METRICS_MAX)] = ()
    offset: Annotated[
        int, Meta(ge=0, description="Runs to leave out before the first; none behind a cursor.")
    ] = 0


class ExplainAsked(Request, frozen=True):
    """Which query to explain, and what it is asked of."""

    query: Query = ""
    of: Literal["runs", "series"] = "runs"


class SeriesAsked(Request, frozen=True):
    """Which series, and how many of them."""

    query: Query = ""
    limit: Annotated[int, Meta(ge=1, le=SERIES_MAX)] = SERIES_DEFAULT
    offset: Annotated[int, Meta(ge=0, description="Series to leave out before the first.")] = 0
    columns: Annotated[
        tuple[Word, ...],
        Meta(max_length=ROW_CELLS_MAX, description="Of each run a cell is answered for each."),
    ] = ()


class FramesAsked(Request, frozen=True):
    """Which series, by `query` or by `ids`, and which part of them in how many buckets."""

    query: Query | None = None
    ids: Annotated[tuple[SeriesNumber, ...], Meta(max_length=SERIES_MAX)] | None = None
    x: Literal["step", "time", "relative", "epoch", "auto"] | OtherSeries = "step"
    points: Annotated[int, Meta(ge=1, le=POINTS_MAX)] = POINTS_DEFAULT
    range: tuple[float, float] | None = None
    columns: Annotated[
        tuple[Literal["last", "min", "max", "mean"], ...], Meta(min_length=1, max_length=4)
    ] = ("last", "min", "max")
    expressions: Annotated[tuple[Expression, ...], Meta(max_length=EXPRESSIONS_MAX)] = ()
    aggregate: Aggregate | None = None
    smooth: Smooth | None = None
    inherit: bool = False

    def __post_init__(self) -> None:
        """Refuse what no single field can tell; msgspec reports it like a wrong type."""
        if (self.query is None) == (self.ids is None):
            raise ValueError("Expected exactly one of `query` and `ids`")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("Expected each of `columns` once")
        if self.range is not None:
            low, high = self.range
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError("Expected `range` as [low, high] with low < high")


class ApiError(msgspec.Struct, frozen=True):
    """What went wrong, and what to do next."""

    code: str
    message: str
    hint: str | None = None
    at: tuple[int, int] | None = None
    """Of a wrong query: the range of characters, [start, end), that is to blame."""


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success."""

    error: ApiError


class StoreName(msgspec.Struct, frozen=True):
    """Which store is served."""

    name: str
    path: str


class Fold(msgspec.Struct, frozen=True):
    """How the fold is: live, catching up, rebuilding, or down."""

    state: str
    progress: float | None = None
    message: str | None = None


class ShelfState(msgspec.Struct, frozen=True):
    """How the views of one shelf are: those are folded, and made again, by themselves."""

    name: str
    state: str
    watermark: int
    lag_bytes: int
    progress: float | None = None


class RunCounts(msgspec.Struct, frozen=True):
    """How many runs there are."""

    total: int
    running: int


class Disk(msgspec.Struct, frozen=True):
    """What the store takes of the disk, and what is left, in bytes."""

    free_bytes: int
    log_bytes: int  # as it was written: what is packed takes less
    views_bytes: int
    blobs_bytes: int | None = None  # as it was measured last; None before the first time


class Health(msgspec.Struct, frozen=True):
    """How the server and its store are."""

    version: str
    store: StoreName
    watermark: int
    lag_bytes: int
    fold: Fold
    shelves: tuple[ShelfState, ...]
    runs: RunCounts
    disk: Disk
    damage: tuple[Damage, ...]
    quotas: list[Share]  # of the fullest experiments that have one


class SeriesChange(msgspec.Struct, frozen=True):
    """The newest point of a series that grew."""

    id: int
    run: str
    name: str
    context: dict[str, Any]
    count: int
    step: float
    value: float | str  # "NaN", "Infinity" and "-Infinity" are spelt out
    time: float


class Change(msgspec.Struct, frozen=True):
    """What changed since the listener's last notice."""

    watermark: int
    lag_bytes: int
    runs: tuple[str, ...]
    series: tuple[SeriesChange, ...]
    shelves: dict[str, tuple[str, ...]]
    """Runs of which more is in the views of other shelves, such as their lines."""
    truncated: bool
    """More changed than is told here: read again what is shown."""
