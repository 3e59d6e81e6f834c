"""How what runs hold beside points is asked for.

What stands behind the question mark of an address is read into these; a search takes one as its
body.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from foldline_views.captured import ArtifactsRequest
from foldline_views.contents import (
    HitsRequest,
    LinesRequest,
    MessagesRequest,
    StepsRequest,
    ValuesRequest,
)
from foldline_views.pointpages import PointsRequest
from foldline_views.portions import ParamsRequest, RunSeriesRequest

from .wire import QUERY_CHARS_MAX, Request, SeriesNumber

__all__ = [
    "ActivityAsked",
    "ArtifactsAsked",
    "BlobAsked",
    "HitsAsked",
    "HomeAsked",
    "LinesAsked",
    "MessagesAsked",
    "ParamsAsked",
    "PointsAsked",
    "RunSeriesAsked",
    "RunsValuesAsked",
    "SearchAsked",
    "StepAsked",
    "StepsAsked",
    "TimeAsked",
    "ValuesAsked",
    "VersionsAsked",
]

LINES_MAX = 5000  # lines of an answer: a hundred screens, and half a MB
LINES_DEFAULT = 200  # lines of an answer: a few screens
HITS_MAX = 1000  # lines of an answer that hold a text: more than anybody reads
HITS_DEFAULT = 100
TEXT_CHARS_MAX = 256  # of a text that is looked for in every line
MESSAGES_MAX = 1000  # messages of an answer: 300 KB
MESSAGES_DEFAULT = 200
POINTS_MAX = 1_000_000  # points of an answer: 32 MB
ENTRIES_MAX = 1000  # entries of an answer: more pictures than a page shows
ENTRIES_DEFAULT = 100
FOUND_MAX = 200  # runs of a search: five screens; who wants all asks a query
FOUND_DEFAULT = 20
FOUND_HITS_MAX = 30  # of one run: what is looked through is the newest 32 documents
FOUND_HITS_DEFAULT = 3
STEPS_MAX = 10_000  # of an answer: a slider has fewer places
PARAMS_MAX = 10_000  # values of an answer, of 4 KiB at most: settings have a few hundred bytes
PATH_CHARS_MAX = 40_000  # of a param's path as JSON: 32 parts of names as long as anybody gives
RUN_SERIES_MAX = 1000  # of an answer, with their figures: 300 KB
ARTIFACTS_MAX = 1000  # of an answer, with up to a hundred files each
HOME_MAX = 100  # of each kind of thing on a home page: more than a screen
DAYS_MAX = 3660  # ten years: a calendar shows one
OFFSET_MIN_MAX = 24 * 60  # no clock on earth is farther from UTC than fourteen hours
WORD_CHARS_MAX = 1000  # of a name, a kind, a writer: real ones have fewer
PLACE_MAX = 1 << 53  # beyond it JavaScript has no whole numbers
CURSOR_CHARS_MAX = 8192  # a cursor of ours names a place for each of a run's writers

Word = Annotated[str, Meta(max_length=WORD_CHARS_MAX)]
Cursor = Annotated[str, Meta(max_length=CURSOR_CHARS_MAX)]
Rank = Annotated[int, Meta(ge=0, le=PLACE_MAX)]


class LinesAsked(Request, frozen=True):
    """Which lines of a run, and from where on: a place, or a time."""

    writer: Word | None = None
    rank: Rank | None = None
    stream: Literal["stdout", "stderr"] | None = None
    start: Annotated[int, Meta(ge=-PLACE_MAX, le=PLACE_MAX)] | None = msgspec.field(
        name="from", default=None
    )
    at: float | None = None
    limit: Annotated[int, Meta(ge=1, le=LINES_MAX)] = LINES_DEFAULT

    def __post_init__(self) -> None:
        """Refuse what no single field can tell; msgspec reports it like a wrong type."""
        if self.start is not None and self.at is not None:
            raise ValueError("Expected at most one of `from` and `at`")
        _finite(self.at, "at")

    def request(self) -> LinesRequest:
        """Return what the views are asked."""
        return LinesRequest(**msgspec.structs.asdict(self))


class StepAsked(Request, frozen=True):
    """At which time, and of which series; of none, of the one with the most points."""

    at: float
    series: SeriesNumber | None = None

    def __post_init__(self) -> None:
        """Refuse what no type can tell."""
        _finite(self.at, "at")


class TimeAsked(Request, frozen=True):
    """Of which step, and of which series; of none, of the one with the most points."""

    step: float
    series: SeriesNumber | None = None

    def __post_init__(self) -> None:
        """Refuse what no type can tell."""
        _finite(self.step, "step")


class HitsAsked(Request, frozen=True):
    """Which text is looked for in the lines of a run."""

    text: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
    writer: Word | None = None
    rank: Rank | None = None
    cursor: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=HITS_MAX)] = HITS_DEFAULT

    def request(self) -> HitsRequest:
        """Return what the views are asked."""
        return HitsRequest(**msgspec.structs.asdict(self))


class MessagesAsked(Request, frozen=True):
    """Which messages of a run: those of a level, as in `logging`, and above."""

    level: Annotated[int, Meta(ge=0, le=1000)] = 0
    cursor: Cursor | None = None
    newest: bool = False
    limit: Annotated[int, Meta(ge=1, le=MESSAGES_MAX)] = MESSAGES_DEFAULT

    def request(self) -> MessagesRequest:
        """Return what the views are asked."""
        return MessagesRequest(**msgspec.structs.asdict(self))


class _Chosen(Request, frozen=True):
    """Which values: what both questions about values share."""

    kind: Word | None = None
    name: Word | None = None
    from_step: float | None = None
    to_step: float | None = None
    newest: bool = False
    each: Annotated[int, Meta(ge=1, le=ENTRIES_MAX)] | None = None
    limit: Annotated[int, Meta(ge=1, le=ENTRIES_MAX)] = ENTRIES_DEFAULT
    cursor: Cursor | None = None

    def __post_init__(self) -> None:
        """Refuse what no type can tell."""
        _finite(self.from_step, "from_step")
        _finite(self.to_step, "to_step")


class ValuesAsked(_Chosen, frozen=True):
    """Which values of a run; `context` is JSON, since an address has no maps."""

    context: Word | None = None

    def request(self) -> ValuesRequest:
        """Return what the views are asked."""
        fields = msgspec.structs.asdict(self)
        if self.context is not None:
            fields["context"] = msgspec.json.decode(self.context, type=dict[str, Any])
        return ValuesRequest(**fields)


class StepsAsked(Request, frozen=True):
    """Of which sequence; `context` is JSON, since an address has no maps."""

    kind: Word
    name: Word
    context: Word = "{}"
    from_step: float | None = None
    limit: Annotated[int, Meta(ge=1, le=STEPS_MAX)] = STEPS_MAX

    def __post_init__(self) -> None:
        """Refuse what no type can tell."""
        _finite(self.from_step, "from_step")

    def request(self) -> StepsRequest:
        """Return what the views are asked."""
        fields = msgspec.structs.asdict(self)
        fields["context"] = msgspec.json.decode(self.context, type=dict[str, Any])
        return StepsRequest(**fields)


class PointsAsked(Request, frozen=True):
    """Which points of a run; `context` is JSON, since an address has no maps."""

    name: Word
    context: Word = "{}"
    from_step: float | None = None
    to_step: float | None = None
    first: Annotated[int, Meta(ge=0, le=PLACE_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=POINTS_MAX)] = POINTS_MAX

    def __post_init__(self) -> None:
        """Refuse what no type can tell."""
        _finite(self.from_step, "from_step")
        _finite(self.to_step, "to_step")

    def request(self) -> PointsRequest:
        """Return what the views are asked."""
        fields = msgspec.structs.asdict(self)
        fields["context"] = msgspec.json.decode(self.context, type=dict[str, Any])
        return PointsRequest(**fields)


class RunsValuesAsked(_Chosen, frozen=True):
    """Which values, of the runs that match a query."""

    query: Annotated[str, Meta(max_length=QUERY_CHARS_MAX)] = ""
    context: dict[str, Any] | None = None

    def request(self) -> ValuesRequest:
        """Return what the views are asked of each run."""
        fields = msgspec.structs.asdict(self)
        del fields["query"]
        return ValuesRequest(**fields)


class SearchAsked(Request, frozen=True):
    """What is searched for, in which runs, and how much of what is found."""

    q: Annotated[str, Meta(max_length=QUERY_CHARS_MAX)]
    query: Annotated[str, Meta(max_length=QUERY_CHARS_MAX)] = ""
    limit: Annotated[int, Meta(ge=1, le=FOUND_MAX)] = FOUND_DEFAULT
    hits: Annotated[int, Meta(ge=1, le=FOUND_HITS_MAX)] = FOUND_HITS_DEFAULT


class ParamsAsked(Request, frozen=True):
    """Which params of a run; `path` is JSON, since an address has no lists."""

    of: Literal["params", "summary"] = "params"
    like: Word = ""
    path: Annotated[str, Meta(max_length=PATH_CHARS_MAX)] | None = None
    limit: Annotated[int, Meta(ge=1, le=PARAMS_MAX)] = 1000
    cursor: Cursor | None = None

    def request(self) -> ParamsRequest:
        """Return what the views are asked."""
        fields = msgspec.structs.asdict(self)
        if self.path is not None:
            fields["path"] = msgspec.json.decode(self.path, type=list[str])
        return ParamsRequest(**fields)


class RunSeriesAsked(Request, frozen=True):
    """Which series of a run."""

    like: Word = ""
    system: bool | None = None
    limit: Annotated[int, Meta(ge=1, le=RUN_SERIES_MAX)] = 200
    cursor: Cursor | None = None

    def request(self) -> RunSeriesRequest:
        """Return what the views are asked."""
        return RunSeriesRequest(**msgspec.structs.asdict(self))


class ArtifactsAsked(Request, frozen=True):
    """Which versions of artifacts of a run, and from which file on."""

    name: Word | None = None
    digest: Word | None = None
    first: Annotated[int, Meta(ge=0, le=PLACE_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=ARTIFACTS_MAX)] = 100
    cursor: Cursor | None = None

    def request(self) -> ArtifactsRequest:
        """Return what the views are asked."""
        return ArtifactsRequest(**msgspec.structs.asdict(self))


class VersionsAsked(Request, frozen=True):
    """Which versions of the store's artifacts."""

    name: Word | None = None
    limit: Annotated[int, Meta(ge=1, le=ARTIFACTS_MAX)] = 100
    cursor: Cursor | None = None


class HomeAsked(Request, frozen=True):
    """How many of each kind of thing."""

    limit: Annotated[int, Meta(ge=1, le=HOME_MAX)] = 20


class ActivityAsked(Request, frozen=True):
    """How many days, and how many minutes the reader's clock is ahead of UTC."""

    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 366
    offset_min: Annotated[int, Meta(ge=-OFFSET_MIN_MAX, le=OFFSET_MIN_MAX)] = 0


class BlobAsked(Request, frozen=True):
    """As what a blob is wanted: the media type that its value has."""

    type: Annotated[str, Meta(max_length=128)] = "application/octet-stream"


def _finite(number: float | None, name: str) -> None:
    if number is not None and not math.isfinite(number):
        raise ValueError(f"Expected `{name}` to be a number")
