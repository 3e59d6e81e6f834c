"""What a dotted name in a query stands for."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from foldline.errors import QueryError

from .dates import NOT_A_LITERAL, literal
from .source import Source
from .syntax import Arithmetic, Call, Choice, Constant, Element, Field, Node, Now, Series, Span
from .words import (
    ALIASES,
    DATE_PARTS,
    FUNCTIONS,
    INSTANTS,
    METHODS,
    METRIC_FIELDS,
    RUN_BRANCHES,
    RUN_FIELDS,
    SEQUENCE_FIELDS,
    SEQUENCES,
    SYSTEM_PARAMS,
    nearest,
)

__all__ = ["Chains", "dotted", "is_instant", "refusal"]


def refusal(at: Span, message: str, hint: str = "") -> QueryError:
    """Return the error that a part of a query can't be understood."""
    return QueryError(message, at=at, hint=hint)


def dotted(tree: ast.expr) -> str:
    """Return `name` or `module.name` for what is named so, or "" if it is anything else."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name):
        return f"{tree.value.id}.{tree.attr}"
    return ""


def is_instant(node: Node) -> bool:
    """Whether a node's numbers are moments, in unix seconds."""
    match node:
        case Now():
            return True
        case Constant(instant=instant):
            return instant
        case Field(path=path):
            return path[-1] in INSTANTS and set(path[:-1]) <= {"parent"}
        case Arithmetic(op="+" | "-", left=left, right=right):
            return is_instant(left) != is_instant(right)
        case Choice(yes=yes, no=no):
            return is_instant(yes) and is_instant(no)
        case Call(name="min" | "max", args=args):
            return all(map(is_instant, args))
        case _:
            return False


@dataclass(frozen=True, slots=True)
class _Step:
    """One `.name` or `[key]` of a chain."""

    tree: ast.expr  # the chain up to and with this step
    key: Any  # a name, or a literal
    dotted: bool


class Chains:
    """Knows what may be asked of a run, and of what else is searched: the `subject`."""

    def __init__(self, source: Source, subject: str) -> None:
        self.source = source
        self.subject = subject

    def steps(
        self, tree: ast.expr, sliced: Callable[[ast.Subscript], Node]
    ) -> tuple[ast.expr | Node, list[_Step]]:
        """Return what a chain starts from, and its steps.

        It starts from a name, any other expression, or a slice, which `sliced` makes a node of.
        """
        steps: list[_Step] = []
        inner: ast.expr | Node = tree
        while isinstance(inner, ast.Attribute | ast.Subscript):
            if isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Slice):
                return sliced(inner), steps[::-1]
            steps.append(self._step(inner))
            inner = inner.value
        return inner, steps[::-1]

    def named(self, tree: ast.Name, steps: list[_Step], at: Span) -> Node:
        """Return what a chain stands for that starts with a name."""
        if tree.id == "run":
            return self._run(steps, at)
        if tree.id == "metric" or tree.id in SEQUENCES:
            return self._subject(tree.id, steps, at)
        raise self._unknown_name(tree)

    def _unknown_name(self, tree: ast.Name) -> QueryError:
        at, name = self.source.at(tree), tree.id
        if name in FUNCTIONS or name in {"datetime", "math", "search", "timedelta"}:
            return refusal(at, f"`{name}` is a function", f"call it, like {name}(...)")
        near = nearest(name, [self.subject, "run", *FUNCTIONS, "datetime", "timedelta", "search"])
        hint = f"did you mean {near}?" if near else f"a param is written run.{name}"
        return refusal(at, f"`{name}` is not known", hint)

    def _step(self, tree: ast.Attribute | ast.Subscript) -> _Step:
        if isinstance(tree, ast.Attribute):
            return _Step(tree, tree.attr, dotted=True)
        key = literal(tree.slice)
        if key is NOT_A_LITERAL:
            at = self.source.at(tree.slice)
            raise refusal(at, "what stands in [ ] is a text or a number", 'like run["lr"]')
        return _Step(tree, key, dotted=False)

    def _name_at(self, step: _Step) -> Span:
        """Return the range of the last name of a chain, without what it is taken from."""
        start, end = self.source.at(step.tree)
        return (end - len(step.key) if step.dotted else start), end

    def _run(self, steps: list[_Step], at: Span, above: tuple[str, ...] = ()) -> Node:
        """Return what is asked of a run, or, with "parent" `above`, of its parent."""
        if not steps:
            raise refusal(at, "`run` alone is no value", "write run.name, or run.hparams.lr")
        first, rest = steps[0], steps[1:]
        span = self.source.at(first.tree)
        key = first.key if first.dotted else ""
        if key == "metrics" and above:
            raise refusal(span, "the metrics of a parent can't be queried", "ask for its params")
        if key == "metrics":
            return self._series(rest, at)
        if key == "parent" and rest and rest[0].dotted:
            if rest[0].key == "step":
                return self.within(
                    Field(self.source.at(rest[0].tree), ("parent", "step")), rest[1:]
                )
            return self._run(rest, at, (*above, "parent"))
        name = ALIASES.get(key, key)
        if name in RUN_FIELDS:
            return self.within(Field(span, (*above, name)), rest)
        if key == "__system_params":
            return self._system_param(rest, at)
        if key in RUN_BRANCHES | {"params"}:
            return self._branch([*above, key], first, rest)
        return self._branch([*above, "params", *self._keys(first)], first, rest)

    def _system_param(self, steps: list[_Step], at: Span) -> Node:
        """Return what Aim keeps among the params and is a field here."""
        keys = tuple(key for step in steps for key in self._keys(step))
        if keys not in SYSTEM_PARAMS:
            raise refusal(at, "this is no param here", "run.git, run.host, run.user are fields")
        return Field(at, SYSTEM_PARAMS[keys])

    def _keys(self, step: _Step) -> list[str]:
        keys = step.key if isinstance(step.key, list) else [step.key]
        if not keys or not all(isinstance(key, str) for key in keys):
            at = self.source.at(step.tree)
            raise refusal(at, "a param's name is a text", 'write run["hparams", "lr"]')
        return keys

    def _branch(self, path: list[str], last: _Step, rest: list[_Step]) -> Node:
        """Return the column of a param or the like; from the first number on, items of its list."""
        for place, step in enumerate(rest):
            if isinstance(step.key, int):
                found = Field(self.source.at(last.tree), tuple(path))
                return self.within(found, rest[place:])
            path = [*path, *self._keys(step)]
            last = step
        return Field(self.source.at(last.tree), tuple(path))

    def within(self, node: Node, steps: list[_Step]) -> Node:
        """Return what `steps` lead to inside a value."""
        for step in steps:
            at = self.source.at(step.tree)
            if step.dotted:
                if is_instant(node) and step.key in DATE_PARTS:
                    node = Call(at, f"date.{step.key}", (node,))
                    continue
                known = (*METHODS, *DATE_PARTS) if is_instant(node) else METHODS
                near = nearest(step.key, known)
                what = self.source.words(node.at)
                call = "" if near in DATE_PARTS else "()"
                hint = f"did you mean .{near}{call}?" if near else "it has no parts"
                raise refusal(self._name_at(step), f"{what} has no `{step.key}`", hint)
            if isinstance(step.key, bool) or not isinstance(step.key, int | str):
                raise refusal(at, "an item has a number or a name", "like [0]")
            node = Element(at, node, step.key)
        return node

    def _series(self, steps: list[_Step], at: Span) -> Node:
        example = 'write run.metrics["loss"].last'
        if not steps or steps[0].dotted:
            raise refusal(at, "`run.metrics` needs a metric's name in [ ]", example)
        key = steps[0].key
        name, context = key if isinstance(key, list) and len(key) == 2 else (key, None)
        if not isinstance(name, str) or not (context is None or isinstance(context, dict)):
            hint = 'write run.metrics["loss", {"subset": "val"}].last'
            raise refusal(self.source.at(steps[0].tree), "a metric has a name and a context", hint)
        if len(steps) == 1:
            raise refusal(at, "a metric is a line, not a value", example)
        step = steps[1]
        if not step.dotted or step.key not in METRIC_FIELDS:
            raise self._no_metric_field(step, METRIC_FIELDS)
        span = self.source.at(step.tree)
        return self.within(Series(span, name, context, step.key), steps[2:])

    def _no_metric_field(self, step: _Step, known: frozenset[str]) -> QueryError:
        near = nearest(str(step.key), known)
        hint = f"did you mean .{near}?" if near else f"it has {', '.join(sorted(known))}"
        return refusal(self._name_at(step), f"a metric has no `{step.key}`", hint)

    def _subject(self, own: str, steps: list[_Step], at: Span) -> Node:
        """Return what is asked of the series, or of the sequences, that are searched."""
        if self.subject != own:
            hint = 'write run.metrics["loss"].last' if own == "metric" else "ask for `run`"
            where = "metrics" if own == "metric" else own
            asked = "runs" if self.subject == "run" else f"`{self.subject}`"
            raise refusal(at, f"`{own}` is known where {where} are searched, not {asked}", hint)
        if not steps:
            raise refusal(at, f"`{own}` alone is no value", f"write {own}.name")
        first, rest = steps[0], steps[1:]
        if first.dotted and first.key == "run":
            return self._run(rest, at)
        span = self.source.at(first.tree)
        if first.dotted and first.key == "context":
            keys = [key for step in rest for key in self._keys(step)]
            return Field(self.source.at(steps[-1].tree), (own, "context", *keys))
        fields = METRIC_FIELDS if own == "metric" else SEQUENCE_FIELDS
        known = fields | {"name", "context", "run"}
        if not first.dotted or first.key not in known:
            raise self._no_metric_field(first, known)
        return self.within(Field(span, (own, first.key)), rest)
