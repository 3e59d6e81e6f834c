"""Answers as data frames of pandas or polars."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from foldline.errors import ValueRejected

if TYPE_CHECKING:
    from .stored import Run, Series

__all__ = ["frame", "run_record", "series_record"]


def frame(library: str, columns: Any) -> Any:
    """Return a data frame of pandas or polars, from columns by name or from records.

    Raises ValueRejected if the library is not installed.
    """
    try:
        found = importlib.import_module(library)
    except ImportError as error:
        raise ValueRejected(f"{library} is not installed", hint=f"pip install {library}") from error
    return found.DataFrame(columns)


def run_record(run: Run) -> dict[str, Any]:
    """Return a run as a row: what it is, its params and summary by path, its series' last values.

    A series with a context has the context in its column's name.
    """
    own = ("id", "name", "experiment", "status", "created_at", "ended_at", "duration", "tags",
           "host", "user")  # fmt: skip
    record = {name: getattr(run, name) for name in own}
    record.update(_leaves("params", run.params))
    record.update(_leaves("summary", run.summary))
    for metric in (*run.metrics, *run.system):
        context = msgspec.json.encode(metric.context).decode() if metric.context else ""
        record[f"metrics.{metric.name}{context}"] = metric.last
    return record


def series_record(series: Series) -> dict[str, Any]:
    """Return a series as a row: whose it is, its context by key, and its figures."""
    figures = ("count", "first", "first_step", "last", "last_step", "min", "max", "mean")
    return {
        "run": series.run,
        "name": series.name,
        **dict(_leaves("context", series.context)),
        **{name: getattr(series, name) for name in figures},
    }


def _leaves(path: str, branch: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in branch.items():
        if isinstance(value, dict) and value:
            yield from _leaves(f"{path}.{key}", value)
        else:
            yield f"{path}.{key}", value
