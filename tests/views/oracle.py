"""What a query means, row by row in plain Python.

It shares nothing with the evaluator: no tree, no columns, no numpy but for powers, whose last bit
is numpy's.
"""

from __future__ import annotations

import ast
import json
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import numpy as np

from foldline_views.column import Column, Numbers, Path, Rows, column_of
from foldline_views.columns import Columns

COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip

MATHS: dict[str, Callable[..., Any]] = {
    "math.log10": math.log10,
    "math.sqrt": math.sqrt,
    "math.isnan": math.isnan,
}


class When(float):
    """Unix seconds that are a moment."""


@dataclass
class Row:
    """A run: its cells by path, and its series' summaries by name and context."""

    cells: dict[Path, Any]
    series: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


def context_key(context: Mapping[str, Any]) -> str:
    return json.dumps(dict(context), sort_keys=True)


class RowTable(Columns):
    """Rows as the table that a query is asked of."""

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__()
        self.add_rows(len(rows))
        self.summaries = Columns()
        self.summaries.add_rows(len(rows))
        self.all_series: list[tuple[int, str, str]] = []  # row, name and context, as asked for
        for number, row in enumerate(rows):
            for path, cell in row.cells.items():
                self.set(path, number, cell)
            for (name, key), summary in row.series.items():
                for part, value in summary.items():
                    self.summaries.set((name, key, part), number, value)

    def pairs(self, name: str) -> tuple[Rows, Rows]:
        found: list[tuple[int, int]] = []
        for row in range(self.rows):
            for key in contexts_of(self.summaries.known_paths(), name):
                if any(
                    path[:2] == (name, key) and self.summaries.cell(path, row) is not None
                    for path in self.summaries.known_paths()
                ):
                    found.append((row, len(self.all_series)))
                    self.all_series.append((row, name, key))
        rows, series = zip(*found, strict=True) if found else ((), ())
        return np.array(rows, np.intp), np.array(series, np.intp)

    def figures(self, series: Rows, field: str) -> Numbers:
        cells = []
        for number in series.tolist():
            row, name, key = self.all_series[number] if number >= 0 else (0, "", "")
            cells.append(self.summaries.cell((name, key, field), row))
        column = column_of(cells)
        assert isinstance(column, Numbers)
        return column

    def metric(self, name: str, context: Mapping[str, Any], field: str) -> Column | None:
        return self.summaries.column((name, context_key(context), field))

    def known_metrics(self) -> Iterable[str]:
        return sorted({path[0] for path in self.summaries.known_paths()})


def contexts_of(paths: Iterable[Path], name: str) -> list[str]:
    return sorted({path[1] for path in paths if path[0] == name})


class Oracle:
    """Answers one query for one row at a time."""

    def __init__(self, rows: Sequence[Row], now: float = 0.0) -> None:
        self.rows = rows
        self.now = now
        self.row = rows[0] if rows else Row({})
        self.chosen: dict[str, str] = {}
        self.names: dict[str, Any] = {}

    def matches(self, text: str) -> list[int]:
        tree = ast.parse(f"({text})", mode="eval").body
        found = []
        for number, row in enumerate(self.rows):
            self.row = row
            hidden = "run.archived" not in text and bool(row.cells.get(("archived",)))
            if self.holds(tree) and not hidden:
                found.append(number)
        return found

    # --- conditions -------------------------------------------------------------------------------

    def holds(self, tree: ast.expr) -> bool:
        if isinstance(tree, ast.BoolOp):
            parts = (self.holds(part) for part in tree.values)
            return all(parts) if isinstance(tree.op, ast.And) else any(parts)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
            return not self.holds(tree.operand)
        if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and (asked := none_asked(tree)):
            there = self.any_choice(asked[0], lambda: self.value(asked[0]) is not None)
            return not there if asked[1] else there
        return self.any_choice(tree, lambda: bool(self.value(tree)))

    def any_choice(self, tree: ast.expr, ask: Callable[[], bool]) -> bool:
        names = sorted({name for name in open_metrics(tree) if name not in self.chosen})
        if not names:
            return ask()
        before = dict(self.chosen)
        answer = False
        own = [[key for of, key in self.row.series if of == name] or ["none"] for name in names]
        for choice in product(*own):
            self.chosen = {**before, **dict(zip(names, choice, strict=True))}
            answer = answer or ask()
        self.chosen = before
        return answer

    def compare(self, tree: ast.Compare) -> bool:
        sides = [tree.left, *tree.comparators]
        for place, op in enumerate(tree.ops):
            pair = ast.Compare(sides[place], [op], [sides[place + 1]])
            if asked := none_asked(pair):
                if (self.value(asked[0]) is None) != asked[1]:
                    return False
                continue
            left, right = self.value(sides[place]), self.value(sides[place + 1])
            if isinstance(right, list) and not is_literal(sides[place + 1]):
                right = [item for item in right if item is not None]
            if not self.link(op, left, right):
                return False
        return True

    def link(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        if isinstance(op, ast.In | ast.NotIn) and isinstance(right, list) and None in right:
            if left is None:
                return isinstance(op, ast.In)
            right = [item for item in right if item is not None]
        if left is None or right is None:
            return False
        if isinstance(left, When) and isinstance(right, str):
            right = moment(right)
        if isinstance(right, When) and isinstance(left, str):
            left = moment(left)
        if isinstance(op, ast.In | ast.NotIn):
            if not (
                isinstance(right, list) or (isinstance(right, str | dict) and type(left) is str)
            ):
                return False
            same = isinstance(left, str) or any(left == item for item in right)
            return (same and left in right) == isinstance(op, ast.In)
        if isinstance(op, ast.Eq | ast.NotEq):
            return bool(left == right) == isinstance(op, ast.Eq)
        if (is_number(left) and is_number(right)) or type(left) is type(right) is str:
            return bool(COMPARE[type(op)](left, right))
        return False

    # --- values -----------------------------------------------------------------------------------

    def value(self, tree: ast.expr) -> Any:
        match tree:
            case ast.Constant():
                return tree.value
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return [self.value(item) for item in items]
            case ast.Compare():
                return self.compare(tree)
            case ast.BoolOp(op=op, values=[first, *rest]):
                found = self.value(first)
                for part in rest:
                    if bool(found) == isinstance(op, ast.And):
                        found = self.value(part)
                return found
            case ast.UnaryOp(op=ast.Not()):
                return self.holds(tree)
            case ast.UnaryOp(operand=ast.Constant(value=int() | float() as number)):
                return -number  # a literal, and so exact
            case ast.UnaryOp(operand=operand):
                cell = self.value(operand)
                return rounded(-float(cell), cell, cell) if is_number(cell) else None
            case ast.BinOp(op=op, left=left, right=right):
                return arithmetic(op, self.value(left), self.value(right))
            case _:
                return self.inner_value(tree)

    def inner_value(self, tree: ast.expr) -> Any:
        match tree:
            case ast.Dict(keys=keys, values=items):
                return {
                    self.value(key): self.value(item)
                    for key, item in zip(keys, items, strict=True)
                    if key is not None
                }
            case ast.IfExp(test=test, body=yes, orelse=no):
                return self.value(yes if self.holds(test) else no)
            case ast.Call():
                return self.call(tree)
            case ast.GeneratorExp(elt=item, generators=[loop]):
                return self.loop(item, loop)
            case _:
                return self.place(tree)

    def loop(self, item: ast.expr, loop: ast.comprehension) -> Any:
        source = self.value(loop.iter)
        if not isinstance(source, list):
            return None
        assert isinstance(loop.target, ast.Name)
        found = []
        for element in source:
            self.names[loop.target.id] = element
            if all(self.holds(test) for test in loop.ifs):
                found.append(self.value(item))
        self.names.clear()
        return found

    def place(self, tree: ast.expr) -> Any:
        text = ast.unparse(tree)
        if isinstance(tree, ast.Name):
            return self.names[tree.id]
        if text.startswith("run.metrics["):
            return self.summary(tree)
        if isinstance(tree, ast.Attribute) and tree.attr in {"month", "day"}:
            cell = self.value(tree.value)
            return None if cell is None else getattr(datetime.fromtimestamp(cell, UTC), tree.attr)
        if isinstance(tree, ast.Subscript) and isinstance(tree.slice, ast.Constant | ast.UnaryOp):
            key = ast.literal_eval(tree.slice)
            if isinstance(key, int):
                return item_of(self.value(tree.value), key)
        return self.cell(path_of(tree))

    def cell(self, path: Path) -> Any:
        cell = self.row.cells.get(path)
        if path == ("tags",):
            return cell or []
        if path == ("active",):
            return self.row.cells.get(("status",)) == "running"
        below: dict[str, Any] = {}
        for other, value in self.row.cells.items():
            if other[: len(path)] == path and len(other) == len(path) + 1 and value is not None:
                below[other[-1]] = value
        if below:
            return below
        return When(cell) if path == ("created_at",) and cell is not None else cell

    def summary(self, tree: ast.expr) -> Any:
        assert isinstance(tree, ast.Attribute)
        assert isinstance(tree.value, ast.Subscript)
        key = ast.literal_eval(tree.value.slice)
        name = key[0] if isinstance(key, tuple) else key
        context = context_key(key[1]) if isinstance(key, tuple) else self.chosen.get(name, "{}")
        summary = self.row.series.get((name, context))
        if summary is None:
            return None
        return summary["nonfinite"] > 0 if tree.attr == "has_nan" else summary.get(tree.attr)

    def call(self, tree: ast.Call) -> Any:
        name = ast.unparse(tree.func)
        if name == "datetime.now":
            return When(self.now)
        if name in {"datetime", "timedelta"}:
            args = [ast.literal_eval(arg) for arg in tree.args]
            named = {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords}
            if name == "timedelta":
                return timedelta(*args, **named).total_seconds()
            naive = datetime(*args, **named)  # noqa: DTZ001  # UTC is put on in the next line
            return When(naive.replace(tzinfo=UTC).timestamp())
        cells = [self.value(arg) for arg in tree.args]
        if isinstance(tree.func, ast.Attribute) and name not in MATHS:
            cells = [self.value(tree.func.value), *cells]
            name = f".{tree.func.attr}"
        if None in cells:
            return None
        try:
            return call(name, cells)
        except (TypeError, ValueError, OverflowError, AttributeError):
            return None


def call(name: str, cells: list[Any]) -> Any:
    first, *rest = cells
    if name in {".startswith", ".endswith"}:
        part = tuple(rest[0]) if isinstance(rest[0], list) else rest[0]
        return getattr(first, name[1:])(part)
    if name == ".strftime":
        return datetime.fromtimestamp(first, UTC).strftime(*rest)
    if name.startswith("."):
        return getattr(first, name[1:])(*rest)
    if name in {"any", "all", "sum", "min", "max"} and not rest:
        if not isinstance(first, list):
            return None
        cells = [cell for cell in first if cell is not None]
    if name in {"any", "all"}:
        return any(cells) if name == "any" else all(cells)
    if name in {"sum", "min", "max"}:
        texts = [isinstance(cell, str) for cell in cells]
        if not all(is_number(cell) for cell in cells) and not (all(texts) and name != "sum"):
            return None
        return sum(cells) if name == "sum" else min(cells) if name == "min" else max(cells)
    if name == "len":
        return len(first)
    if name == "bool":
        return bool(first)
    if not is_number(first) and not (isinstance(first, str) and name in {"int", "float", "str"}):
        return None
    plain: dict[str, Callable[..., Any]] = {
        "abs": abs,
        "round": round,
        "int": int,
        "float": float,
        "str": str,
        **MATHS,
    }
    return plain[name](first, *rest)


def is_literal(tree: ast.expr) -> bool:
    """Whether a list is written out: only a None that is written asks for what is missing."""
    return not any(isinstance(part, ast.Name) for part in ast.walk(tree))


def item_of(cell: Any, key: int) -> Any:
    if not isinstance(cell, list | str):
        return None
    return cell[key] if -len(cell) <= key < len(cell) else None


def is_number(cell: Any) -> bool:
    return isinstance(cell, int | float)


def moment(text: str) -> When:
    when = datetime.fromisoformat(text)
    return When((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


def path_of(tree: ast.expr) -> Path:
    keys: list[str] = []
    while not isinstance(tree, ast.Name):
        if isinstance(tree, ast.Attribute):
            keys.insert(0, tree.attr)
        else:
            assert isinstance(tree, ast.Subscript)
            key = ast.literal_eval(tree.slice)
            keys[:0] = key if isinstance(key, tuple) else [key]
        tree = tree.value
    fields = {"id", "name", "experiment", "tags", "status", "archived", "active", "created_at"}
    if len(keys) == 1 and keys[0] in fields | {"duration", "notes", "description"}:
        return (keys[0],)
    return tuple(keys) if keys[0] == "params" else ("params", *keys)


def none_asked(tree: ast.Compare) -> tuple[ast.expr, bool] | None:
    """Return what `is None`, `== None` or their opposites ask about, and True if not opposite."""
    op, left, right = tree.ops[0], tree.left, tree.comparators[0]
    if not isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
        return None
    if isinstance(right, ast.Constant) and right.value is None:
        return left, isinstance(op, ast.Is | ast.Eq)
    if isinstance(left, ast.Constant) and left.value is None:
        return right, isinstance(op, ast.Is | ast.Eq)
    return None


def open_metrics(tree: ast.expr) -> Iterable[str]:
    for part in ast.walk(tree):
        if isinstance(part, ast.Subscript) and ast.unparse(part.value) == "run.metrics":
            key = ast.literal_eval(part.slice)
            if isinstance(key, str):
                yield key


def rounded(result: float, left: Any, right: Any) -> Any:
    whole = not isinstance(left, float) and not isinstance(right, float)
    return int(result) if whole and math.isfinite(result) else result


def arithmetic(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Add) and type(left) is type(right) is str:
        return left + right
    if not (is_number(left) and is_number(right)):
        return None
    a, b = np.array([left], np.float64), np.array([right], np.float64)
    if isinstance(op, ast.Div | ast.FloorDiv | ast.Mod) and b[0] == 0:
        return None
    if isinstance(op, ast.Pow):
        with np.errstate(all="ignore"):
            result = float(np.power(a, b)[0])
        if (a[0] == 0 and b[0] < 0) or (math.isnan(result) and a[0] == a[0] and b[0] == b[0]):
            return None
        return rounded(result, left, right if right >= 0 else float(right))
    plain = {
        ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
        ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    }  # fmt: skip
    result = plain[type(op)](float(left), float(right))
    if isinstance(op, ast.Div):
        return result
    moved = rounded(result, left, right)
    instants = isinstance(left, When) + isinstance(right, When)
    return When(moved) if instants == 1 and isinstance(op, ast.Add | ast.Sub) else moved
