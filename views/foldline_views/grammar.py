"""The query language: which Python expressions it takes.

A closed list: what is not named here is refused, with the range and a hint.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from .chains import Chains, dotted, is_instant, refusal
from .dates import DATE_CALLS, NOT_A_LITERAL, check_format, date_call, literal, moment
from .functions import TYPES
from .source import Source
from .syntax import (
    Arithmetic,
    Call,
    Choice,
    Collection,
    Comparison,
    Constant,
    Each,
    Link,
    Logic,
    Negative,
    Node,
    Not,
    Search,
    Series,
    Span,
    Variable,
)
from .words import CONSTANTS, DATE_METHODS, FUNCTIONS, METHODS, SEQUENCES, nearest

__all__ = ["DEPTH_MAX", "NODES_MAX", "Grammar"]

# Levels: a filter of a person has five; each level is a frame on the evaluator's stack.
DEPTH_MAX = 32

# Nodes: bounds the arrays that one query makes. Literal lists count as one.
NODES_MAX = 200

# Numbers of a `range`: it is a list here, which `in` looks through.
RANGE_MAX = 10_000

# Functions that do the same here.
SAME = {"frozenset": "set", "tuple": "list"}

REFUSED = {
    ast.Lambda: "a lambda",
    ast.NamedExpr: "an assignment with :=",
    ast.JoinedStr: "an f-string",
    ast.Dict: "a dict with anything but literals",
    ast.SetComp: "a set comprehension",
    ast.DictComp: "a dict comprehension",
    ast.Starred: "unpacking with *",
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


class Grammar:
    """Checks a source against the language; `subject` is "run", "metric" or one of SEQUENCES.

    `zone` is what dates without a zone are in.
    """

    def __init__(self, source: Source, subject: str, zone: tzinfo) -> None:
        self.source = source
        self.subject = subject
        self.zone = zone
        self.chains = Chains(source, subject)
        self._nodes = 0
        self._depth = 0
        self._variables: list[str] = []

    def node(self, tree: ast.expr) -> Node:
        """Return the checked node of an expression."""
        at = self.source.at(tree)
        self._nodes += 1
        self._depth += 1
        if self._nodes > NODES_MAX:
            raise refusal(at, f"the query has more than {NODES_MAX} parts", "shorten it")
        if self._depth > DEPTH_MAX:
            raise refusal(at, f"the query is nested more than {DEPTH_MAX} levels deep", "split it")
        value = literal(tree)
        if value is not NOT_A_LITERAL:
            found: Node = Constant(at, value)
        else:
            check = self._CHECKS.get(type(tree))
            if check is None:
                what = REFUSED.get(type(tree), "this")
                raise refusal(
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
            raise refusal(at, '"~" is no operator here', 'write "not"')
        operand = self.node(tree.operand)
        if isinstance(tree.op, ast.Not):
            return Not(at, operand)
        return Negative(at, operand) if isinstance(tree.op, ast.USub) else operand

    def _arithmetic(self, tree: ast.BinOp, at: Span) -> Node:
        op = OPERATORS.get(type(tree.op))
        if op is None:
            hint = 'write "and" for "&", "or" for "|"'
            raise refusal(at, "bit operators can't be used in a query", hint)
        left, right = self.node(tree.left), self.node(tree.right)
        if is_instant(left) and is_instant(right) and op != "-":
            raise refusal(at, f'two dates have no "{op}" between them', "subtract them, or compare")
        return Arithmetic(at, op, left, right)

    def _comparison(self, tree: ast.Compare, at: Span) -> Node:
        trees = [tree.left, *tree.comparators]
        if len(trees) == 2 and ast.unparse(trees[1]) == "run.metrics":
            return self._logged(tree, at)
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
                raise refusal(span, f'"{op}" is for None only', 'write "==" to compare values')
            links.append(Link(span, op, self._dated(left, right), self._dated(right, left)))
        return Comparison(at, tuple(links))

    def _logged(self, tree: ast.Compare, at: Span) -> Node:
        """Return `"loss" in run.metrics`: whether the run has any series of the name."""
        name, op = literal(tree.left), COMPARES[type(tree.ops[0])]
        if not isinstance(name, str) or op not in {"in", "not in"}:
            raise refusal(at, "`run.metrics` is no value", 'write "loss" in run.metrics')
        count = Series(self.source.at(tree.left), name, None, "count")
        is_there = "is not" if op == "in" else "is"
        return Comparison(at, (Link(at, is_there, count, Constant(at, None)),))

    def _dated(self, node: Node, other: Node) -> Node:
        """Return a text that stands beside a date as a date."""
        if not (isinstance(node, Constant) and isinstance(node.value, str) and is_instant(other)):
            return node
        return Constant(node.at, moment(node.value, self.zone, node.at), instant=True)

    def _choice(self, tree: ast.IfExp, at: Span) -> Node:
        return Choice(at, self.node(tree.test), self.node(tree.body), self.node(tree.orelse))

    def _collection(self, tree: ast.List | ast.Tuple | ast.Set, at: Span) -> Node:
        found = Collection(at, tuple(self.node(item) for item in tree.elts))
        return Call(at, "set", (found,)) if isinstance(tree, ast.Set) else found

    def _each(self, tree: ast.GeneratorExp | ast.ListComp, at: Span) -> Node:
        loop, *more = tree.generators
        if more or loop.is_async or self._variables:
            raise refusal(at, "a loop can't be inside another", "write one `for`")
        if not isinstance(loop.target, ast.Name):
            span = self.source.at(loop.target)
            raise refusal(span, "a loop has one plain name", "write `for x in ...`")
        name = loop.target.id
        if name in {"run", "metric", *SEQUENCES}:
            raise refusal(self.source.at(loop.target), f"`{name}` is taken", "choose another name")
        source = self.node(loop.iter)
        self._variables.append(name)
        item = self.node(tree.elt)
        tests = [self.node(test) for test in loop.ifs]
        self._variables.pop()
        where = Logic(at, "and", tuple(tests)) if len(tests) > 1 else next(iter(tests), None)
        return Each(at, item, name, source, where)

    # --- names ------------------------------------------------------------------------------------

    def _chain(self, tree: ast.expr, at: Span) -> Node:
        inner, steps = self.chains.steps(tree, self._slice)
        if len(steps) > DEPTH_MAX:
            raise refusal(at, f"a path has at most {DEPTH_MAX} parts", "shorten it")
        if not isinstance(inner, ast.Name):
            start = self.node(inner) if isinstance(inner, ast.expr) else inner
            return self.chains.within(start, steps)
        if dotted(tree) in CONSTANTS:
            return Constant(at, CONSTANTS[dotted(tree)])
        if inner.id in self._variables:
            return self.chains.within(Variable(self.source.at(inner), inner.id), steps)
        return self.chains.named(inner, steps, at)

    def _slice(self, tree: ast.Subscript) -> Node:
        """Return `of[start:stop]`."""
        at, part = self.source.at(tree), tree.slice
        assert isinstance(part, ast.Slice)
        if part.step is not None:
            raise refusal(at, "a slice has no step here", "like [0:3]")
        ends = [
            Constant(at, "") if end is None else self.node(end) for end in (part.lower, part.upper)
        ]
        return Call(at, "slice", (self.node(tree.value), *ends))

    # --- calls ------------------------------------------------------------------------------------

    def _call(self, tree: ast.Call, at: Span) -> Node:
        name = dotted(tree.func)
        if name in DATE_CALLS:
            return date_call(name, tree, self.source, self.zone)
        backwards = name == "sorted" and _is_reverse(tree.keywords)
        if tree.keywords and not backwards:
            span = self.source.at(tree.keywords[0])
            raise refusal(span, "arguments have no names here", "write the value alone")
        if name == "search":
            return self._search(tree, at)
        if name == "range":
            return self._range(tree, at)
        if name == "isinstance":
            return self._isinstance(tree, at)
        if name in FUNCTIONS:
            args = tuple(map(self.node, tree.args))
            call = self._checked(Call(at, SAME.get(name, name), args), FUNCTIONS[name])
            return Call(at, name, (*args, Constant(at, True))) if backwards else call
        if isinstance(tree.func, ast.Attribute) and not name.startswith(("math.", "datetime.")):
            return self._method(tree.func, tree, at)
        near = nearest(name, [*FUNCTIONS, *DATE_CALLS, "search"])
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(FUNCTIONS))}"
        called = self.source.at(tree.func)
        raise refusal(called, f"there is no function `{self.source.words(called)}`", hint)

    def _checked(self, call: Call, takes: tuple[int, int], receivers: int = 0) -> Call:
        least, most = takes
        if not least <= len(call.args) - receivers <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise refusal(call.at, f"{call.name}() takes {count} arguments")
        return call

    def _search(self, tree: ast.Call, at: Span) -> Node:
        text = literal(tree.args[0]) if len(tree.args) == 1 else None
        if not isinstance(text, str) or not text.strip():
            raise refusal(at, "search() takes one plain text", 'like search("out of memory")')
        return Search(at, text, self.source.at(tree.args[0]))

    def _range(self, tree: ast.Call, at: Span) -> Node:
        ends = [literal(arg) for arg in tree.args]
        if not 1 <= len(ends) <= 3 or not all(type(end) is int for end in ends) or ends[2:] == [0]:
            raise refusal(at, "range() takes plain whole numbers", "like range(0, 10)")
        numbers = range(*ends)
        if len(numbers) > RANGE_MAX:
            raise refusal(at, f"a range has at most {RANGE_MAX} numbers", "compare with < instead")
        return Constant(at, list(numbers))

    def _isinstance(self, tree: ast.Call, at: Span) -> Node:
        kinds = tree.args[1] if len(tree.args) == 2 else None
        names = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
        known = [name.id for name in names if isinstance(name, ast.Name) and name.id in TYPES]
        if len(known) != len(names):
            raise refusal(
                at, "isinstance() takes a value and types", f"there are {', '.join(TYPES)}"
            )
        return Call(at, "isinstance", (self.node(tree.args[0]), Constant(at, known)))

    def _method(self, func: ast.Attribute, tree: ast.Call, at: Span) -> Node:
        name = func.attr
        if name not in METHODS:
            near = nearest(name, METHODS)
            hint = f"did you mean .{near}()?" if near else f"there are {', '.join(METHODS)}"
            called = self.source.at(func)
            raise refusal((called[1] - len(name), called[1]), f"there is no method `{name}`", hint)
        if name == "get":
            return self._get(func.value, tree, at)
        receiver = self.node(func.value)
        args = (receiver, *map(self.node, tree.args))
        if name in DATE_METHODS:
            if not is_instant(receiver):
                raise refusal(at, f"{name}() is for dates", "like run.created_at")
            check_format(args[1:])
            return self._checked(Call(at, f"date.{name}", args), METHODS[name], 1)
        return self._checked(Call(at, f"text.{name}", args), METHODS[name], 1)

    def _get(self, owner: ast.expr, tree: ast.Call, at: Span) -> Node:
        """Return `owner.get(key, default)`: the key's value, or the default where it is missing."""
        key = literal(tree.args[0]) if tree.args else None
        if not isinstance(key, str) or len(tree.args) > 2:
            raise refusal(at, "get() takes a name and what to take without it", 'like get("lr", 0)')
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


def _is_none(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def _is_reverse(keywords: list[ast.keyword]) -> bool:
    return [(word.arg, literal(word.value)) for word in keywords] == [("reverse", True)]
