"""Arithmetic over the series of a run.

A closed list, like the query language's: what is not named here is refused, with the range and a
hint. An expression is checked once and then worked out over whole arrays.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from foldline.errors import QueryError

from .dates import literal
from .grammar import DEPTH_MAX, NODES_MAX
from .source import Source
from .syntax import Arithmetic, Call, Constant, Negative, Node, Series, Span, walk
from .words import nearest

__all__ = ["Expression", "Operand", "parse_expression", "unknown_series"]

Floats = NDArray[np.float64]

EXAMPLE = 'like train_loss / val_loss, or log(metric["val/loss", {"subset": "a"}])'

OPERATORS: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", np.add),
    ast.Sub: ("-", np.subtract),
    ast.Mult: ("*", np.multiply),
    ast.Div: ("/", np.divide),
    ast.FloorDiv: ("//", np.floor_divide),
    ast.Mod: ("%", np.mod),
    ast.Pow: ("**", np.power),
}
APPLY = dict(OPERATORS.values())

# Each with how many arguments it takes, and what it is of arrays.
FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "log10": (1, np.log10),
    "log2": (1, np.log2),
    "max": (2, np.maximum),
    "min": (2, np.minimum),
    "sqrt": (1, np.sqrt),
}
SPECIAL = ("ema", "baseline")


class Operand(NamedTuple):
    """A series that an expression needs: of the run itself, or of another one as a baseline."""

    name: str
    context: str | None  # as JSON with its keys in order; None: the one without any, if there is
    run: str = ""  # "" is the run that the expression is worked out for


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """An expression that was understood."""

    text: str
    root: Node

    @property
    def operands(self) -> dict[Operand, Span]:
        """The series it needs, each with where it is first named."""
        found: dict[Operand, Span] = {}
        _gather(self.root, "", found)
        return found

    @property
    def is_smoothed(self) -> bool:
        """Whether a value depends on the points before it."""
        return any(isinstance(part, Call) and part.name == "ema" for part in walk(self.root))

    def values(
        self,
        operands: Mapping[Operand, Floats],
        ema: Callable[[Floats, float], Floats],
    ) -> Floats:
        """Return the expression of arrays of one length; `ema` smooths one by a weight.

        Where it has no value, as in a division by zero, there is NaN or an infinity.
        """
        size = len(next(iter(operands.values())))

        def work(node: Node, run: str) -> Any:
            match node:
                case Constant(value=value):
                    return float(value)
                case Series():
                    return operands[_operand(node, run)]
                case Negative(operand=operand):
                    return np.negative(work(operand, run))
                case Arithmetic(op=op, left=left, right=right):
                    return APPLY[op](work(left, run), work(right, run))
                case Call(name="baseline", args=(inner, Constant(value=other))):
                    return work(inner, other)
                case Call(name="ema", args=(inner, Constant(value=weight))):
                    return ema(np.broadcast_to(np.float64(work(inner, run)), size), weight)
                case Call(name=name, args=args):
                    return FUNCTIONS[name][1](*(work(arg, run) for arg in args))
            raise AssertionError("the grammar makes no other node")

        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(np.float64(work(self.root, "")), size))


def parse_expression(text: str) -> Expression:
    """Return an expression; QueryError if it can't be understood or names no series."""
    source = Source(text)
    if source.tree is None:
        raise QueryError("there is no expression", at=(0, len(text)), hint=EXAMPLE)
    root = _Grammar(source).node(source.tree)
    expression = Expression(text, root)
    if not expression.operands:
        raise QueryError("the expression names no series", at=(0, len(text)), hint=EXAMPLE)
    return expression


def unknown_series(operand: Operand, known: Iterable[str]) -> str:
    """Return what to say of a series that no run has."""
    names = set(known)
    below = sorted(name for name in names if name.startswith(f"{operand.name}/"))
    near = below[0] if below else nearest(operand.name, names)
    hint = f'; did you mean metric["{near}"]?' if near and near != operand.name else ""
    return f'no run has the metric "{operand.name}"{hint}'


def _operand(node: Series, run: str) -> Operand:
    context = node.context
    if context is None:
        return Operand(node.name, None, run)
    return Operand(node.name, msgspec.json.encode(context, order="deterministic").decode(), run)


def _gather(node: Node, run: str, found: dict[Operand, Span]) -> None:
    match node:
        case Series(at=at):
            found.setdefault(_operand(node, run), at)
        case Call(name="baseline", args=(inner, Constant(value=other))):
            _gather(inner, other, found)
        case Arithmetic(left=left, right=right):
            _gather(left, run, found)
            _gather(right, run, found)
        case Negative(operand=operand):
            _gather(operand, run, found)
        case Call(args=args):
            for arg in args:
                _gather(arg, run, found)


class _Grammar:
    """Checks a source against the language of expressions."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._nodes = 0
        self._depth = 0

    def node(self, tree: ast.expr) -> Node:
        """Return the checked node of an expression."""
        at = self.source.at(tree)
        self._nodes += 1
        self._depth += 1
        if self._nodes > NODES_MAX:
            message = f"the expression has more than {NODES_MAX} parts"
            raise QueryError(message, at=at, hint="shorten it")
        if self._depth > DEPTH_MAX:
            message = f"the expression is nested more than {DEPTH_MAX} levels deep"
            raise QueryError(message, at=at, hint="split it")
        found = self._checked(tree, at)
        self._depth -= 1
        return found

    def _checked(self, tree: ast.expr, at: Span) -> Node:
        match tree:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(value, at)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negative(at, self.node(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.node(operand)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in OPERATORS:
                sides = self.node(left), self.node(right)
                return Arithmetic(at, OPERATORS[type(op)][0], *sides)
            case ast.Name(id=name):
                if name in FUNCTIONS or name in SPECIAL:
                    hint = f'call it, like {name}(loss), or write metric["{name}"]'
                    raise QueryError(f"`{name}` is a function", at=at, hint=hint)
                return Series(at, name, None, "")
            case ast.Subscript():
                return self._series(tree, at)
            case ast.Attribute():
                hint = f'write metric["{self.source.words(at)}"]'
                raise QueryError("a series' name has no dots here", at=at, hint=hint)
            case ast.Call():
                return self._call(tree, at)
        raise QueryError("this can't be used in an expression of series", at=at, hint=EXAMPLE)

    def _number(self, value: float, at: Span) -> Node:
        try:
            return Constant(at, float(value))
        except OverflowError:
            raise QueryError("this number is too large", at=at, hint="like 1e300") from None

    def _series(self, tree: ast.Subscript, at: Span) -> Node:
        if not isinstance(tree.value, ast.Name):
            raise QueryError("this can't be used in an expression of series", at=at, hint=EXAMPLE)
        owner, key = tree.value.id, literal(tree.slice)
        if owner not in {"metric", "metrics"}:
            key = [owner, key]
        name, context = key if isinstance(key, list) and len(key) == 2 else (key, None)
        if not isinstance(name, str) or not (context is None or isinstance(context, dict)):
            span = self.source.at(tree.slice)
            hint = 'write metric["loss", {"subset": "val"}]'
            raise QueryError("a metric has a name and a context", at=span, hint=hint)
        return Series(at, name, context, "")

    def _call(self, tree: ast.Call, at: Span) -> Node:
        called = self.source.at(tree.func)
        name = tree.func.id if isinstance(tree.func, ast.Name) else ""
        if tree.keywords:
            span = self.source.at(tree.keywords[0])
            raise QueryError("arguments have no names here", at=span, hint="write the value alone")
        if name == "baseline":
            return self._baseline(tree, at)
        if name == "ema":
            return self._ema(tree, at)
        if name not in FUNCTIONS:
            near = nearest(name, (*FUNCTIONS, *SPECIAL))
            known = ", ".join(sorted((*FUNCTIONS, *SPECIAL)))
            raise QueryError(
                f"there is no function `{self.source.words(called)}`",
                at=called,
                hint=f"did you mean {near}?" if near else f"there are {known}",
            )
        count = FUNCTIONS[name][0]
        if len(tree.args) != count:
            raise QueryError(f"{name}() takes {count} argument{'s' * (count > 1)}", at=at)
        return Call(at, name, tuple(map(self.node, tree.args)))

    def _ema(self, tree: ast.Call, at: Span) -> Node:
        weight = literal(tree.args[1]) if len(tree.args) == 2 else None
        if not isinstance(weight, int | float) or not 0 <= weight < 1:
            message = "ema() takes a series and a weight from 0 up to 1"
            raise QueryError(message, at=at, hint="like ema(loss, 0.9)")
        weight_at = self.source.at(tree.args[1])
        return Call(at, "ema", (self.node(tree.args[0]), Constant(weight_at, float(weight))))

    def _baseline(self, tree: ast.Call, at: Span) -> Node:
        run = literal(tree.args[-1]) if tree.args else None
        if not isinstance(run, str) or not run or len(tree.args) > 2:
            message = "baseline() takes a run's id, or what to take of it before"
            raise QueryError(message, at=at, hint='like loss - baseline(loss, "the-run")')
        run_at = self.source.at(tree.args[-1])
        inner = self.node(tree.args[0]) if len(tree.args) == 2 else self._only_series(at)
        if any(isinstance(part, Call) and part.name == "baseline" for part in walk(inner)):
            raise QueryError("a baseline has no baseline", at=at, hint="name one run")
        return Call(at, "baseline", (inner, Constant(run_at, run)))

    def _only_series(self, at: Span) -> Node:
        """Return the one series that the whole expression names, for a baseline that names none."""
        assert self.source.tree is not None, "a part of it is being checked"
        names: dict[str, ast.expr] = {}
        called = {
            id(part.func) for part in ast.walk(self.source.tree) if isinstance(part, ast.Call)
        }
        inner = {
            id(part.value) for part in ast.walk(self.source.tree) if isinstance(part, ast.Subscript)
        }
        for part in ast.walk(self.source.tree):
            named = isinstance(part, ast.Subscript) or (
                isinstance(part, ast.Name) and id(part) not in called | inner
            )
            if named and isinstance(part, ast.expr):
                names.setdefault(ast.dump(part), part)
        if len(names) != 1:
            hint = 'say which series: baseline(loss, "the-run")'
            raise QueryError("it is not clear what to take of the baseline", at=at, hint=hint)
        return self.node(next(iter(names.values())))
