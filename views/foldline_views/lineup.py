"""Lines for series and for expressions."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.errors import QueryError

from .alignment import Part, part_of
from .asked import FramesRequest
from .catalog import Catalog
from .column import Rows
from .expressions import Expression, Operand, unknown_series
from .siblings import Siblings
from .styles import OtherSeries
from .syntax import Span
from .tracing import Line

__all__ = ["Lineup"]

Floats = NDArray[np.float64]


class Lineup:
    """Makes the lines of one answer; `axes` says along what each is drawn, if x is "auto"."""

    def __init__(self, catalog: Catalog, request: FramesRequest) -> None:
        self.axes: list[str] = []
        self._catalog = catalog
        self._request = request
        self._siblings = Siblings(catalog)
        self._missing: dict[str, int] = {}
        self._unclear: dict[str, dict[str, Any]] = {}

    def origins(self, runs: Rows) -> Floats:
        """Return what relative times count from, for these runs; 0 for all other x."""
        if self._request.x != "relative":
            return np.zeros(len(runs))
        return self._catalog.created_at()[runs]

    def are_plain(self, series: Rows) -> bool:
        """Whether all series are drawn along steps or times."""
        if self._request.x == "auto":
            return not any(self._step_metric(index) for index in series.tolist())
        return self._request.x in {"step", "time", "relative"}

    def of_series(self, series: int) -> Line:
        """Return the line of a series."""
        part = part_of(self._siblings, series, inherit=self._request.inherit)
        return self._placed(Line(series + 1, (part,)), series)

    def _placed(self, line: Line, series: int) -> Line:
        """Return a line along the x that was asked for, as it is for a series."""
        x = self._request.x
        if isinstance(x, OtherSeries):
            return self._along(line, series, x)
        if x == "auto":
            name = self._step_metric(series)
            self.axes.append(name or "step")
            return line if not name else self._along(line, series, OtherSeries(name))
        run = int(self._catalog.series.run[series])
        origin = float(self._catalog.created_at()[run]) if x == "relative" else 0.0
        return line._replace(axis=x, origin=origin)

    def _along(self, line: Line, series: int, x: OtherSeries) -> Line:
        run = int(self._catalog.series.run[series])
        _, own = self._catalog.series.key(series)
        found, _ = self._siblings.of_name(run, x.metric, own if x.context is None else x.context)
        if found is None and x.context is None:
            found, _ = self._siblings.of_name(run, x.metric, None)
        if found is None:
            self._missing[x.metric] = self._missing.get(x.metric, 0) + 1
            nothing = Part(self._catalog.ids[run], x.metric, {}, ())
            return line._replace(axis="series", x=nothing)
        other = part_of(self._siblings, found, inherit=self._request.inherit)
        return line._replace(axis="series", x=other)

    def _step_metric(self, series: int) -> str:
        """Return the series that the script defined as the x of another, or ""."""
        run = int(self._catalog.series.run[series])
        metrics = self._catalog.states[run].metrics
        if not metrics:
            return ""
        name, _ = self._catalog.series.key(series)
        fitting = [name] if name in metrics else [m for m in metrics if fnmatchcase(name, m)]
        # Of several patterns the longest says most.
        chosen = max(fitting, key=len, default=None)
        axis = metrics[chosen][0].step_metric if chosen is not None else ""
        known = axis and axis != name and self._siblings.of_name(run, axis, None)[0] is not None
        return axis if known else ""

    def warnings(self) -> list[str]:
        """Return what was odd."""
        missing = [
            f'{count} curves are empty: their runs have no metric "{name}"'
            for name, count in self._missing.items()
        ]
        unclear = [
            f'"{name}" is taken in one of its contexts, as in {context}: name one, '
            f'like metric["{name}", {context}]'
            for name, context in self._unclear.items()
        ]
        return [*missing, *unclear]

    # -- expressions

    def of_expression(self, run: int, expression: Expression, number: int) -> Line | None:
        """Return the line of an expression for a run, or None if it lacks a series of it.

        Raises QueryError if there is no such baseline.
        """
        found: list[int] = []
        for operand, at in expression.operands.items():
            row = run if not operand.run else self._baseline(operand, at)
            series, among = self._siblings.of_name(row, operand.name, operand.context)
            if series is None:
                return None
            if among > 1:
                self._unclear[operand.name] = self._catalog.series.key(series)[1]
            found.append(series)
        parts = tuple(part_of(self._siblings, s, inherit=self._request.inherit) for s in found)
        line = Line(number, parts, tuple(expression.operands), expression)
        own = [s for s in found if int(self._catalog.series.run[s]) == run]
        return self._placed(line, own[0] if own else found[0])

    def _baseline(self, operand: Operand, at: Span) -> int:
        row = self._catalog.row_of.get(operand.run)
        if row is None:
            raise QueryError(
                f'there is no run "{operand.run}"', at=at, hint="a baseline is named by its id"
            )
        return row

    def unknown(self, expression: Expression) -> str:
        """Return what to say of an expression that no run has all the series of."""
        names = self._siblings.names()
        for operand in expression.operands:
            if operand.name not in names:
                return unknown_series(operand, names)
        return f"no run has all the series of {expression.text}"
