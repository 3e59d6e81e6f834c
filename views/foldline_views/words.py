"""The names that the query language knows."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable

__all__ = [
    "ALIASES",
    "CONSTANTS",
    "DATE_METHODS",
    "DATE_PARTS",
    "FUNCTIONS",
    "INSTANTS",
    "METHODS",
    "METRIC_FIELDS",
    "RUN_BRANCHES",
    "RUN_FIELDS",
    "SEQUENCES",
    "SEQUENCE_FIELDS",
    "STRFTIME",
    "SYSTEM_PARAMS",
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
    {
        "alerts", "artifacts", "error", "git", "group", "job_type", "parent", "project", "summary",
        "user",
    }
)  # fmt: skip

# Other trackers' names for the same fields.
ALIASES = {
    "hash": "id",
    "finalized_at": "ended_at",
    "creation_time": "created_at",
    "end_time": "ended_at",
}

# What Aim puts among a run's params by itself, and where it is here.
SYSTEM_PARAMS = {
    ("git_info", "branch"): ("git", "branch"),
    ("git_info", "commit", "hash"): ("git", "commit"),
    ("git_info", "remote_origin_url"): ("git", "remote"),
}

# What is searched beside runs and metrics: sequences of values of a kind.
SEQUENCES = frozenset({"audios", "distributions", "figures", "images", "texts"})

SEQUENCE_FIELDS = frozenset({"count", "first_step", "last_step"})

INSTANTS = frozenset({"created_at", "ended_at"})  # unix seconds, compared with dates

METRIC_FIELDS = frozenset(
    {
        "best", "best_step", "count", "first", "first_nonfinite_step", "first_step", "has_nan",
        "last", "last_step",
        "max", "max_step", "mean", "min", "min_step", "nonfinite",
    }
)  # fmt: skip

# Each with the least and the most arguments that it takes.
FUNCTIONS = {
    "abs": (1, 1), "all": (1, 1), "any": (1, 1), "bool": (1, 1), "float": (1, 1),
    "frozenset": (1, 1), "int": (1, 1), "isinstance": (2, 2), "len": (1, 1), "list": (1, 1),
    "max": (1, 8), "min": (1, 8), "range": (1, 3), "round": (1, 2), "set": (1, 1),
    "sorted": (1, 1), "str": (1, 1), "sum": (1, 1), "tuple": (1, 1), "math.ceil": (1, 1),
    "math.exp": (1, 1), "math.fabs": (1, 1), "math.floor": (1, 1), "math.isclose": (2, 2),
    "math.isfinite": (1, 1), "math.isinf": (1, 1), "math.isnan": (1, 1), "math.log": (1, 1),
    "math.log10": (1, 1), "math.log2": (1, 1), "math.pow": (2, 2), "math.sqrt": (1, 1),
}  # fmt: skip

CONSTANTS = {"math.e": math.e, "math.inf": math.inf, "math.nan": math.nan, "math.pi": math.pi}

# Each with the least and the most arguments, not counting what it is called on.
METHODS = {
    "capitalize": (0, 0), "casefold": (0, 0), "count": (1, 1), "endswith": (1, 1), "find": (1, 1),
    "get": (1, 2), "isalnum": (0, 0), "isalpha": (0, 0), "isdigit": (0, 0), "islower": (0, 0),
    "isnumeric": (0, 0), "isspace": (0, 0), "isupper": (0, 0), "lower": (0, 0),
    "lstrip": (0, 1), "removeprefix": (1, 1), "removesuffix": (1, 1), "replace": (2, 2),
    "rstrip": (0, 1), "split": (0, 2), "startswith": (1, 1), "strftime": (1, 1),
    "strip": (0, 1), "timestamp": (0, 0), "title": (0, 0), "upper": (0, 0), "weekday": (0, 0),
}  # fmt: skip

DATE_METHODS = frozenset({"strftime", "timestamp", "weekday"})

DATE_PARTS = frozenset({"year", "month", "day", "hour", "minute", "second"})

# The directives of `strftime` that every platform knows; widths could ask for gigabytes.
STRFTIME = frozenset("aAbBdfHIjmMpSuUVwWyYzZ%")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like this one, or "" if none is like it."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""
