"""What the views answer, as it is sent.

Each struct encodes to JSON as it stands. A value of a point that is not finite is the text "NaN",
"Infinity" or "-Infinity", since JSON has no such numbers.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

__all__ = [
    "Alert",
    "Artifact",
    "ArtifactVersion",
    "BestRun",
    "ColumnFigures",
    "ColumnFound",
    "ColumnsFound",
    "ColumnsPage",
    "EditedRuns",
    "Extreme",
    "Git",
    "GroupRow",
    "GroupsPage",
    "Machine",
    "MetricColumn",
    "MetricDefinition",
    "ParamColumn",
    "Parent",
    "Point",
    "Progress",
    "RunDetail",
    "RunError",
    "RunHead",
    "RunRow",
    "RunsPage",
    "SeriesPage",
    "SeriesRow",
    "Summary",
    "Totals",
    "ValueCount",
    "Writer",
    "number",
    "plain",
]

Number = float | str
Context = dict[str, Any]


def number(value: float) -> Number:
    """Return a float as JSON can hold it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def plain(value: Any) -> Any:
    """Return a tree of values with its floats as JSON can hold them."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


class Point(msgspec.Struct):
    """One point of a series."""

    value: Number
    step: float
    time: float


class Extreme(msgspec.Struct):
    """The lowest or highest finite value, and the first step that has it."""

    value: float
    step: float


class Summary(msgspec.Struct):
    """A series in figures, over all its points."""

    series: int
    name: str
    context: Context
    count: int
    nonfinite: int
    first_nonfinite_step: float | None
    first: Point
    last: Point
    min: Extreme | None  # None if no value is finite
    max: Extreme | None
    mean: float | None


class SeriesRow(Summary):
    """A series in figures, and whose it is."""

    run: str = ""


class RunHead(msgspec.Struct):
    """A run without its series."""

    id: str
    name: str
    experiment: str
    description: str
    tags: list[str]
    status: str
    created_at: float
    ended_at: float | None
    duration: float
    archived: bool
    params: dict[str, Any]
    deleted_at: float | None = None  # when a person deleted it; its log is kept for a while


class Git(msgspec.Struct):
    """The state of the code's repository when the run began."""

    commit: str
    branch: str
    remote: str
    subject: str  # the commit's first line
    dirty: bool
    diff: str  # the blob of what was changed and not committed, or ""


class Parent(msgspec.Struct):
    """The run that a run goes on from, and the step."""

    run: str
    step: float | None


class Progress(msgspec.Struct):
    """How far the script said that it is."""

    done: float | None
    total: float | None
    expect_next_in: float  # seconds from `time` on; 0 promises nothing
    time: float


class RunRow(RunHead):
    """A run as a row of the Runs page."""

    metrics: list[Summary] = []
    summary: dict[str, Any] = {}
    fields: dict[str, Any] = {}  # words about the run that have no place of their own
    host: str = ""  # where the first of its processes ran
    user: str = ""
    git: Git | None = None
    parent: Parent | None = None
    progress: Progress | None = None
    alerts_total: int = 0
    cells: list[Any] | msgspec.UnsetType = msgspec.UNSET  # one a column, where columns are named


class RunError(msgspec.Struct):
    """What ended a run that did not finish: an exception, a signal, an exit code, silence."""

    type: str
    message: str
    traceback: str


class Alert(msgspec.Struct):
    """What the script, or a rule of the store, wants somebody to look at.

    `rule` is "" where the script said it; else `series`, `context`, `step` and `value` are of the
    point that met the rule, if it was a point.
    """

    title: str
    text: str
    level: int  # as in `logging`
    time: float
    rule: str = ""
    series: str = ""
    context: dict[str, Any] = {}
    step: float | None = None
    value: Number | None = None


class Machine(msgspec.Struct):
    """Where and as whom a process runs."""

    system: str
    user: str
    cwd: str
    python: str
    cpus: int
    memory_bytes: int
    gpus: list[str]


class MetricDefinition(msgspec.Struct):
    """How the series of a name, or of all names that a glob matches, are meant to be read."""

    name: str
    step_metric: str
    summary: list[str]
    goal: str
    hidden: bool


class Artifact(msgspec.Struct):
    """A version of an artifact that a run made, or used."""

    name: str
    digest: str
    used: bool
    maker: str  # the run that made what was used, where it is known
    kind: str
    files: int
    size: int  # in bytes
    aliases: list[str]
    uri: str
    time: float


class ArtifactVersion(msgspec.Struct):
    """A version of an artifact over all runs of the store."""

    name: str
    digest: str
    number: int | None = None  # from 0 in the order of time; None if no run here made it
    kind: str = ""
    files: int = 0
    size: int = 0  # in bytes
    aliases: list[str] = []
    uri: str = ""
    time: float | None = None  # when it was first made
    made_by: list[str] = []  # runs
    used_by: list[str] = []  # runs


class Writer(msgspec.Struct):
    """One process that wrote to a run."""

    id: str
    host: str
    pid: int
    rank: int | None
    opened_at: float | None
    closed_at: float | None
    status: str
    dropped: int
    role: str = ""  # "" trains; companion, server
    signal: str = ""  # that ended it, where it is known
    exit_code: int | None = None
    reason: str = ""  # why it is taken for gone
    command: list[str] = []
    machine: Machine | None = None


class RunDetail(RunRow):
    """One run, whole."""

    notes: str = ""
    error: RunError | None = None
    writers: list[Writer] = []
    alerts: list[Alert] = []  # the newest ones, the oldest of them first
    artifacts: list[Artifact] = []
    definitions: list[MetricDefinition] = []
    watermark: int = 0


class ParamColumn(msgspec.Struct):
    """A param that runs have: its path, dotted, and its kind of values."""

    path: str
    kind: str  # number, text, bool or mixed
    runs: int


class MetricColumn(msgspec.Struct):
    """A series that runs have."""

    name: str
    context: Context
    runs: int


class ColumnsFound(msgspec.Struct):
    """What the runs of the store can be shown and sorted by."""

    params: list[ParamColumn]
    metrics: list[MetricColumn]


class RunsPage(msgspec.Struct):
    """Some of the runs that match; `cursor` asks for the next ones."""

    rows: list[RunRow]
    total: int
    cursor: str | None
    watermark: int
    warnings: list[str]
    columns: ColumnsFound


class SeriesPage(msgspec.Struct):
    """Some of the series that match, and their runs by id."""

    series: list[SeriesRow]
    runs: dict[str, RunHead]
    total: int
    watermark: int
    warnings: list[str]
    cells: dict[str, list[Any]] = {}
    """By run, one for each of the columns that were asked for."""


class BestRun(msgspec.Struct):
    """The best run of a group, and the number that makes it so."""

    run: str
    value: float


class ColumnFigures(msgspec.Struct):
    """What all members of a group have in one column.

    The figures are of the finite numbers alone, which are `count`; `missing` members have nothing
    there, and the rest have something else. `std` is the sample's, with n - 1.
    """

    count: int
    missing: int
    distinct: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    median: float | None
    value: Any = None  # what all members have, if it is the same


class GroupRow(msgspec.Struct):
    """One group: what its members share, and their figures in the order of the columns."""

    key: list[Any]
    id: str
    runs: int
    figures: list[ColumnFigures]
    best: BestRun | None = None


class GroupsPage(msgspec.Struct):
    """Some of the groups that the matching runs fall into; `cursor` asks for the next ones."""

    groups: list[GroupRow]
    by: list[str]
    columns: list[str]
    total: int
    runs: int
    cursor: str | None
    watermark: int
    warnings: list[str]


class EditedRuns(msgspec.Struct):
    """Runs as they are after a change; `folded` is false if they do not show it yet."""

    runs: list[RunHead]
    folded: bool
    watermark: int


class ValueCount(msgspec.Struct):
    """A value, and how many runs have it."""

    value: Any
    runs: int


class ColumnFound(msgspec.Struct):
    """A column that matching runs have, as a query writes it, and what is in it.

    `min` and `max` are of its numbers, infinities among them; `values` are the most frequent ones.
    Of a list of texts, such as tags, they are its items. A run without a cell is `missing`, and
    counts as one more of the `distinct` values when it is asked whether runs differ.
    """

    column: str
    source: str  # field, param, summary, metric
    kind: str  # number, text, bool, time, list, dict, mixed
    runs: int
    missing: int
    distinct: int
    min: Number | None
    max: Number | None
    values: list[ValueCount]


class ColumnsPage(msgspec.Struct):
    """Some of the columns that matching runs have; `cursor` asks for the next ones."""

    columns: list[ColumnFound]
    total: int
    runs: int
    cursor: str | None
    watermark: int
    warnings: list[str]


class Totals(msgspec.Struct):
    """How many runs there are."""

    total: int
    running: int
