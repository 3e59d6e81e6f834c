"""A run in portions, however large it is.

A run may have a hundred thousand series, as many params, and a param of a megabyte. What its page
shows first is small all the same, and says of how much it is a part; the rest comes by pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from foldline.errors import QueryError
from foldline.series import is_system

from . import heads
from . import summaries as fields
from .answers import RunDetail, Summary, plain
from .catalog import Catalog
from .patches import tree
from .placemark import read_placemark, write_placemark

__all__ = [
    "ParamRow",
    "ParamsPage",
    "ParamsRequest",
    "RunPortion",
    "RunSeriesPage",
    "RunSeriesRequest",
    "params_page",
    "run_portion",
    "run_series_page",
]

PORTION_BYTES_MAX = 64 << 10  # of a run's params, and of its summary, as JSON: a few screens
LEAF_BYTES_MAX = 4096  # of one value that is shown without being asked for, as JSON
PORTION_SERIES_MAX = 200  # with their figures: 60 KB
PORTION_WRITERS_MAX = 200  # processes: 100 KB

Path = tuple[str, ...]


class RunPortion(RunDetail, kw_only=True):
    """One run, of what is large a part; each `total` says of how much."""

    params_shown: int  # values at the ends of paths
    params_total: int
    summary_shown: int
    summary_total: int
    metrics_total: int
    writers_total: int


class ParamRow(msgspec.Struct):
    """A value at the end of a path."""

    path: list[str]
    value: Any  # a text that was cut is its beginning; of anything else that was, null is left
    cut: bool
    size: int  # in bytes, as JSON


class ParamsPage(msgspec.Struct):
    """Some of a run's params, or of its results, in their order."""

    params: list[ParamRow]
    total: int  # that match
    cursor: str | None
    watermark: int


class ParamsRequest(msgspec.Struct, frozen=True):
    """Which params: those like a text, or exactly one."""

    of: Literal["params", "summary"] = "params"
    like: str = ""
    path: list[str] | None = None
    limit: int = 1000
    cursor: str | None = None


class RunSeriesPage(msgspec.Struct):
    """Some of a run's series, in the order in which they were defined."""

    series: list[Summary]
    total: int  # that match
    cursor: str | None
    watermark: int


class RunSeriesRequest(msgspec.Struct, frozen=True):
    """Which series of a run: of names like a text, and of the machine or not."""

    like: str = ""
    system: bool | None = None
    limit: int = 200
    cursor: str | None = None


def run_portion(catalog: Catalog, run: str) -> RunPortion:
    """Return a run without its artifacts, which are rows of the views. Raises RunNotFound."""
    catalog.let_time_pass()
    row = catalog.find(run)
    head, state = catalog.heads[row], catalog.states[row]
    series = _with_points(catalog, row)
    metrics = [catalog.summary(one) for one in series[:PORTION_SERIES_MAX]]
    params, params_shown, params_total = _first(head.params)
    summary, summary_shown, summary_total = _first(plain(tree(state.summary)))
    whole = heads.row(msgspec.structs.replace(head, params=params), state, metrics)
    whole = msgspec.structs.replace(whole, summary=summary)
    detail = msgspec.structs.asdict(heads.detail(whole, state, catalog.watermark))
    writers = detail.pop("writers")
    return RunPortion(
        **detail,
        writers=writers[-PORTION_WRITERS_MAX:],
        params_shown=params_shown,
        params_total=params_total,
        summary_shown=summary_shown,
        summary_total=summary_total,
        metrics_total=len(series),
        writers_total=len(writers),
    )


def params_page(catalog: Catalog, run: str, asked: ParamsRequest) -> ParamsPage:
    """Return some of a run's params; one that is asked for by its path is whole.

    Raises RunNotFound, and QueryError for a cursor that is none.
    """
    row = catalog.find(run)
    state = catalog.states[row]
    whole = catalog.heads[row].params if asked.of == "params" else plain(tree(state.summary))
    if asked.path is not None:
        node: Any = whole
        for key in asked.path:
            node = node.get(key, msgspec.UNSET) if isinstance(node, dict) else msgspec.UNSET
        found = [] if node is msgspec.UNSET else [_param(tuple(asked.path), node, whole=True)]
        return ParamsPage(found, len(found), None, catalog.watermark)
    start = _start(asked.cursor)
    end = start + asked.limit
    rows: list[ParamRow] = []
    total = 0
    for path, value in _leaves((), whole):
        if _is_like(".".join(path), asked.like):
            if start <= total < end:
                rows.append(_param(path, value))
            total += 1
    return ParamsPage(rows, total, _cursor(end, total), catalog.watermark)


def run_series_page(catalog: Catalog, run: str, asked: RunSeriesRequest) -> RunSeriesPage:
    """Return some of a run's series. Raises RunNotFound, and QueryError for a wrong cursor."""
    series = _with_points(catalog, catalog.find(run))
    if asked.like or asked.system is not None:
        named = ((one, catalog.series.key(one)[0]) for one in series)
        series = [
            one
            for one, name in named
            if asked.system in (None, is_system(name)) and _is_like(name, asked.like)
        ]
    start = _start(asked.cursor)
    end = start + asked.limit
    shown = [catalog.summary(one) for one in series[start:end]]
    return RunSeriesPage(shown, len(series), _cursor(end, len(series)), catalog.watermark)


def _with_points(catalog: Catalog, row: int) -> list[int]:
    series = list(catalog.series_of(row))
    counts = catalog.series.summary[fields.COUNT, series].tolist()
    return [one for one, count in zip(series, counts, strict=True) if count]


def _first(whole: dict[str, Any]) -> tuple[dict[str, Any], int, int]:
    """Return the first leaves of a tree that fit, how many they are, and how many there are."""
    part: dict[str, Any] = {}
    left = PORTION_BYTES_MAX
    shown = total = 0
    for path, value in _leaves((), whole):
        total += 1
        if left <= 0:
            continue
        size = len(msgspec.json.encode(value))
        if size > LEAF_BYTES_MAX:
            continue
        left -= size + sum(map(len, path))
        shown += 1
        node = part
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    return part, shown, total


def _leaves(path: Path, branch: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    for key, value in branch.items():
        if isinstance(value, dict) and value:
            yield from _leaves((*path, key), value)
        else:
            yield (*path, key), value


def _param(path: Path, value: Any, *, whole: bool = False) -> ParamRow:
    size = len(msgspec.json.encode(value))
    cut = size > LEAF_BYTES_MAX and not whole
    if cut:
        value = value[:LEAF_BYTES_MAX] if isinstance(value, str) else None
    return ParamRow(list(path), value, cut, size)


def _is_like(name: str, like: str) -> bool:
    """Say whether a text is a part of a name, or, if it has a star, a glob that fits."""
    if "*" in like or "?" in like:
        return fnmatchcase(name.lower(), like.lower())
    return like.lower() in name.lower()


def _start(cursor: str | None) -> int:
    (start,) = (0,) if cursor is None else read_placemark(cursor, tuple[int])
    if start < 0:
        raise QueryError("the cursor is none of ours", at=(0, 0), hint="ask for the first page")
    return start


def _cursor(end: int, total: int) -> str | None:
    return write_placemark((end,)) if end < total else None
