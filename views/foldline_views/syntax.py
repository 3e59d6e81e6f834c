"""The typed tree that a query is checked into.

Every node knows `at`, the (start, end) range of characters of the query that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .column import Path

__all__ = [
    "Arithmetic",
    "Call",
    "Choice",
    "Collection",
    "Comparison",
    "Constant",
    "Each",
    "Element",
    "Field",
    "Link",
    "Logic",
    "Negative",
    "Node",
    "Not",
    "Now",
    "Search",
    "Series",
    "Span",
    "Variable",
    "children",
    "walk",
]

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A literal: None, bool, int, float, str, or a list or dict of them."""

    at: Span
    value: Any
    instant: bool = False  # a date, as unix seconds


@dataclass(frozen=True, slots=True, eq=False)
class Now:
    """The moment at which the query is asked."""

    at: Span


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A column of the table, by its path."""

    at: Span
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A summary field of a run's metric; without a context, any series of that name."""

    at: Span
    name: str
    context: dict[str, Any] | None
    field: str


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """The element that a generator is at."""

    at: Span
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """An item of a list (by number) or of a dict (by key)."""

    at: Span
    of: Node
    key: int | str


@dataclass(frozen=True, slots=True, eq=False)
class Negative:
    """A number with its sign changed."""

    at: Span
    operand: Node


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic:
    """Two operands with one of + - * / // % ** between them."""

    at: Span
    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One step of a comparison chain: an operator and what stands on both its sides.

    `op` is < <= > >= == != in, "not in", or "is" and "is not", whose right side is None.
    """

    at: Span
    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A chain of comparisons; it holds if each of its links does."""

    at: Span
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Logic:
    """Two or more parts with `and`, or with `or`, between them."""

    at: Span
    op: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Not:
    """The opposite of a condition."""

    at: Span
    operand: Node


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """`yes if test else no`."""

    at: Span
    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A function of the language; a method's receiver is its first argument."""

    at: Span
    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What the full-text search finds for a text; `text_at` is where that stands."""

    at: Span
    text: str
    text_at: Span


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """A list whose items are not all literals."""

    at: Span
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Each:
    """`item for variable in source if where`: a list for every row."""

    at: Span
    item: Node
    variable: str
    source: Node
    where: Node | None


Node = (
    Constant
    | Now
    | Field
    | Series
    | Variable
    | Element
    | Negative
    | Arithmetic
    | Comparison
    | Logic
    | Not
    | Choice
    | Call
    | Search
    | Collection
    | Each
)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly under a node."""
    match node:
        case Element(of=child) | Negative(operand=child) | Not(operand=child):
            return (child,)
        case Arithmetic(left=left, right=right):
            return left, right
        case Comparison(links=links):
            return (links[0].left, *(link.right for link in links))
        case Logic(parts=nodes) | Call(args=nodes) | Collection(items=nodes):
            return nodes
        case Choice(test=test, yes=yes, no=no):
            return test, yes, no
        case Each(item=item, source=source, where=where):
            return (item, source) if where is None else (item, source, where)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all the nodes under it."""
    yield node
    for child in children(node):
        yield from walk(child)
