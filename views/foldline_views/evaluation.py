"""A checked query, evaluated over a whole table at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from collections.abc import Collection as Some
from copy import copy
from datetime import tzinfo
from typing import Any, Self

import numpy as np

from foldline.errors import QueryError

from .calls import called
from .column import ABSENT, INT, Column, Numbers, Objects, Path, Rows, Texts, column_of
from .lookup import Lookup
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
    Search,
    Series,
    Span,
    Variable,
    walk,
)
from .table import Table
from .values import (
    Mask,
    Scalar,
    Value,
    arithmetic,
    cells_of,
    compare,
    contains,
    flags,
    is_missing,
    looked_up,
    mapped,
    negative,
    select,
    truth,
)

__all__ = ["ANSWER_S_MAX", "CELLS_MAX", "PAIRS_MAX", "Evaluation", "SearchRuns", "Table"]

# Cells that a query may ask Python for one by one: each is an object for a while, so hundreds of
# megabytes. What arrays answer is not counted.
CELLS_MAX = 5_000_000

# Seconds that a query may take, in which a server answers nobody else. Asked before each part, and
# no part takes longer than about a second.
ANSWER_S_MAX = 2.0

# Characters that cost about as much to put together as asking for a cell.
CHARS_A_CELL = 64

# Rows that a comparison may have where each run counts once for each of its series of a name, or
# of several: a column of them is 40 MB.
PAIRS_MAX = 4_000_000

# The ids of the runs in which a text is found, the best one first where runs are sorted by it.
# Raises QueryError, whose range is one of the text.
SearchRuns = Callable[[str], Some[str]]


class Evaluation:
    """One evaluation of a query over a table; `lookup.warnings` has what the user shall hear."""

    def __init__(
        self,
        source: Source,
        table: Table,
        now: float,
        zone: tzinfo,
        search: SearchRuns | None = None,
    ) -> None:
        self.source = source
        self.table = table
        self.now = now
        self.zone = zone
        self.rows = table.rows
        self.cells = [0]  # that Python was asked for; one count for all loops in it
        self.lookup = Lookup(source, table, self._spend)
        self._until = time.monotonic() + ANSWER_S_MAX
        self._search = search
        self._series: dict[
            str, Rows
        ] = {}  # of metrics without a context, the one that each row has
        self._rows: Rows | None = (
            None  # inside a loop and the like: the table's row of each of ours
        )
        self._elements: Column | None = None

    def _spend(self, cells: int) -> None:
        """Count cells that Python is going to be asked for. Raises QueryError if they are many."""
        self.cells[0] += cells
        self._hurry()
        if self.cells[0] > CELLS_MAX:
            raise QueryError(
                f"this query asks Python for more than {CELLS_MAX:,} cells one by one",
                at=(0, len(self.source.text)),
                hint="`explain` shows what is costly; compare numbers, or whole texts, instead",
            )

    def _hurry(self) -> None:
        if time.monotonic() > self._until:
            raise QueryError(
                f"the answer takes longer than {ANSWER_S_MAX:g} s",
                at=(0, len(self.source.text)),
                hint="`explain` a part of it to see what is costly",
            )

    def _mismatch(self, at: Span) -> Callable[[], None]:
        words = self.source.words(at)
        return lambda: self.lookup.warn(f"{words}: where the types differ, this is never true")

    def _spread(self, places: Rows) -> Self:
        """Return an evaluation whose rows are some of ours, each as often as it comes."""
        inner = copy(self)
        inner.rows = len(places)
        inner._rows = places if self._rows is None else self._rows[places]
        inner._series = {name: series[places] for name, series in self._series.items()}
        if self._elements is not None:
            inner._elements = self._elements.take(places)
        return inner

    # --- conditions -------------------------------------------------------------------------------

    def holds(self, node: Node) -> Mask:
        """Return the rows in which a node counts as true."""
        self._hurry()
        match node:
            case Logic(op=op, parts=parts):
                mask = self.holds(parts[0])
                for part in parts[1:]:
                    more = self.holds(part)
                    mask = mask & more if op == "and" else mask | more
                return mask
            case Not(operand=operand):
                return ~self.holds(operand)
            case Search():
                return self._searched(node)
            case Comparison(links=(Link(op="is" | "is not" as op, left=left),)):
                missing = ~self._for_any_series(left, lambda asked: asked.present(left))
                return missing if op == "is" else ~missing
            case Comparison(links=links):
                return self._for_any_series(node, lambda asked: asked.all_hold(links))
            case _:
                return self._for_any_series(
                    node, lambda asked: truth(asked.value(node), asked.rows)
                )

    def present(self, node: Node) -> Mask:
        """Return the rows in which a node is not missing."""
        if isinstance(node, Field) and self.lookup.is_branch(node):
            return self._present(node.path)
        return ~is_missing(self.value(node), self.rows)

    def _present(self, path: Path) -> Mask:
        mask = self.table.present(path)
        return mask if self._rows is None else mask[self._rows]

    def all_hold(self, links: tuple[Link, ...]) -> Mask:
        """Return the rows in which all links of a chain hold."""
        mask = self._link(links[0])
        for link in links[1:]:
            mask = mask & self._link(link)
        return mask

    def _link(self, link: Link) -> Mask:
        if link.op in {"is", "is not"}:
            missing = ~self.present(link.left)
            return missing if link.op == "is" else ~missing
        if link.op in {"in", "not in"}:
            holds, asked = self._contained(link)
            return holds if link.op == "in" else asked & ~holds
        left, right = self.value(link.left), self.value(link.right)
        self._count(left, right)
        return compare(link.op, left, right, self.rows, self._mismatch(link.at))

    def _count(self, *values: Value) -> None:
        """Count what it costs to put values together that arrays don't answer for."""
        columns = [value for value in values if not isinstance(value, Scalar)]
        if len(columns) > 1 and not all(isinstance(column, Numbers) for column in columns):
            self._spend(self.rows)
        elif len(columns) == 1 and isinstance(columns[0], Objects) and columns[0].parts is None:
            self._spend(len(columns[0].objects))

    def _count_texts(self, *values: Value) -> None:
        """Count what it costs to join texts, which may be long."""
        self._count(*values)
        texts = [value for value in values if isinstance(value, Texts)]
        joined = [value.cell for value in values if isinstance(value, Scalar)]
        if texts and joined and isinstance(joined[0], str):
            self._spend(len(texts[0].words) * (1 + len(joined[0]) // CHARS_A_CELL))

    def _count_choice(self, *values: Value) -> None:
        """Count what it costs to choose between values, which arrays do for numbers alone."""
        if any(isinstance(value, Texts | Objects) for value in values):
            self._spend(self.rows)

    def _contained(self, link: Link) -> tuple[Mask, Mask]:
        """Return where an item is in its place, and where that could be asked."""
        place = link.right
        if isinstance(place, Field) and isinstance(link.left, Constant):
            key = link.left.value
            if isinstance(key, str) and self.lookup.is_branch(place):
                inside = self._present((*place.path, key))
                return inside, inside if link.op == "in" else self._present(place.path)
        item, holder = self.value(link.left), self.value(link.right)
        self._count(item, holder)
        return contains(item, holder, self.rows, self._mismatch(link.at))

    def places(self, node: Search) -> Numbers:
        """Return the place of each row's run among what a search finds: 1 is the best."""
        found, ids = self._found(node), self.table.column(("id",))
        if not isinstance(ids, Texts):
            return Numbers(np.full(self.rows, np.nan), np.zeros(self.rows, np.uint8))
        index = ids.index or {word: code for code, word in enumerate(ids.words)}
        of_word = np.full(len(ids.words) + 1, np.nan)
        for place, run in enumerate(found, start=1):
            of_word[index.get(run, -1)] = place
        of_word[-1] = np.nan
        values = of_word[ids.codes]
        return Numbers(values, np.where(np.isnan(values), ABSENT, INT).astype(np.uint8))

    def _searched(self, node: Search) -> Mask:
        found, ids = self._found(node), self.table.column(("id",))
        if not isinstance(ids, Texts):
            return np.zeros(self.rows, np.bool_)
        index = ids.index or {word: code for code, word in enumerate(ids.words)}
        answers = np.zeros(len(ids.words), np.bool_)
        answers[[index[run] for run in found if run in index]] = True
        mask = looked_up(ids.codes, answers)
        return mask if self._rows is None else mask[self._rows]

    def _found(self, node: Search) -> Some[str]:
        if self._search is None:
            message = "the full-text search is not to be had here"
            raise QueryError(message, at=node.at, hint='try "text" in run.name')
        try:
            return self._search(node.text)
        except QueryError as error:
            at, plain = node.text_at, self.source.text[node.text_at[0] + 1 : node.text_at[1] - 1]
            if plain == node.text:  # no escapes: what is wrong in the text can be pointed at
                at = at[0] + 1 + error.at[0], at[0] + 1 + error.at[1]
            raise QueryError(error.message, at=at, hint=error.hint) from None

    # --- metrics without a context ----------------------------------------------------------------

    def _for_any_series(self, node: Node, ask: Callable[[Self], Mask]) -> Mask:
        """Return where `ask` holds for any of the series that metrics without a context may mean.

        A name means the same series wherever it stands in the node. A run that has no series of it
        is asked once, and there its figures are missing.
        """
        names = self._open_names(node)
        if not names:
            return ask(self)
        inner, owner = self._joined(names[0])
        for name in names[1:]:
            inner, places = inner._joined(name)
            owner = owner[places]
        mask = np.zeros(self.rows, np.bool_)
        mask[owner[ask(inner)]] = True
        return mask

    def _open_names(self, node: Node) -> list[str]:
        found = {
            part.name: None
            for part in walk(node)
            if isinstance(part, Series) and part.context is None and part.name not in self._series
        }
        return list(found)

    def _joined(self, name: str) -> tuple[Self, Rows]:
        """Return an evaluation with a row for each of our rows and each of its series of a name."""
        rows, series = self._pairs(name)
        counts = np.bincount(rows, minlength=self.table.rows)
        if self._rows is None:
            self._check_pairs(len(rows))
            places = rows
        else:
            own = counts[self._rows]
            self._check_pairs(int(own.sum()))
            places = np.repeat(np.arange(self.rows), own)
            first = (np.cumsum(counts) - counts)[self._rows]
            rank = np.arange(len(places)) - np.repeat(np.cumsum(own) - own, own)
            series, counts = series[np.repeat(first, own) + rank], own
        without = np.flatnonzero(counts == 0)
        if len(without):
            places = np.concatenate((places, without))
            series = np.concatenate((series, np.full(len(without), -1)))
        inner = self._spread(places)
        inner._series[name] = series
        return inner, places

    def _check_pairs(self, count: int) -> None:
        if count > PAIRS_MAX:
            raise QueryError(
                f"{count:,} combinations of runs and series would have to be tried",
                at=(0, len(self.source.text)),
                hint='name a context: run.metrics["loss", {"subset": "val"}]',
            )

    def _pairs(self, name: str) -> tuple[Rows, Rows]:
        rows, series = self.table.pairs(name)
        if not len(series):
            self.lookup.warn_metric(name)
        return rows, series

    def with_first_series(self, node: Node) -> Self:
        """Return an evaluation in which metrics without a context mean the first that a row has."""
        found = copy(self)
        found._series = dict(self._series)
        for name in self._open_names(node):
            rows, series = self._pairs(name)
            first = np.full(self.rows, -1, np.intp)
            first[rows[::-1]] = series[::-1]  # of a row's several the first one is set last
            found._series[name] = first
        return found

    # --- values -----------------------------------------------------------------------------------

    def value(self, node: Node) -> Value:
        """Return what a node is in every row."""
        self._hurry()
        match node:
            case Constant() | Now() | Field() | Series() | Variable() | Element():
                return self._leaf(node)
            case Negative(at=at, operand=operand):
                return negative(self.value(operand), self._mismatch(at))
            case Arithmetic(at=at, op=op, left=left, right=right):
                sides = self.value(left), self.value(right)
                self._count_texts(*sides)
                return arithmetic(op, *sides, self.rows, self._mismatch(at))
            case Logic(op=op, parts=parts):
                return self._decided(op, parts)
            case Comparison() | Not() | Search():
                return flags(self.holds(node))
            case Choice(test=test_node, yes=yes, no=no):
                sides = self.value(yes), self.value(no)
                self._count_choice(*sides)
                return select(self.holds(test_node), *sides)
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
            self._count_choice(more, found)
            found = select(test, more, found) if op == "and" else select(test, found, more)
        return found

    def _leaf(self, node: Constant | Now | Field | Series | Variable | Element) -> Value:
        column: Column | None
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
            case Series(name=name, context=None, field=field):
                return self.lookup.figure(name, field, self._series[name], self._rows)
            case Series():
                column = self.lookup.metric(node)
            case Field():
                column = self.lookup.field(node)
        if column is None:
            return Scalar(None)
        return column if self._rows is None else column.take(self._rows)

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
            self._spend(len(value))
            return column_of(map(pick, value.cells()))
        self._spend(len(value.words if isinstance(value, Texts) else value.objects))
        return mapped(value, pick)

    def _call(self, node: Call) -> Value:
        return called(
            node.name,
            [self.value(arg) for arg in node.args],
            rows=self.rows,
            zone=self.zone,
            mismatch=self._mismatch(node.at),
            spend=self._spend,
        )

    def _collected(self, items: tuple[Node, ...]) -> Value:
        self._spend(self.rows)
        columns = [cells_of(self.value(item), self.rows) for item in items]
        return column_of([list(cells) for cells in zip(*columns, strict=True)])

    # --- loops ------------------------------------------------------------------------------------

    def _each(self, node: Each) -> Value:
        """Return a list for every row: all rows' elements are evaluated at once, as one column."""
        source = self.value(node.source)
        rest = (node.item,) if node.where is None else (node.item, node.where)
        if isinstance(source, Objects) and source.codes is not None and _closed(rest):
            # Many rows have the same few lists, and nothing else of a row is asked for.
            lists = self._looped(node, list(source.objects), None)
            return column_of([*lists, None]).take(source.codes.astype(np.intp))
        if isinstance(source, Scalar) and _closed(rest):
            return Scalar(self._looped(node, [source.cell], None)[0])
        all_lists = cells_of(source, self.rows)
        return column_of(self._looped(node, all_lists, np.arange(self.rows, dtype=np.intp)))

    def _looped(self, node: Each, lists: Sequence[Any], rows: Rows | None) -> list[Any]:
        """Return the list that is made of each list; `rows` are ours that the lists belong to."""
        sizes = [len(cell) if isinstance(cell, list) else 0 for cell in lists]
        self._spend(len(lists) + 2 * sum(sizes))
        owner = np.repeat(np.arange(len(lists), dtype=np.intp), sizes)
        inner = self._spread(owner) if rows is not None else copy(self)
        inner.rows = len(owner)
        inner._elements = column_of(
            [item for cell in lists if isinstance(cell, list) for item in cell]
        )
        made = cells_of(inner.value(node.item), inner.rows)
        kept = inner.holds(node.where).tolist() if node.where else [True] * inner.rows
        found: list[list[Any] | None] = [[] if isinstance(cell, list) else None for cell in lists]
        for row, keep, cell in zip(owner.tolist(), kept, made, strict=True):
            place = found[row]
            if keep and place is not None:
                place.append(cell)
        if any(
            cell is None and given is not None for cell, given in zip(found, lists, strict=True)
        ):
            self._mismatch(node.source.at)()
        return found


def _closed(nodes: tuple[Node, ...]) -> bool:
    """Whether nodes ask for nothing of a row but the element of their loop."""
    return not any(
        isinstance(part, Field | Series | Search) for node in nodes for part in walk(node)
    )
