"""Columns that matching runs have, and their values."""

from __future__ import annotations

import keyword
import re
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from .answers import ColumnFound, ColumnsPage, ValueCount, number, plain
from .catalog import Catalog
from .column import BOOL, FLOAT, Column, Numbers, Objects, Path, Rows, Texts
from .cursor import Cursor, belonging, read_cursor, write_cursor
from .factors import same
from .searches import Searched
from .selection import Selection
from .words import INSTANTS, RUN_BRANCHES, RUN_FIELDS

__all__ = ["Candidate", "candidates", "columns_page", "examined", "word_of"]

SOURCES = {"params": "param", "summary": "summary"}  # of paths; all others are fields

# How long one answer keeps all others waiting, in seconds: less than anybody sees.
TURN_S = 0.02

# Names that mean something else after `run.`, so that a param of that name is written in full.
TAKEN = RUN_FIELDS | RUN_BRANCHES | {"metrics", "params"}


class Candidate(NamedTuple):
    """A column that some run has: where it is, and how a query writes it."""

    word: str
    source: str  # field, param, summary, metric
    path: Path = ()
    series: NDArray[np.intp] | None = None  # rows of the series of a metric


def candidates(
    selection: Selection, like: str = "", sources: Sequence[str] = ()
) -> list[Candidate]:
    """Return the columns of all runs whose word has `like` in it, in order of first use."""
    catalog = selection.catalog
    found = [
        Candidate(word_of(path), SOURCES.get(path[0], "field"), path)
        for path in catalog.runs.known_paths()
    ]
    series = catalog.series
    order = np.argsort(series.kind[: series.count], kind="stable")
    ends = np.cumsum(np.bincount(series.kind[: series.count], minlength=len(series.kinds)))
    start = 0
    for (name, context), end in zip(series.kinds, ends.tolist(), strict=True):
        within = f", {_literal(context)}" if context else ""
        word = f"run.metrics[{_literal(name)}{within}].last"
        found.append(Candidate(word, "metric", series=order[start:end]))
        start = end
    wanted = like.casefold()
    return [
        one
        for one in found
        if wanted in one.word.casefold() and (not sources or one.source in sources)
    ]


def examined(
    selection: Selection, chosen: Sequence[Candidate], *, top: int = 20, differing: bool = False
) -> Iterator[ColumnFound | None]:
    """Yield for each candidate what the matching runs have there, or None if that is nothing.

    With `differing` also None where all matching runs have the same.
    """
    catalog, rows = selection.catalog, selection.rows
    matching = np.zeros(selection.table.rows, np.bool_)
    matching[rows] = True
    last = catalog.series.figures("last") if any(one.series is not None for one in chosen) else None
    for one in chosen:
        if one.series is None:
            held, column = catalog.runs.held(one.path)
        else:
            assert last is not None  # a candidate has series
            held, column = catalog.series.run[one.series], last.take(one.series)
            there = column.present
            held, column = held[there], column.take(np.flatnonzero(there))
        kept = np.flatnonzero(held < len(matching))  # the rest has arrived since the question
        kept = kept[matching[held[kept]]]
        found = _examined(one, column.take(kept), len(rows), top) if len(kept) else None
        if found is not None and differing and found.distinct + (found.missing > 0) < 2:
            found = None
        yield found


def columns_page(
    catalog: Catalog,
    query: str,
    *,
    like: str = "",
    sources: Sequence[str] = (),
    differing: bool = False,
    values: int = 20,
    limit: int = 1000,
    cursor: str | None = None,
    searched: Searched | None = None,
) -> Generator[None, None, ColumnsPage]:
    """Return the columns that matching runs have, in order of first use, from the cursor on.

    With `differing` only those in which matching runs differ; `values` is how many of the most
    frequent values are told. Yields now and then, so that others get their turn: the catalog may
    change meanwhile. Raises QueryError.
    """
    question = belonging(query, like, tuple(sources), differing)
    last = None if cursor is None else read_cursor(cursor, question).id
    selection = Selection.of(catalog, query, searched)
    chosen = candidates(selection, like, sources)
    found = []
    turn_ends = time.monotonic() + TURN_S
    for column in examined(selection, chosen, top=values, differing=differing):
        if column is not None:
            found.append(column)
        if time.monotonic() > turn_ends:
            yield
            turn_ends = time.monotonic() + TURN_S
    start = next((at + 1 for at, one in enumerate(found) if one.column == last), 0)
    page = found[start : start + limit]
    more = page and start + limit < len(found)
    return ColumnsPage(
        columns=page,
        total=len(found),
        runs=len(selection.rows),
        cursor=write_cursor(Cursor(question, page[-1].column, [])) if more else None,
        watermark=selection.catalog.watermark,
        warnings=selection.warnings,
    )


def word_of(path: Path) -> str:
    """Return a path as a query writes it."""
    first, *rest = path
    if first == "params" and _is_name(rest[0]) and rest[0] not in TAKEN:
        return "run" + "".join(map(_step, rest))
    return "run" + "".join(map(_step, path))


def _step(key: str) -> str:
    return f".{key}" if _is_name(key) else f"[{_literal(key)}]"


def _is_name(key: str) -> bool:
    return re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII) is not None and not keyword.iskeyword(key)


def _literal(value: Any) -> str:
    """Return a value as Python writes it, and texts in double quotes."""
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()
    if isinstance(value, dict):
        inside = ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    return repr(value)


def _examined(one: Candidate, column: Column, rows: int, top: int) -> ColumnFound:
    if isinstance(column, Numbers):
        kind, counted = column.kind, _numbers_counted(column, top)
    elif isinstance(column, Texts):
        kind, counted = "text", _texts_counted(column, top)
    else:
        kind, counted = _objects_counted(column, top)
    if len(one.path) == 1 and one.path[0] in INSTANTS:
        kind = "time"
    low, high, distinct, values = counted
    return ColumnFound(
        column=one.word,
        source=one.source,
        kind=kind,
        runs=len(column),
        missing=rows - len(column),
        distinct=distinct,
        min=None if low is None else number(low),
        max=None if high is None else number(high),
        values=[ValueCount(plain(value), count) for value, count in values],
    )


Counted = tuple[float | None, float | None, int, list[tuple[Any, int]]]


def _numbers_counted(column: Numbers, top: int) -> Counted:
    bools = column.tags == BOOL
    # A bool is no number: where both are, each is counted by itself.
    if bools.any() and not bools.all():
        cells = column.cells()
        low, high = min(column.values.tolist()), max(column.values.tolist())
        distinct, values = _counted([(cell, 1) for cell in cells], top)
        return low, high, distinct, values
    ordered = np.sort(column.values)  # NaN last
    nans = int(np.isnan(ordered).sum())
    real = ordered[: len(ordered) - nans]
    fresh = np.flatnonzero(np.append(np.nan, real[:-1]) != real) if len(real) else real.astype(int)
    counts = np.diff(np.append(fresh, len(real)))
    values = [(real[fresh[at]].item(), int(counts[at])) for at in _most(counts, top)]
    if nans:
        values = sorted([*values, (float("nan"), nans)], key=lambda pair: -pair[1])[:top]
    whole = not (column.tags == FLOAT).any()
    typed = [(_typed(value, bool(bools.all()), whole), count) for value, count in values]
    low, high = (real[0].item(), real[-1].item()) if len(real) else (None, None)
    return low, high, len(fresh) + (nans > 0), typed


def _typed(value: float, is_bool: bool, whole: bool) -> Any:
    if is_bool:
        return value != 0
    return int(value) if whole and value == value else value  # noqa: PLR0124  # NaN is not itself


def _texts_counted(column: Texts, top: int) -> Counted:
    counts = np.bincount(column.codes)
    used = np.flatnonzero(counts)
    words = column.words
    # Of equally frequent ones the first of the alphabet, not the first that was logged.
    most = used[_most(counts[used], top)].tolist()
    return None, None, len(used), [(words[code], int(counts[code])) for code in most]


def _objects_counted(column: Objects, top: int) -> tuple[str, Counted]:
    pairs = _pairs(column)
    numbers = [c for c, _ in pairs if isinstance(c, int | float) and c == c]  # noqa: PLR0124  # NaN
    low, high = (float(min(numbers)), float(max(numbers))) if numbers else (None, None)
    kinds = {type(cell).__name__ for cell, _ in pairs}
    kind = next(iter(kinds)) if kinds in ({"list"}, {"dict"}) else "mixed"
    distinct, values = _counted(pairs, top)
    if kind == "list" and all(isinstance(item, str) for cell, _ in pairs for item in cell):
        items = [(item, count) for cell, count in pairs for item in dict.fromkeys(cell)]
        _, values = _counted(items, top)
    return kind, (low, high, distinct, values)


def _pairs(column: Objects) -> list[tuple[Any, int]]:
    """Return the cells, those that many rows share as one object once, and how many rows do."""
    if column.codes is None:
        return [(cell, 1) for cell in column.objects]
    counts = np.bincount(column.codes, minlength=len(column.objects))
    used = np.flatnonzero(counts).tolist()
    return [(column.objects[code], int(counts[code])) for code in used]


def _counted(pairs: Sequence[tuple[Any, int]], top: int) -> tuple[int, list[tuple[Any, int]]]:
    counts: dict[tuple[Any, ...], list[Any]] = {}
    for cell, count in pairs:
        counts.setdefault(same(cell), [cell, 0])[1] += count
    most = sorted(counts.items(), key=lambda pair: (-pair[1][1], pair[0]))[:top]
    return len(counts), [(cell, count) for _, (cell, count) in most]


def _most(counts: NDArray[np.int64], top: int) -> Rows:
    """Return the places of the largest counts, the largest first, and of equals the first."""
    if not top:
        return np.empty(0, np.intp)
    if top < len(counts):
        bound = np.partition(counts, len(counts) - top)[len(counts) - top]
        places = np.flatnonzero(counts >= bound)
    else:
        places = np.arange(len(counts))
    return places[np.argsort(-counts[places], kind="stable")][:top]
