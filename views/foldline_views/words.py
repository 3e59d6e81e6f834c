"""The names that the query language knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ALIASES",
    "DATE_PARTS",
    "FUNCTIONS",
    "INSTANTS",
    "METHODS",
    "METRIC_FIELDS",
    "RUN_BRANCHES",
    "RUN_FIELDS",
    "STRFTIME",
    "nearest",
]

# What `run.` knows by itself; any other name is a param.
RUN_FIELDS = frozenset(
    {
        "active", "archived", "created_at", "deleted", "description", "duration", "ended_at",
        "experiment", "host", "id", "name", "notes", "status", "tags",
    }
)  # fmt: skip

# What it knows too, and a script may well call a param: where no run has the one, it is the other.
RUN_BRANCHES = frozenset(
    {"artifacts", "git", "group", "job_type", "parent", "project", "summary", "user"}
)

# Other trackers' names for the same fields.
ALIASES = {
    "hash": "id",
    "finalized_at": "ended_at",
    "creation_time": "created_at",
    "end_time": "ended_at",
}

INSTANTS = frozenset({"created_at", "ended_at"})  # unix seconds, compared with dates

METRIC_FIELDS = frozenset(
    {
        "count", "first", "first_nonfinite_step", "first_step", "has_nan", "last", "last_step",
        "max", "max_step", "mean", "min", "min_step", "nonfinite",
    }
)  # fmt: skip

# Each with the least and the most arguments that it takes.
FUNCTIONS = {
    "abs": (1, 1),
    "all": (1, 1),
    "any": (1, 1),
    "bool": (1, 1),
    "float": (1, 1),
    "int": (1, 1),
    "len": (1, 1),
    "max": (1, 8),
    "min": (1, 8),
    "round": (1, 2),
    "str": (1, 1),
    "sum": (1, 1),
    "math.ceil": (1, 1),
    "math.exp": (1, 1),
    "math.floor": (1, 1),
    "math.isfinite": (1, 1),
    "math.isinf": (1, 1),
    "math.isnan": (1, 1),
    "math.log": (1, 1),
    "math.log10": (1, 1),
    "math.log2": (1, 1),
    "math.sqrt": (1, 1),
}

# Each with the least and the most arguments, not counting what it is called on.
METHODS = {
    "casefold": (0, 0),
    "endswith": (1, 1),
    "get": (1, 2),
    "lower": (0, 0),
    "lstrip": (0, 1),
    "rstrip": (0, 1),
    "startswith": (1, 1),
    "strftime": (1, 1),
    "strip": (0, 1),
    "upper": (0, 0),
    "weekday": (0, 0),
}

DATE_PARTS = frozenset({"year", "month", "day", "hour", "minute", "second"})

# The directives of `strftime` that every platform knows; widths could ask for gigabytes.
STRFTIME = frozenset("aAbBdfHIjmMpSuUVwWyYzZ%")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like this one, or "" if none is like it."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""
