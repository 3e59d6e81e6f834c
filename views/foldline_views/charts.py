"""A request for curves, and its answer."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import aggregate, frames, overview, overviews
from . import summaries as fields
from .answers import plain
from .asked import FramesRequest
from .catalog import Catalog, RunTable, SeriesTable
from .column import Rows
from .curves import NONE, Axis
from .drawing import Look, draw
from .exact import ExactSource
from .expressions import parse_expression
from .factors import combined, factor
from .lineup import Lineup
from .members import StoredMembers, traced_members
from .ordering import sort_key
from .pages import matching_series
from .reads import Reads
from .searches import Searched
from .thinning import thinned
from .tracing import Line

__all__ = ["CURVES_MAX", "GROUPS_MAX", "MEMBERS_MAX", "Chart", "chart"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Curves in one answer: 20,000 of 256 buckets are 60 MB, as much as a browser takes well.
CURVES_MAX = 20_000
# Series that are aggregated in one answer: as many as the largest store is made for.
MEMBERS_MAX = 100_000
# Groups in one answer: far more than can be told apart, and 50 MB while they are added up.
GROUPS_MAX = 1000

VALUES = {
    "last": overview.LAST,
    "min": overview.MIN,
    "max": overview.MAX,
    "mean": overview.MEAN,
}


class _Groups(NamedTuple):
    """The group of each line, never falling, and what is told of each group."""

    of: Ints
    told: list[dict[str, Any]]


class Chart(NamedTuple):
    """What is to be drawn; it needs the catalog no more, so another thread may read it."""

    request: FramesRequest
    watermark: int
    warnings: list[str]
    numbers: list[int]  # that the curves are told under
    told: list[dict[str, Any]]  # of each curve of an expression: which, and whose
    axes: list[str]  # of each curve: along what it is drawn; only where curves may differ
    slots: list[tuple[int, ...]]  # of each line, if all are series along steps or times
    origin: Floats  # of each line, in unix seconds
    lines: list[Line]  # if not
    groups: _Groups | None

    def message(self, db: sqlite3.Connection, exact: ExactSource) -> bytes | None:
        """Read the views, all as of one commit, and return the message: see FRAMES.md.

        None if what is stored nearly ready is too coarse: make the chart again without it.
        """
        db.execute("BEGIN")
        try:
            if self.groups is not None:
                return self._aggregated(db, exact, self.groups)
            return self._overviews(db) if self.slots else self._drawn(db, exact)
        finally:
            db.execute("COMMIT")

    def nothing(self) -> bytes:
        """Return the message of no curves."""
        return frames.encode(NONE, [], self._none(), self._head(self._names()))

    def _overviews(self, db: sqlite3.Connection) -> bytes | None:
        names = self._names()
        points = self.request.points
        found = overviews.overview_curves(
            db,
            [slot for (slot,) in self.slots],
            Axis(_is_by_time(self.request), self.origin),
            points=points,
            figures=next(
                figures
                for figures in (1, overview.SHOWN, overview.VALUES)
                if all(VALUES[name] < figures for name in names)
            ),
        )
        if found is None:
            return None
        curves, exact = found
        if points < overview.OVERVIEW_MAX:
            curves, fewer = thinned(curves, points)
            exact = exact & ~fewer
        columns = {name: curves.values[:, VALUES[name]] for name in names}
        return frames.encode(curves, self.numbers, columns, self._head(names, exact=exact.tolist()))

    def _drawn(self, db: sqlite3.Connection, exact: ExactSource) -> bytes:
        reads = Reads(db, exact)
        request = self.request
        drawn = draw(reads, self.lines, Look(request.points, request.range, request.smooth))
        names = self._names()
        columns = {name: drawn.curves.values[:, VALUES[name]] for name in names if name in VALUES}
        if drawn.smooth is not None:
            columns["smooth"] = drawn.smooth
        more: dict[str, Any] = {"exact": drawn.exact}
        if request.inherit:
            more["inherited_until"] = drawn.inherited_until
        head = self._head(names, *reads.warnings, **more)
        return frames.encode(drawn.curves, self.numbers, columns, head)

    def _aggregated(self, db: sqlite3.Connection, exact: ExactSource, groups: _Groups) -> bytes:
        request = self.request
        assert request.aggregate is not None, "there are groups"
        reads = Reads(db, exact)
        if self.slots:
            stored = StoredMembers(db, self.slots, request.range)
            grid = stored.grid(request.points)
            blocks = stored.blocks()
        else:
            traced, grid = traced_members(reads, self.lines, request.points, request.range)
            blocks = iter(traced)
        curves, columns = aggregate.aggregated(blocks, grid, groups.of, request.aggregate)
        if request.smooth is not None:
            columns["smooth"] = aggregate.smoothed_lines(curves, columns["line"], request.smooth)
        head = self._head(
            self._names(),
            *reads.warnings,
            groups=groups.told,
            bucket=float(np.ldexp(1, grid.width)),
        )
        return frames.encode(curves, list(range(len(groups.told))), columns, head)

    def _names(self) -> list[str]:
        grouped = self.request.aggregate is not None
        names: list[str] = list(aggregate.COLUMNS if grouped else self.request.columns)
        return names if self.request.smooth is None else [*names, "smooth"]

    def _none(self) -> dict[str, NDArray[np.float32]]:
        return {name: np.empty(0, dtype=np.float32) for name in self._names()}

    def _head(self, names: list[str], *warnings: str, **more: Any) -> dict[str, Any]:
        head: dict[str, Any] = {
            "watermark": self.watermark,
            "x": self.request.x,
            "columns": names,
            "warnings": [*self.warnings, *warnings],
            **more,
        }
        if self.told:
            head["curves"] = self.told
        if self.axes:
            head["axes"] = self.axes
        return head


def chart(
    catalog: Catalog,
    request: FramesRequest,
    searched: Searched | None = None,
    *,
    stored: bool = True,
) -> Chart:
    """Look up what a request asks for; `stored` says to use what is nearly ready, where it may do.

    Raises QueryError.
    """
    catalog.let_time_pass()
    series, warnings = _asked(catalog, request, searched)
    if request.expressions:
        return _of_expressions(catalog, request, series, warnings)
    series = _limited(series, request, warnings)
    groups = None
    if request.aggregate is not None:
        order, groups = _grouped(SeriesTable(catalog), request.aggregate.by, series, "metric")
        if len(groups.told) > GROUPS_MAX:
            groups, order = _first_groups(groups, order, warnings)
        series = series[order]
    lineup = Lineup(catalog, request)
    slots = [tuple(catalog.series.slots_of(index)) for index in series.tolist()]
    origin = lineup.origins(catalog.series.run[series])
    lines: list[Line] = []
    longest = int(catalog.series.summary[fields.COUNT, series].max(initial=0))
    ready = _is_stored(request, slots, longest, plain_axis=lineup.are_plain(series))
    if not (stored and ready):
        lines = [lineup.of_series(index) for index in series.tolist()]
        slots = []
    axes = lineup.axes or ["step"] * len(series)
    told = axes if request.x == "auto" and groups is None else []
    numbers = (series + 1).tolist()
    warnings += lineup.warnings()
    return Chart(
        request, catalog.watermark, warnings, numbers, [], told, slots, origin, lines, groups
    )


def _of_expressions(
    catalog: Catalog, request: FramesRequest, series: Rows, warnings: list[str]
) -> Chart:
    """Look up the expressions for the runs of the series that were asked for."""
    runs = np.array(list(dict.fromkeys(catalog.series.run[series].tolist())), dtype=np.int64)
    whole = None
    if request.aggregate is not None:
        order, whole = _grouped(RunTable(catalog), request.aggregate.by, runs, "run")
        runs = runs[order]
    lineup = Lineup(catalog, request)
    lines: list[Line] = []
    told: list[dict[str, Any]] = []
    groups: list[tuple[int, int]] = []  # the expression and the group of each line
    for place, expression in enumerate(map(parse_expression, request.expressions)):
        before = len(lines)
        for at, run in enumerate(runs.tolist()):
            line = lineup.of_expression(run, expression, len(lines))
            if line is not None:
                lines.append(line)
                told.append({"run": catalog.ids[run], "expression": place})
                groups.append((place, int(whole.of[at]) if whole else 0))
        if len(lines) == before and len(runs):
            warnings.append(lineup.unknown(expression))
    most = CURVES_MAX if whole is None else MEMBERS_MAX
    if len(lines) > most:
        warnings.append(f"showing {most} of {len(lines)} curves")
    of_expressions = None
    if whole is not None:
        kinds = sorted(set(groups[:most]))
        of = np.array([kinds.index(kind) for kind in groups[:most]], dtype=np.int64)
        members = np.bincount(of, minlength=len(kinds)).tolist()
        of_expressions = _Groups(
            of,
            [
                {"by": whole.told[group]["by"], "members": count, "expression": place}
                for (place, group), count in zip(kinds, members, strict=True)
            ],
        )
        told = []
    warnings += lineup.warnings()
    numbers = list(range(min(len(lines), most)))
    return Chart(
        request, catalog.watermark, warnings, numbers, told[:most], [], [],
        np.empty(0), lines[:most], of_expressions,
    )  # fmt: skip


def _asked(
    catalog: Catalog, request: FramesRequest, searched: Searched | None
) -> tuple[Rows, list[str]]:
    """Return the rows of the series that are asked for, each once, and what was odd."""
    if request.ids is None:
        return matching_series(catalog, request.query or "", searched)
    ids = np.array(list(dict.fromkeys(request.ids)), dtype=np.int64)
    known = (ids > 0) & (ids <= catalog.series.count)
    known[known] = catalog.series.reached(ids[known] - 1)
    warnings = [] if known.all() else [f"{np.count_nonzero(~known)} ids are not known"]
    return ids[known] - 1, warnings


def _limited(series: Rows, request: FramesRequest, warnings: list[str]) -> Rows:
    most = CURVES_MAX if request.aggregate is None else MEMBERS_MAX
    if len(series) > most:
        warnings.append(f"showing {most} of {len(series)} curves")
    return series[:most]


def _is_stored(
    request: FramesRequest, slots: list[tuple[int, ...]], longest: int, *, plain_axis: bool
) -> bool:
    """Whether the answer is stored nearly ready: overviews, or levels to be aggregated.

    An overview has OVERVIEW_MAX buckets. Of a series with fewer points it has all of them, however
    many are asked for; and fewer steps can be made of it, but no fewer times.
    """
    if request.inherit or not plain_axis:
        return False
    if request.aggregate is not None:
        return request.x in {"step", "auto"}
    enough = request.points < 2 * overview.OVERVIEW_MAX or longest <= overview.OVERVIEW_MAX
    few = request.points >= overview.OVERVIEW_MAX or not _is_by_time(request)
    alone = all(len(one) == 1 for one in slots)
    return enough and few and alone and request.range is None and request.smooth is None


def _is_by_time(request: FramesRequest) -> bool:
    return request.x in {"time", "relative"}


def _grouped(
    table: RunTable, by: tuple[str, ...], rows: Rows, subject: str
) -> tuple[Ints, _Groups]:
    """Return the order of rows by group, and the groups. Raises QueryError."""
    columns = [sort_key(text, subject).column(table).take(rows) for text in by]
    whole = combined([factor(column) for column in columns], len(rows))
    order = np.argsort(whole.codes, kind="stable")
    members = np.bincount(whole.codes, minlength=whole.size).tolist()
    told = [
        {"by": [plain(column.cell(first)) for column in columns], "members": count}
        for first, count in zip(whole.first.tolist(), members, strict=True)
    ]
    return order, _Groups(whole.codes[order], told)


def _first_groups(groups: _Groups, order: Ints, warnings: list[str]) -> tuple[_Groups, Ints]:
    warnings.append(f"showing {GROUPS_MAX} of {len(groups.told)} groups")
    kept = groups.of < GROUPS_MAX
    return _Groups(groups.of[kept], groups.told[:GROUPS_MAX]), order[kept]
