"""Runs and series of a store, as a script reads them.

They are the same wherever the store is. What a run holds beside its figures is read when it is
looked at: a `RunSource` says from where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

import foldline
from foldline.artifact import Artifact
from foldline.contexts import context_bytes
from foldline.errors import ValueRejected
from foldline.events import SourcesCaptured
from foldline.layout import Layout
from foldline.series import is_system

from . import held, versions
from .answers import Alert, Point, RunDetail, RunError, RunRow, Summary, Writer
from .dataframes import frame, run_record, series_record
from .exact import ExactPoints
from .logged import Captured, Line, Message, read_captured
from .patches import tree
from .pointsource import PointsSource
from .runs import RunState
from .sequences import Sequence, kinds_of, sequences_of

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["LoggedRun", "Run", "RunSource", "Series"]


class RunSource(Protocol):
    """Where what a run holds comes from."""

    def detail(self) -> RunDetail:
        """Return what a row of a table has no room for."""
        ...

    def points(self, name: str, context: dict[str, Any]) -> ExactPoints:
        """Return all points of a series."""
        ...

    def params(self) -> dict[str, Any]:
        """Return the settings of the run as they were logged."""
        ...

    def summary(self) -> dict[str, Any]:
        """Return its results as they were logged."""
        ...

    def lines(self) -> list[Line]:
        """Return what the run's processes printed, in the order in which lines were begun."""
        ...

    def messages(self) -> list[Message]:
        """Return the run's messages in the order of their times."""
        ...

    def sequences(self, kinds: list[str]) -> list[Sequence]:
        """Return the sequences of these kinds, by kind, name and context."""
        ...

    def artifacts(self, *, used: bool) -> list[Artifact]:
        """Return the versions that the run made, or used, in the order of their times."""
        ...

    def captured(self) -> list[Captured]:
        """Return what was captured of each of the run's processes, the newest last."""
        ...


class LoggedRun:
    """A run of a store on this machine."""

    def __init__(self, layout: Layout, row: RunDetail, state: RunState) -> None:
        self._layout = layout
        self._run = row.id
        self._row = row
        self._state = state  # a commit makes a new one, and leaves this as it is

    def detail(self) -> RunDetail:
        """Return what a row of a table has no room for."""
        return self._row

    def points(self, name: str, context: dict[str, Any]) -> ExactPoints:
        """Return all points of a series: see RunSource."""
        return PointsSource(self._layout).points((self._run, name, context))

    def params(self) -> dict[str, Any]:
        """Return the settings of the run as they were logged."""
        params: dict[str, Any] = deepcopy(tree(self._state.params))
        return params

    def summary(self) -> dict[str, Any]:
        """Return its results as they were logged."""
        summary: dict[str, Any] = deepcopy(tree(self._state.summary))
        return summary

    def lines(self) -> list[Line]:
        """Return what the run's processes printed: see RunSource."""
        return held.lines(self._layout, self._run)

    def messages(self) -> list[Message]:
        """Return the run's messages in the order of their times."""
        return held.messages(self._layout, self._run)

    def sequences(self, kinds: list[str]) -> list[Sequence]:
        """Return the sequences of these kinds, by kind, name and context."""
        opened = foldline.Run(self._run, store=self._layout.root, read_only=True, capture=False)
        return sequences_of(opened, self._layout, kinds)

    def artifacts(self, *, used: bool) -> list[Artifact]:
        """Return the versions that the run made, or used, in the order of their times."""
        return (versions.used if used else versions.made)(self._layout, self._run)

    def captured(self) -> list[Captured]:
        """Return what was captured of each of the run's processes, the newest last."""
        return read_captured(self._layout, self._run)


class Series:
    """One series: exact figures at once, its points when they are asked for."""

    def __init__(self, run: str, summary: Summary, read: Callable[[], ExactPoints]) -> None:
        self._read = read
        self.run = run
        self.name = summary.name
        self.context = summary.context
        self.count = summary.count
        self.first = _value(summary.first)
        self.first_step = summary.first.step
        self.last = _value(summary.last)
        self.last_step = summary.last.step
        self.min = summary.min.value if summary.min else float("nan")
        self.max = summary.max.value if summary.max else float("nan")
        self.mean = float("nan") if summary.mean is None else summary.mean

    def __repr__(self) -> str:
        return f"<Series {self.name} {self.context} of {self.run}: {self.count} points>"

    @cached_property
    def points(self) -> ExactPoints:
        """All points as (steps, values, times), read once."""
        return self._read()

    @property
    def steps(self) -> NDArray[np.float64]:
        """The steps in ascending order."""
        return self.points.steps

    @property
    def values(self) -> NDArray[np.float64]:
        """The values, in the order of the steps."""
        return self.points.values

    @property
    def times(self) -> NDArray[np.float64]:
        """When each point was tracked, in unix seconds, in the order of the steps."""
        return self.points.times

    @property
    def epochs(self) -> NDArray[np.float64]:
        """The epoch of each point, NaN where none was given, in the order of the steps."""
        return self.points.epochs

    def to_pandas(self) -> DataFrame:
        """Return the points as a pandas DataFrame: step, value, epoch, time.

        Raises ValueRejected if pandas is not installed.
        """
        return cast("DataFrame", frame("pandas", self._columns()))

    def to_polars(self) -> Any:
        """Return the points as a polars DataFrame: step, value, epoch, time.

        Raises ValueRejected if polars is not installed.
        """
        return frame("polars", self._columns())

    def _columns(self) -> dict[str, NDArray[np.float64]]:
        points = self.points
        return {
            "step": points.steps,
            "value": points.values,
            "epoch": points.epochs,
            "time": points.times,
        }

    def record(self) -> dict[str, Any]:
        """Return the series as a row of a table: whose it is, its context and its figures."""
        return series_record(self)


class Run:
    """One run, as of when it was asked for; what is large is read when it is asked for.

    `params`, `summary` and `fields` are trees of what the script said. `git`, `parent` and
    `progress` are None where there is none; `error` is what ended a run that did not finish.
    """

    def __init__(self, source: RunSource, row: RunRow) -> None:
        self._source = source
        self.id = row.id
        self.name = row.name
        self.experiment = row.experiment
        self.description = row.description
        self.tags = row.tags
        self.status = row.status
        self.created_at = row.created_at
        self.ended_at = row.ended_at
        self.duration = row.duration
        self.archived = row.archived
        self.fields: dict[str, Any] = row.fields
        self.host = row.host
        self.user = row.user
        self.git = row.git
        self.parent = row.parent
        self.progress = row.progress
        series = [
            Series(row.id, one, partial(source.points, one.name, one.context))
            for one in row.metrics
        ]
        self.metrics = [one for one in series if not is_system(one.name)]
        self.system = [one for one in series if is_system(one.name)]  # the machine's load

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.name!r} {self.status}: {len(self.metrics)} series>"

    def metric(self, name: str, context: Mapping[str, Any] | None = None) -> Series | None:
        """Return the series of a name and exactly this context, or None.

        Without a context it is the series that has none, or the only one of that name. Raises
        ValueRejected where there are several.
        """
        named = [one for one in (*self.metrics, *self.system) if one.name == name]
        wanted = context_bytes(context)
        exact = [one for one in named if context_bytes(one.context) == wanted]
        found = exact or (named if context is None else [])
        if len(found) > 1:
            contexts = ", ".join(str(one.context) for one in found)
            raise ValueRejected(
                f"run {self.id} has {len(found)} series {name!r}, and none without a context",
                hint=f"stored.metric({name!r}, {found[0].context}); there are {contexts[:400]}",
            )
        return found[0] if found else None

    @cached_property
    def _detail(self) -> RunDetail:
        return self._source.detail()

    @property
    def notes(self) -> str:
        """What people noted of the run."""
        return self._detail.notes

    @property
    def error(self) -> RunError | None:
        """What ended a run that did not finish."""
        return self._detail.error

    @property
    def alerts(self) -> list[Alert]:
        """What somebody should look at, the newest ones."""
        return self._detail.alerts

    @property
    def writers(self) -> list[Writer]:
        """The processes that wrote to the run."""
        return self._detail.writers

    @cached_property
    def params(self) -> dict[str, Any]:
        """The settings of the run, as they were logged."""
        return self._source.params()

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The results that the script stated, as they were logged."""
        return self._source.summary()

    def lines(self) -> list[Line]:
        """Return what the run's processes printed, in the order in which lines were begun."""
        return self._source.lines()

    def messages(self) -> list[Message]:
        """Return the run's messages in the order of their times."""
        return self._source.messages()

    def sequences(self, kind: str | None = None) -> list[Sequence]:
        """Return the values that are no numbers, of one kind or all, in the order of their steps.

        The kinds are image, audio, video, text, distribution, figure, table, html and points3d.
        A sequence's `values` are made from their bytes when they are looked at; its `entries`
        are what was logged. Raises ValueRejected if there is no such kind.
        """
        kinds = [kind for kind in kinds_of("*" if kind is None else kind) if kind != "number"]
        return self._source.sequences(kinds)

    @property
    def artifacts(self) -> list[Artifact]:
        """The versions of artifacts that the run made, in the order of their times."""
        return self._source.artifacts(used=False)

    @property
    def used_artifacts(self) -> list[Artifact]:
        """The versions of artifacts that the run used, in the order of their times."""
        return self._source.artifacts(used=True)

    @cached_property
    def captured(self) -> list[Captured]:
        """What was captured of each of the run's processes, the newest last; read once."""
        return self._source.captured()

    @property
    def packages(self) -> dict[str, str]:
        """The installed packages and their versions, of the newest process that told."""
        found = [one.packages.packages for one in self.captured if one.packages]
        return found[-1] if found else {}

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that were captured, of the newest process that told."""
        found = [one.environment.variables for one in self.captured if one.environment]
        return found[-1] if found else {}

    @property
    def sources(self) -> SourcesCaptured | None:
        """The entry script and the modules that it imported, as blobs of the store."""
        found = [one.sources for one in self.captured if one.sources]
        return found[-1] if found else None

    def record(self) -> dict[str, Any]:
        """Return the run as a row of a table: params and summary by path, series' last values."""
        return run_record(self)


def _value(point: Point) -> float:
    return float(point.value)  # a text of a value that JSON can't hold reads back as it was
