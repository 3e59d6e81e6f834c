"""The query language: which Python expressions it takes.

A closed list: what is not named here is refused, with the range and a hint.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from foldline.errors import QueryError

from .dates import DATE_CALLS, NOT_A_LITERAL, check_format, date_call, literal, moment
from .source import Source
from .syntax import (
    Arithmetic,
    Call,
    Choice,
    Collection,
    Comparison,
    Constant,
    Each,
    Element,
    Field,
    Link,
    Logic,
    Negative,
    Node,
    Not,
    Now,
    Series,
    Span,
    Variable,
)
from .words import (
    ALIASES,
    DATE_PARTS,
    FUNCTIONS,
    INSTANTS,
    METHODS,
    METRIC_FIELDS,
    RUN_BRANCHES,
    RUN_FIELDS,
    nearest,
)

__all__ = ["DEPTH_MAX", "NODES_MAX", "Grammar", "is_instant"]

# Levels: a filter of a person has five; each level is a frame on the evaluator's stack.
DEPTH_MAX = 32

# Nodes: bounds the arrays that one query makes. Literal lists count as one.
NODES_MAX = 200

REFUSED = {
    ast.Lambda: "a lambda",
    ast.NamedExpr: "an assignment with :=",
    ast.JoinedStr: "an f-string",
    ast.Dict: "a dict with anything but literals",
    ast.SetComp: "a set comprehension",
    ast.DictComp: "a dict comprehension",
    ast.Starred: "unpacking with *",
    ast.Slice: "a slice",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield from",
}

COMPARES = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**",
}  # fmt: skip


def is_instant(node: Node) -> bool:
    """Whether a node's numbers are moments, in unix seconds."""
    match node:
        case Now():
            return True
        case Constant(instant=instant):
            return instant
        case Field(path=path):
            return len(path) == 1 and path[0] in INSTANTS
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


class Grammar:
    """Checks a source against the language; `subject` is "run" or "metric".

    `zone` is what dates without a zone are in.
    """

    def __init__(self, source: Source, subject: str, zone: tzinfo) -> None:
        self.source = source
        self.subject = subject
        self.zone = zone
        self._nodes = 0
        self._depth = 0
        self._variables: list[str] = []

    def node(self, tree: ast.expr) -> Node:
        """Return the checked node of an expression."""
        at = self.source.at(tree)
        self._nodes += 1
        self._depth += 1
        if self._nodes > NODES_MAX:
            raise _refusal(at, f"the query has more than {NODES_MAX} parts", "shorten it")
        if self._depth > DEPTH_MAX:
            raise _refusal(at, f"the query is nested more than {DEPTH_MAX} levels deep", "split it")
        value = literal(tree)
        if value is not NOT_A_LITERAL:
            found: Node = Constant(at, value)
        else:
            check = self._CHECKS.get(type(tree))
            if check is None:
                what = REFUSED.get(type(tree), "this")
                raise _refusal(
                    at, f"{what} can't be used in a query", "see the query language's page"
                )
            found = check(self, tree, at)
        self._depth -= 1
        return found

    # --- operators --------------------------------------------------------------------------------

    def _logic(self, tree: ast.BoolOp, at: Span) -> Node:
        op = "and" if isinstance(tree.op, ast.And) else "or"
        return Logic(at, op, tuple(self.node(part) for part in tree.values))

    def _unary(self, tree: ast.UnaryOp, at: Span) -> Node:
        if isinstance(tree.op, ast.Invert):
            raise _refusal(at, '"~" is no operator here', 'write "not"')
        operand = self.node(tree.operand)
        if isinstance(tree.op, ast.Not):
            return Not(at, operand)
        return Negative(at, operand) if isinstance(tree.op, ast.USub) else operand

    def _arithmetic(self, tree: ast.BinOp, at: Span) -> Node:
        op = OPERATORS.get(type(tree.op))
        if op is None:
            hint = 'write "and" for "&", "or" for "|"'
            raise _refusal(at, "bit operators can't be used in a query", hint)
        left, right = self.node(tree.left), self.node(tree.right)
        if is_instant(left) and is_instant(right) and op != "-":
            raise _refusal(
                at, f'two dates have no "{op}" between them', "subtract them, or compare"
            )
        return Arithmetic(at, op, left, right)

    def _comparison(self, tree: ast.Compare, at: Span) -> Node:
        trees = [tree.left, *tree.comparators]
        nodes = [self.node(part) for part in trees]
        links = []
        for place, kind in enumerate(tree.ops):
            op, left, right = COMPARES[type(kind)], nodes[place], nodes[place + 1]
            span = (self.source.at(trees[place])[0], self.source.at(trees[place + 1])[1])
            if op in {"==", "!="} and _is_none(left) and not _is_none(right):
                left, right = right, left
            if op in {"==", "!="} and _is_none(right):
                op = "is" if op == "==" else "is not"
            if op in {"is", "is not"} and not _is_none(right):
                raise _refusal(span, f'"{op}" is for None only', 'write "==" to compare values')
            links.append(Link(span, op, self._dated(left, right), self._dated(right, left)))
        return Comparison(at, tuple(links))

    def _dated(self, node: Node, other: Node) -> Node:
        """Return a text that stands beside a date as a date."""
        if not (isinstance(node, Constant) and isinstance(node.value, str) and is_instant(other)):
            return node
        return Constant(node.at, moment(node.value, self.zone, node.at), instant=True)

    def _choice(self, tree: ast.IfExp, at: Span) -> Node:
        return Choice(at, self.node(tree.test), self.node(tree.body), self.node(tree.orelse))

    def _collection(self, tree: ast.List | ast.Tuple | ast.Set, at: Span) -> Node:
        return Collection(at, tuple(self.node(item) for item in tree.elts))

    def _each(self, tree: ast.GeneratorExp | ast.ListComp, at: Span) -> Node:
        loop, *more = tree.generators
        if more or loop.is_async or self._variables:
            raise _refusal(at, "a loop can't be inside another", "write one `for`")
        if not isinstance(loop.target, ast.Name):
            span = self.source.at(loop.target)
            raise _refusal(span, "a loop has one plain name", "write `for x in ...`")
        name = loop.target.id
        if name in {"run", "metric"}:
            raise _refusal(self.source.at(loop.target), f"`{name}` is taken", "choose another name")
        source = self.node(loop.iter)
        self._variables.append(name)
        item = self.node(tree.elt)
        tests = [self.node(test) for test in loop.ifs]
        self._variables.pop()
        where = Logic(at, "and", tuple(tests)) if len(tests) > 1 else next(iter(tests), None)
        return Each(at, item, name, source, where)

    # --- names ------------------------------------------------------------------------------------

    def _chain(self, tree: ast.expr, at: Span) -> Node:
        steps: list[_Step] = []
        inner = tree
        while isinstance(inner, ast.Attribute | ast.Subscript):
            steps.append(self._step(inner))
            inner = inner.value
        steps.reverse()
        if len(steps) > DEPTH_MAX:
            raise _refusal(at, f"a path has at most {DEPTH_MAX} parts", "shorten it")
        if not isinstance(inner, ast.Name):
            return self._within(self.node(inner), steps)
        if inner.id in self._variables:
            return self._within(Variable(self.source.at(inner), inner.id), steps)
        if inner.id == "run":
            return self._run(steps, at)
        if inner.id == "metric":
            return self._metric(steps, at)
        raise self._unknown_name(inner)

    def _unknown_name(self, tree: ast.Name) -> QueryError:
        at, name = self.source.at(tree), tree.id
        if name in {"images", "audios", "texts", "figures", "distributions"}:
            return _refusal(at, f"{name} can't be queried", f"ask for `{self.subject}`")
        if name in FUNCTIONS or name in {"datetime", "math", "search", "timedelta"}:
            return _refusal(at, f"`{name}` is a function", f"call it, like {name}(...)")
        near = nearest(name, ["run", "metric", *FUNCTIONS, "datetime", "timedelta", "search"])
        hint = f"did you mean {near}?" if near else f"a param is written run.{name}"
        return _refusal(at, f"`{name}` is not known", hint)

    def _step(self, tree: ast.Attribute | ast.Subscript) -> _Step:
        if isinstance(tree, ast.Attribute):
            return _Step(tree, tree.attr, dotted=True)
        if isinstance(tree.slice, ast.Slice):
            raise _refusal(
                self.source.at(tree), "a slice can't be used in a query", "use one index"
            )
        key = literal(tree.slice)
        if key is NOT_A_LITERAL:
            at = self.source.at(tree.slice)
            raise _refusal(at, "what stands in [ ] is a text or a number", 'like run["lr"]')
        return _Step(tree, key, dotted=False)

    def _name_at(self, step: _Step) -> Span:
        """Return the range of the last name of a chain, without what it is taken from."""
        start, end = self.source.at(step.tree)
        return (end - len(step.key) if step.dotted else start), end

    def _run(self, steps: list[_Step], at: Span) -> Node:
        if not steps:
            raise _refusal(at, "`run` alone is no value", "write run.name, or run.hparams.lr")
        first, rest = steps[0], steps[1:]
        if first.dotted and first.key == "metrics":
            return self._series(rest, at)
        name = ALIASES.get(first.key, first.key) if first.dotted else ""
        if name in RUN_FIELDS:
            return self._within(Field(self.source.at(first.tree), (name,)), rest)
        if first.dotted and first.key in RUN_BRANCHES | {"params"}:
            return self._branch([first.key], first, rest)
        return self._branch(["params", *self._keys(first)], first, rest)

    def _keys(self, step: _Step) -> list[str]:
        keys = step.key if isinstance(step.key, list) else [step.key]
        if not keys or not all(isinstance(key, str) for key in keys):
            at = self.source.at(step.tree)
            raise _refusal(at, "a param's name is a text", 'write run["hparams", "lr"]')
        return keys

    def _branch(self, path: list[str], last: _Step, rest: list[_Step]) -> Node:
        """Return the column of a param or the like; from the first number on, items of its list."""
        for place, step in enumerate(rest):
            if isinstance(step.key, int):
                found = Field(self.source.at(last.tree), tuple(path))
                return self._within(found, rest[place:])
            path = [*path, *self._keys(step)]
            last = step
        return Field(self.source.at(last.tree), tuple(path))

    def _within(self, node: Node, steps: list[_Step]) -> Node:
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
                raise _refusal(self._name_at(step), f"{what} has no `{step.key}`", hint)
            if isinstance(step.key, bool) or not isinstance(step.key, int | str):
                raise _refusal(at, "an item has a number or a name", "like [0]")
            node = Element(at, node, step.key)
        return node

    def _series(self, steps: list[_Step], at: Span) -> Node:
        example = 'write run.metrics["loss"].last'
        if not steps or steps[0].dotted:
            raise _refusal(at, "`run.metrics` needs a metric's name in [ ]", example)
        key = steps[0].key
        name, context = key if isinstance(key, list) and len(key) == 2 else (key, None)
        if not isinstance(name, str) or not (context is None or isinstance(context, dict)):
            hint = 'write run.metrics["loss", {"subset": "val"}].last'
            raise _refusal(self.source.at(steps[0].tree), "a metric has a name and a context", hint)
        if len(steps) == 1:
            raise _refusal(at, "a metric is a line, not a value", example)
        step = steps[1]
        if not step.dotted or step.key not in METRIC_FIELDS:
            raise self._no_metric_field(step, METRIC_FIELDS)
        span = self.source.at(step.tree)
        return self._within(Series(span, name, context, step.key), steps[2:])

    def _no_metric_field(self, step: _Step, known: frozenset[str]) -> QueryError:
        near = nearest(str(step.key), known)
        hint = f"did you mean .{near}?" if near else f"it has {', '.join(sorted(known))}"
        return _refusal(self._name_at(step), f"a metric has no `{step.key}`", hint)

    def _metric(self, steps: list[_Step], at: Span) -> Node:
        if self.subject != "metric":
            hint = 'write run.metrics["loss"].last'
            raise _refusal(at, "`metric` is known where metrics are searched, not runs", hint)
        if not steps:
            raise _refusal(at, "`metric` alone is no value", "write metric.name, or metric.last")
        first, rest = steps[0], steps[1:]
        if first.dotted and first.key == "run":
            return self._run(rest, at)
        span = self.source.at(first.tree)
        if first.dotted and first.key == "context":
            keys = [key for step in rest for key in self._keys(step)]
            return Field(self.source.at(steps[-1].tree), ("metric", "context", *keys))
        known = METRIC_FIELDS | {"name", "context", "run"}
        if not first.dotted or first.key not in known:
            raise self._no_metric_field(first, known)
        return self._within(Field(span, ("metric", first.key)), rest)

    # --- calls ------------------------------------------------------------------------------------

    def _call(self, tree: ast.Call, at: Span) -> Node:
        name = _dotted(tree.func)
        if name in DATE_CALLS:
            return date_call(name, tree, self.source, self.zone)
        if tree.keywords:
            span = self.source.at(tree.keywords[0])
            raise _refusal(span, "arguments have no names here", "write the value alone")
        if name == "search":
            raise _refusal(at, "full-text search is not available yet", 'try "text" in run.name')
        if name in FUNCTIONS:
            return self._checked(Call(at, name, tuple(map(self.node, tree.args))), FUNCTIONS[name])
        if isinstance(tree.func, ast.Attribute) and not name.startswith(("math.", "datetime.")):
            return self._method(tree.func, tree, at)
        near = nearest(name, [*FUNCTIONS, *DATE_CALLS, "search"])
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(FUNCTIONS))}"
        called = self.source.at(tree.func)
        raise _refusal(called, f"there is no function `{self.source.words(called)}`", hint)

    def _checked(self, call: Call, takes: tuple[int, int], receivers: int = 0) -> Call:
        least, most = takes
        if not least <= len(call.args) - receivers <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise _refusal(call.at, f"{call.name}() takes {count} arguments")
        return call

    def _method(self, func: ast.Attribute, tree: ast.Call, at: Span) -> Node:
        name = func.attr
        if name not in METHODS:
            near = nearest(name, METHODS)
            hint = f"did you mean .{near}()?" if near else f"there are {', '.join(METHODS)}"
            called = self.source.at(func)
            raise _refusal((called[1] - len(name), called[1]), f"there is no method `{name}`", hint)
        if name == "get":
            return self._get(func.value, tree, at)
        receiver = self.node(func.value)
        args = (receiver, *map(self.node, tree.args))
        if name in {"strftime", "weekday"}:
            if not is_instant(receiver):
                raise _refusal(at, f"{name}() is for dates", "like run.created_at")
            check_format(args[1:])
            return self._checked(Call(at, f"date.{name}", args), METHODS[name], 1)
        return self._checked(Call(at, f"text.{name}", args), METHODS[name], 1)

    def _get(self, owner: ast.expr, tree: ast.Call, at: Span) -> Node:
        """Return `owner.get(key, default)`: the key's value, or the default where it is missing."""
        key = literal(tree.args[0]) if tree.args else None
        if not isinstance(key, str) or len(tree.args) > 2:
            raise _refusal(
                at, "get() takes a name and what to take without it", 'like get("lr", 0)'
            )
        subscript = ast.Subscript(value=owner, slice=ast.Constant(key), ctx=ast.Load())
        found = self.node(ast.copy_location(subscript, tree))
        if len(tree.args) == 1:
            return found
        missing = Comparison(at, (Link(at, "is", found, Constant(at, None)),))
        return Choice(at, missing, self.node(tree.args[1]), found)

    _CHECKS: dict[type[ast.expr], Callable[[Any, Any, Span], Node]] = {  # noqa: RUF012  # constant
        ast.BoolOp: _logic,
        ast.UnaryOp: _unary,
        ast.BinOp: _arithmetic,
        ast.Compare: _comparison,
        ast.IfExp: _choice,
        ast.List: _collection,
        ast.Tuple: _collection,
        ast.Set: _collection,
        ast.GeneratorExp: _each,
        ast.ListComp: _each,
        ast.Name: _chain,
        ast.Attribute: _chain,
        ast.Subscript: _chain,
        ast.Call: _call,
    }


def _refusal(at: Span, message: str, hint: str = "") -> QueryError:
    return QueryError(message, at=at, hint=hint)


def _is_none(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def _dotted(tree: ast.expr) -> str:
    """Return `name` or `module.name` for what is called, or "" if it is anything else."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name):
        return f"{tree.value.id}.{tree.attr}"
    return ""
