"""A checked query, evaluated over a whole table at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import islice, product
from math import prod
from typing import Any, Protocol

import numpy as np

from foldline.errors import QueryError

from .column import Column, Numbers, Objects, Path, Rows, Texts, column_of
from .functions import CELL_FUNCTIONS, TEXT_FUNCTIONS, date_function
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
    walk,
)
from .values import (
    Mask,
    Scalar,
    Value,
    absolute,
    arithmetic,
    cells_of,
    compare,
    contains,
    flags,
    is_missing,
    mapped,
    negative,
    select,
    truth,
)
from .words import RUN_BRANCHES, RUN_FIELDS, nearest

__all__ = ["CHOICES_MAX", "ELEMENTS_MAX", "Evaluation", "Table"]

# Series that one comparison is tried with, where a metric is named without a context. Each costs a
# pass over the rows.
CHOICES_MAX = 1024

# Elements that a loop in a query may run over, in all rows together: tens of megabytes.
ELEMENTS_MAX = 2_000_000

# Names offered to find a nearest one: comparing with more takes longer than the query.
SUGGESTED_MAX = 2000


class Table(Protocol):
    """What a query is asked over: runs, or series with their run's columns taken per series.

    A path is `("name",)` for a field of the run, `("params", "hparams", "lr")` for a param, and in
    a table of series also `("metric", "name")`, `("metric", "context")` (dicts),
    `("metric", "context", "subset")` and `("metric", "last")`. Every column has `rows` rows.
    """

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def column(self, path: Path) -> Column | None:
        """Return the column at a path, or None if no row has it."""
        ...

    def known_paths(self) -> Iterable[Path]:
        """Return the paths that some row has, to suggest one."""
        ...

    def contexts(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Return the contexts of all series of this name; {} first, if it is among them."""
        ...

    def metric(self, name: str, context: Mapping[str, Any], field: str) -> Column | None:
        """Return a summary field of each row's run's series of exactly this name and context.

        `field` is one of words.METRIC_FIELDS but for `has_nan`, which is made of `nonfinite`.
        """
        ...

    def known_metrics(self) -> Iterable[str]:
        """Return the names of all metrics, to suggest one."""
        ...


class Evaluation:
    """One evaluation of a query over a table; `warnings` gathers what the user shall hear."""

    def __init__(self, source: Source, table: Table, now: float, zone: tzinfo) -> None:
        self.source = source
        self.table = table
        self.now = now
        self.zone = zone
        self.rows = table.rows
        self.warnings: dict[str, None] = {}
        self._columns: dict[Path, Column | None] = {}
        self._contexts: dict[str, Mapping[str, Any]] = {}  # chosen for metrics without a context
        self._rows: Rows | None = None  # inside a loop: the table's row of each element
        self._elements: Column | None = None

    def warn(self, message: str) -> None:
        """Tell the user something once."""
        self.warnings[message] = None

    def _mismatch(self, at: Span) -> Callable[[], None]:
        words = self.source.words(at)
        return lambda: self.warn(f"{words}: where the types differ, this is never true")

    # --- conditions -------------------------------------------------------------------------------

    def holds(self, node: Node) -> Mask:
        """Return the rows in which a node counts as true."""
        match node:
            case Logic(op=op, parts=parts):
                mask = self.holds(parts[0])
                for part in parts[1:]:
                    more = self.holds(part)
                    mask = mask & more if op == "and" else mask | more
                return mask
            case Not(operand=operand):
                return ~self.holds(operand)
            case Comparison(links=(Link(op="is" | "is not" as op, left=left),)):
                present = self._any_series(left, lambda: ~is_missing(self.value(left), self.rows))
                return present if op == "is not" else ~present
            case Comparison(links=links):
                return self._any_series(node, lambda: self._chain(links))
            case _:
                return self._any_series(node, lambda: truth(self.value(node), self.rows))

    def _any_series(self, node: Node, ask: Callable[[], Mask]) -> Mask:
        """Return where `ask` holds for any choice of series for the metrics without a context.

        A name means the same series wherever it stands in the node.
        """
        open_names = {
            part.name: part
            for part in walk(node)
            if isinstance(part, Series) and part.context is None and part.name not in self._contexts
        }
        if not open_names:
            return ask()
        known = [self._contexts_of(part) for part in open_names.values()]
        count = prod(map(len, known))
        if count > CHOICES_MAX:
            raise QueryError(
                f"{count} combinations of series would have to be tried",
                at=next(iter(open_names.values())).at,
                hint='name a context: run.metrics["loss", {"subset": "val"}]',
            )
        mask = np.zeros(self.rows, np.bool_)
        for choice in product(*known):
            chosen = dict(zip(open_names, choice, strict=True))
            self._contexts.update(chosen)
            mask |= ask()
            for name in chosen:
                del self._contexts[name]
        return mask

    def _contexts_of(self, node: Series) -> Sequence[Mapping[str, Any]]:
        # A name that nothing logs still gives one choice, in which all its fields are missing.
        return self.table.contexts(node.name) or [{}]

    def _chain(self, links: tuple[Link, ...]) -> Mask:
        mask = self._link(links[0])
        for link in links[1:]:
            mask = mask & self._link(link)
        return mask

    def _link(self, link: Link) -> Mask:
        left, mismatch = self.value(link.left), self._mismatch(link.at)
        if link.op in {"is", "is not"}:
            missing = is_missing(left, self.rows)
            return missing if link.op == "is" else ~missing
        right = self.value(link.right)
        if link.op in {"in", "not in"}:
            holds, asked = contains(left, right, self.rows, mismatch)
            return holds if link.op == "in" else asked & ~holds
        return compare(link.op, left, right, self.rows, mismatch)

    # --- values -----------------------------------------------------------------------------------

    def value(self, node: Node) -> Value:
        """Return what a node is in every row."""
        match node:
            case Constant() | Now() | Field() | Series() | Variable() | Element():
                return self._leaf(node)
            case Negative(at=at, operand=operand):
                return negative(self.value(operand), self._mismatch(at))
            case Arithmetic(at=at, op=op, left=left, right=right):
                sides = self.value(left), self.value(right)
                return arithmetic(op, *sides, self.rows, self._mismatch(at))
            case Logic(op=op, parts=parts):
                return self._decided(op, parts)
            case Comparison() | Not():
                return flags(self.holds(node))
            case Choice(test=test_node, yes=yes, no=no):
                return select(self.holds(test_node), self.value(yes), self.value(no))
            case Call():
                return self._call(node)
            case Collection(items=items):
                return self._collected(items)
            case Each():
                return self._each(node)

    def _decided(self, op: str, parts: tuple[Node, ...]) -> Value:
        """Return the part that decides an `and` or an `or`, as Python does."""
        found = self.value(parts[0])
        for part in parts[1:]:
            more, test = self.value(part), truth(found, self.rows)
            found = select(test, more, found) if op == "and" else select(test, found, more)
        return found

    def _leaf(self, node: Constant | Now | Field | Series | Variable | Element) -> Value:
        match node:
            case Constant(value=value):
                return Scalar(value)
            case Now():
                return Scalar(self.now)
            case Variable():
                assert self._elements is not None, "the grammar knows a loop's name only inside it"
                return self._elements
            case Element(at=at, of=of, key=key):
                return self._element(self.value(of), key, at)
            case Series():
                column = self._series(node)
            case Field():
                column = self._field(node)
        if column is None:
            return Scalar(None)
        return column if self._rows is None else column.take(self._rows)

    def _field(self, node: Field) -> Column | None:
        path = node.path
        if path not in self._columns:
            self._columns[path] = self._found(node, path)
        return self._columns[path]

    def _found(self, node: Field, path: Path) -> Column | None:
        column = self.table.column(path)
        if path == ("metric", "has_nan"):
            return _has_nan(self.table.column(("metric", "nonfinite")))
        if isinstance(column, Objects) and path == ("tags",):
            return _untagged(column)
        if column is not None:
            return column
        if path == ("tags",):
            return Objects([[]], np.zeros(self.table.rows, np.int32))
        if path == ("active",):
            status = self.table.column(("status",)) or Texts(
                np.full(self.table.rows, -1, np.int32), ()
            )
            return flags(compare("==", status, Scalar("running"), len(status), lambda: None))
        if path[0] in RUN_BRANCHES | {"params"}:
            # Somebody's params may lie under the key "params", or "summary".
            column = self.table.column(("params", *path))
        if column is None and path[0] in {"params", "metric", "summary"} and self.table.rows:
            self._warn_unknown(node)
        return column

    def _warn_unknown(self, node: Field) -> None:
        written = self.source.words(node.at)
        own = node.path[0]
        if own == "params":
            prefix = "run.params." if written.startswith("run.params") else "run."
            known = {prefix + ".".join(p[1:]) for p in self._known() if p[0] == "params"}
            known |= {f"run.{field}" for field in RUN_FIELDS} if prefix == "run." else set()
            asked = prefix + ".".join(node.path[1:])
            near = nearest(asked, known)
            subject = "run"
        else:
            subject, prefix = ("metric", "") if own == "metric" else ("run", "run.")
            known = {prefix + ".".join(p) for p in self._known() if p[0] == own}
            near = nearest(prefix + ".".join(node.path), known)
        self.warn(f"no {subject} has {written}" + (f"; did you mean {near}?" if near else ""))

    def _known(self) -> list[Path]:
        return list(islice(self.table.known_paths(), SUGGESTED_MAX))

    def _series(self, node: Series) -> Column | None:
        context = self._contexts.get(node.name) if node.context is None else node.context
        if context is None:
            context = next(iter(self._contexts_of(node)))
        field = "nonfinite" if node.field == "has_nan" else node.field
        column = self.table.metric(node.name, context, field)
        if column is None and self.table.rows:
            near = nearest(node.name, self.table.known_metrics())
            if near == node.name:
                self.warn(f'no run has the metric "{near}" with this context')
            else:
                better = f'; did you mean "{near}"?' if near else ""
                self.warn(f'no run has the metric "{node.name}"{better}')
        return _has_nan(column) if node.field == "has_nan" else column

    def _element(self, value: Value, key: int | str, at: Span) -> Value:
        mismatch = self._mismatch(at)

        def pick(cell: Any) -> Any:
            if isinstance(cell, list | str) and isinstance(key, int):
                return cell[key] if -len(cell) <= key < len(cell) else None
            if isinstance(cell, dict):
                return cell.get(key)
            if cell is not None:
                mismatch()
            return None

        if isinstance(value, Scalar):
            return Scalar(pick(value.cell))
        if isinstance(value, Numbers):
            return column_of(map(pick, value.cells()))
        return mapped(value, pick)

    def _call(self, node: Call) -> Value:
        args = [self.value(arg) for arg in node.args]
        if node.name == "abs" and isinstance(args[0], Numbers):
            return absolute(args[0])
        function = CELL_FUNCTIONS.get(node.name) or date_function(node.name, self.zone)
        mismatch = self._mismatch(node.at)

        def call(*cells: Any) -> Any:
            if None in cells:
                return None
            try:
                return function(*cells)
            except (TypeError, ValueError, OverflowError, OSError):
                mismatch()
                return None

        first, *rest = args
        constants = [arg.cell for arg in rest if isinstance(arg, Scalar)]
        if len(constants) == len(rest):
            if isinstance(first, Scalar):
                return Scalar(call(first.cell, *constants))
            method = TEXT_FUNCTIONS.get(node.name)
            if isinstance(first, Texts) and method and all(type(c) is str for c in constants):
                return mapped(first, lambda word: method(word, *constants))
            if isinstance(first, Texts | Objects):
                return mapped(first, lambda word: call(word, *constants))
        return column_of(map(call, *(cells_of(arg, self.rows) for arg in args)))

    def _collected(self, items: tuple[Node, ...]) -> Value:
        columns = [cells_of(self.value(item), self.rows) for item in items]
        return column_of([list(cells) for cells in zip(*columns, strict=True)])

    def _each(self, node: Each) -> Value:
        """Return a list for every row: all rows' elements are evaluated at once, as one column."""
        lists = cells_of(self.value(node.source), self.rows)
        sizes = [len(cell) if isinstance(cell, list) else 0 for cell in lists]
        if sum(sizes) > ELEMENTS_MAX:
            hint = "filter on something else first"
            message = f"the loop would run over {sum(sizes)} elements"
            raise QueryError(message, at=node.at, hint=hint)
        inner = Evaluation(self.source, self.table, self.now, self.zone)
        inner.warnings, inner._columns = self.warnings, self._columns
        inner._contexts = dict(self._contexts)
        inner._rows = np.repeat(np.arange(self.rows, dtype=np.intp), sizes)
        inner._elements = column_of(
            [item for cell in lists if isinstance(cell, list) for item in cell]
        )
        inner.rows = len(inner._rows)
        made = cells_of(inner.value(node.item), inner.rows)
        kept = inner.holds(node.where).tolist() if node.where else [True] * inner.rows
        found: list[list[Any] | None] = [[] if isinstance(cell, list) else None for cell in lists]
        for row, keep, cell in zip(inner._rows.tolist(), kept, made, strict=True):
            place = found[row]
            if keep and place is not None:
                place.append(cell)
        if any(
            cell is None and given is not None for cell, given in zip(found, lists, strict=True)
        ):
            self._mismatch(node.source.at)()
        return column_of(found)


def _untagged(tags: Objects) -> Column:
    """Return tags with an empty list where a run has none: it has no tags, they aren't missing."""
    if tags.codes is None:
        return Objects([[] if cell is None else cell for cell in tags.objects])
    return Objects([*tags.objects, []], np.where(tags.codes < 0, len(tags.objects), tags.codes))


def _has_nan(nonfinite: Column | None) -> Column | None:
    if not isinstance(nonfinite, Numbers):
        return None
    return select(nonfinite.present, flags(nonfinite.values > 0), nonfinite)
