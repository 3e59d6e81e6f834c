"""Tables of runs or groups, as files.

Every format holds the same cells. Times are unix seconds; a run without a cell has nothing there,
which is not the same as an empty text or NaN.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from foldline.errors import QueryError, ValueRejected

from .answers import plain
from .asked import ExportRequest
from .catalog import Catalog
from .column import BOOL, FLOAT, INT, Column, Numbers, Texts, column_of
from .discovery import candidates, examined
from .grouping import groups_page
from .pages import ordered
from .query import sort_key
from .searches import Searched
from .selection import Selection

__all__ = ["MEDIA_TYPES", "Format", "Table", "encoded", "table_of", "words_of"]

Format = Literal["csv", "json", "jsonl", "parquet", "latex"]

MEDIA_TYPES: dict[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
    "latex": "application/x-tex",
}

# Of one table: its columns are taken at once, so that all of it is true for one commit.
CELLS_MAX = 20_000_000  # about 200 MB of memory

CHUNK_CELLS = 50_000  # made in one go, tens of milliseconds of work in a thread
ROW_GROUP_CELLS = 1_000_000  # of Parquet, which packs a column of many rows better

# What is shown of runs if nothing is asked for, before all their params and metrics.
FIELDS = (
    "run.id", "run.name", "run.experiment", "run.status", "run.created_at", "run.duration",
    "run.tags",
)  # fmt: skip
GROUP_FIGURES = ("count", "missing", "mean", "std", "min", "max", "median")

SPREADSHEET_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of what a spreadsheet would carry out
LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"}, "\n": " ", "\r": " ",
}  # fmt: skip


class Table(NamedTuple):
    """Columns of one length, each with its heading."""

    heads: list[str]
    columns: list[Column]
    rows: int

    def parts(self, chunk: int) -> Iterator[list[Column]]:
        """Yield the columns, cut to so many rows that these are about `chunk` cells."""
        step = max(1, chunk // max(1, len(self.columns)))
        for start in range(0, self.rows, step):
            rows = np.arange(start, min(start + step, self.rows), dtype=np.intp)
            yield [column.take(rows) for column in self.columns]

    def cells(self, chunk: int) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Yield the rows, about `chunk` cells at a time."""
        for part in self.parts(chunk):
            yield zip(*map(_cells, part), strict=True)


def table_of(catalog: Catalog, asked: ExportRequest, searched: Searched | None = None) -> Table:
    """Return what is asked for, as of now.

    Raises QueryError, also if the table would be too large to be held.
    """
    if asked.group_by:
        return _groups(catalog, asked, searched)
    selection = Selection.of(catalog, asked.query, searched)
    rows = ordered(selection, asked.sort)
    words = list(dict.fromkeys(asked.columns)) or _all_columns(selection)
    if len(words) * len(rows) > CELLS_MAX:
        raise QueryError(
            f"{len(words):,} columns of {len(rows):,} runs are more than {CELLS_MAX:,} cells",
            at=(0, 0),
            hint="name the columns that you need, or filter the runs",
        )
    columns = [
        sort_key(word).column(selection.table, search=selection.searched).take(rows)
        for word in words
    ]
    return Table(words, columns, len(rows))


def words_of(asked: ExportRequest) -> list[str]:
    """Return the columns and keys of an export, as a query writes them."""
    sorts = [key.by for key in asked.sort]
    sorts += [key.by for key in asked.group_sort if key.is_column]
    return [*asked.columns, *asked.group_by, *sorts, *([asked.best.by] if asked.best else [])]


def encoded(table: Table, kind: Format, *, spreadsheet: bool = False) -> Iterator[bytes]:
    """Yield the bytes of a file.

    With `spreadsheet` a text in a CSV file that a spreadsheet would carry out as a formula gets an
    apostrophe before it; else texts are as they are. Raises ValueRejected if a package is missing.
    """
    if kind == "csv":
        return _csv(table, spreadsheet)
    makers: dict[str, Callable[[Table], Iterator[bytes]]] = {
        "json": _json, "jsonl": _json_lines, "parquet": _parquet, "latex": _latex,
    }  # fmt: skip
    return makers[kind](table)


def _all_columns(selection: Selection) -> list[str]:
    chosen = candidates(selection, sources=("param", "summary", "metric"))
    found = (one.column for one in examined(selection, chosen, top=0) if one is not None)
    return [*FIELDS, *found]


def _groups(catalog: Catalog, asked: ExportRequest, searched: Searched | None) -> Table:
    page = groups_page(
        catalog, asked.query, asked.group_by,
        columns=asked.columns, best=asked.best, sort=asked.group_sort, limit=None,
        searched=searched,
    )  # fmt: skip
    heads = [*asked.group_by, "runs"]
    rows: list[list[Any]] = [[*group.key, group.runs] for group in page.groups]
    for place, column in enumerate(asked.columns):
        heads += [f"{figure}({column})" for figure in GROUP_FIGURES]
        for row, group in zip(rows, page.groups, strict=True):
            row += [getattr(group.figures[place], figure) for figure in GROUP_FIGURES]
    if asked.best is not None:
        heads += ["best run", f"best {asked.best.by}"]
        for row, group in zip(rows, page.groups, strict=True):
            best = group.best
            row += [best and best.run, best and best.value]
    columns = [column_of([row[place] for row in rows]) for place in range(len(heads))]
    return Table(heads, columns, len(rows))


# --- formats --------------------------------------------------------------------------------------


def _csv(table: Table, spreadsheet: bool) -> Iterator[bytes]:
    """Yield CSV as RFC 4180 has it; an empty text is quoted, so that it is not a missing one."""

    def quoted(text: str) -> str:
        if spreadsheet and text.startswith(SPREADSHEET_STARTS):
            text = f"'{text}"
        if text and text == text.strip() and not any(sign in text for sign in '",\r\n'):
            return text
        return '"' + text.replace('"', '""') + '"'

    def cell(value: Any) -> str:
        if value is None:
            return ""
        return quoted(value) if isinstance(value, str) else _said(value, quoted)

    def column(part: Column) -> Iterable[str]:
        if isinstance(part, Numbers) and np.isfinite(part.values).all():
            if (part.tags == FLOAT).all():
                return map(repr, part.values.tolist())
            if (part.tags == INT).all():
                return map(str, part.cells())
        return map(cell, _cells(part))

    yield _utf8(",".join(map(quoted, table.heads)) + "\r\n")
    for part in table.parts(CHUNK_CELLS):
        rows = zip(*map(column, part), strict=True)
        yield _utf8("".join(",".join(row) + "\r\n" for row in rows))


def _json(table: Table) -> Iterator[bytes]:
    """Yield one list of objects; what JSON has no number for is spelt out, and missing is null."""
    before = b"["
    for rows in table.cells(CHUNK_CELLS):
        yield before + b",\n".join(_objects(table, rows))
        before = b",\n"
    yield b"]\n" if table.rows else b"[]\n"


def _json_lines(table: Table) -> Iterator[bytes]:
    for rows in table.cells(CHUNK_CELLS):
        yield b"".join(line + b"\n" for line in _objects(table, rows))


def _objects(table: Table, rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    for row in rows:
        cells = dict(zip(table.heads, map(plain, row), strict=True))
        try:
            yield msgspec.json.encode(cells)
        except UnicodeEncodeError:  # half a character, from a file's name, say
            yield _utf8(msgspec.json.encode(_whole(cells)).decode())


def _latex(table: Table) -> Iterator[bytes]:
    """Yield a tabular in the style of the package booktabs, numbers to six digits."""

    def text(value: str) -> str:
        return "".join(LATEX.get(sign, sign) for sign in value)

    def cell(value: Any) -> str:
        if value is None:
            return "--"
        if isinstance(value, str):
            return text(value)
        if not isinstance(value, float):
            return text(_said(value, str))
        if not math.isfinite(value):
            return {"NaN": "NaN", "Infinity": r"$\infty$", "-Infinity": r"$-\infty$"}[plain(value)]
        digits, _, power = f"{value:.6g}".partition("e")
        if power:
            return rf"${digits}\times10^{{{int(power)}}}$"
        return f"${digits}$" if digits.startswith("-") else digits

    def lines(rows: Iterator[tuple[Any, ...]]) -> bytes:
        return _utf8("".join(" & ".join(map(cell, row)) + " \\\\\n" for row in rows))

    sides = "".join("r" if isinstance(column, Numbers) else "l" for column in table.columns)
    head = " & ".join(map(text, table.heads))
    yield _utf8(
        "% \\usepackage{booktabs}\n"
        f"\\begin{{tabular}}{{{sides}}}\n\\toprule\n{head} \\\\\n\\midrule\n"
    )
    yield from map(lines, table.cells(CHUNK_CELLS))
    yield b"\\bottomrule\n\\end{tabular}\n"


class _Sink:
    """A file that is given away as it is written."""

    closed = False

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._size = 0

    def write(self, part: bytes) -> int:
        self.parts.append(bytes(part))
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        parts, self.parts = self.parts, []
        return b"".join(parts)


def _parquet(table: Table) -> Iterator[bytes]:
    try:
        arrow = importlib.import_module("pyarrow")
        writer = importlib.import_module("pyarrow.parquet").ParquetWriter
    except ImportError as error:
        raise ValueRejected(
            "Parquet needs the package pyarrow, which is not installed",
            hint="pip install 'foldline[parquet]', or choose csv or jsonl",
        ) from error
    kinds = [_arrow(arrow, column) for column in table.columns]
    schema = arrow.schema(
        [(head, kind) for head, (kind, _) in zip(table.heads, kinds, strict=True)]
    )
    return _row_groups(arrow, writer, table, schema, [made for _, made in kinds])


def _row_groups(
    arrow: Any, writer: Any, table: Table, schema: Any, made: Sequence[Callable[[Any], Any]]
) -> Iterator[bytes]:
    sink = _Sink()
    with writer(sink, schema) as file:
        for rows in table.cells(ROW_GROUP_CELLS):
            columns = zip(*rows, strict=True)
            arrays = [
                arrow.array([make(cell) for cell in cells], field.type)
                for make, cells, field in zip(made, columns, schema, strict=True)
            ]
            file.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _arrow(arrow: Any, column: Column) -> tuple[Any, Callable[[Any], Any]]:
    """Return the type of a column, and what makes a cell of it."""
    if isinstance(column, Numbers):
        tags = set(column.tags[column.present].tolist())
        if tags == {BOOL}:
            return arrow.bool_(), lambda cell: cell
        if tags == {INT} and not (abs(column.values[column.present]) > 2.0**62).any():
            return arrow.int64(), lambda cell: cell
        return arrow.float64(), lambda cell: cell if cell is None else float(cell)
    if isinstance(column, Texts):
        return arrow.string(), lambda cell: cell if cell is None else _whole(cell)
    cells = [cell for cell in column.cells() if cell is not None]
    if all(isinstance(c, list) and all(isinstance(item, str) for item in c) for c in cells):
        return arrow.list_(arrow.string()), _whole
    return arrow.string(), lambda cell: cell if cell is None else _said(_whole(cell), str)


def _cells(column: Column) -> list[Any]:
    """Return the cells of a few rows, in time that does not grow with all words of a column."""
    if isinstance(column, Texts):
        words = column.words
        return [words[code] if code >= 0 else None for code in column.codes.tolist()]
    return column.cells()


def _said(value: Any, quoted: Callable[[str], str]) -> str:
    """Return a value as a text: exact, and JSON for lists and dicts."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(plain(value))
    if isinstance(value, int):
        return str(value)
    return quoted(msgspec.json.encode(plain(_whole(value))).decode())


def _whole(value: Any) -> Any:
    """Return a tree whose texts have no halves of characters, which no file can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
