"""Tables with typed columns, kept in pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import ValueRejected
from ..params import plain
from ..unicode import encodable
from .image import Image
from .value import Encoded, Keep, Part, Raw, Tracked, caption_of

if TYPE_CHECKING:
    from .arrays import Array

__all__ = ["Table"]

PAGE_ROWS = 1_000  # of one page: what a screen scrolls through, in one small read
CELLS_MAX = 10_000_000  # of one table; a larger one is a file: an artifact
COLUMNS_MAX = 10_000  # each has a name in the table's index, which is read whole
_ENDLESS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Table(Tracked):
    """Rows and columns.

    `Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])`, or a dict of columns, a list of dicts,
    a data frame of pandas or polars; `add_data(1, "x")` adds a row. A column holds numbers,
    booleans, times (seconds since 1970; a time without a zone is UTC), images, or texts, which
    everything else becomes. None is an empty cell. A table is taken when it is tracked.

    What can't be kept is told by `track`, not here: building a table never raises.
    """

    KIND = "table"
    LIGHT = True

    def __init__(
        self,
        columns: Any = None,
        data: Any = None,
        *,
        rows: Any = None,
        dataframe: Any = None,
        caption: str = "",
    ) -> None:
        given = next((x for x in (data, rows, dataframe) if x is not None), None)
        if given is None and columns is not None and not _are_names(columns):
            given, columns = columns, None
        found = self._tried(lambda: _columns_of(given, columns))
        self._names, self._columns = found or ([], [])
        self._words = caption_of(caption)

    def add_data(self, *row: Any) -> None:
        """Add a row; one that has not a cell for each column is told by `track`."""
        if len(row) != len(self._names):
            self._refused = ValueRejected(
                f"a row of {len(row)} cells does not fit {len(self._names)} columns"
            )
            return
        self._columns = (
            [list(column) for column in self._columns]
            if not all(type(column) is list for column in self._columns)
            else self._columns
        )
        for column, cell in zip(self._columns, row, strict=True):
            column.append(cell)

    def add_column(self, name: str, data: Any) -> None:
        """Add a column, with a cell for each row."""
        if self._columns and len(data) != len(self._columns[0]):
            self._refused = ValueRejected(
                f"a column of {len(data)} cells does not fit {len(self._columns[0])} rows"
            )
            return
        self._names.append(str(name))
        self._columns.append(data if hasattr(data, "dtype") else list(data))

    def raw(self) -> Raw:
        """Return the columns as they are now. Raises ValueRejected."""
        if self._encoded is not None or self._refused is not None:
            return super().raw()
        rows = len(self._columns[0]) if self._columns else 0
        if rows * len(self._columns) > CELLS_MAX or len(self._columns) > COLUMNS_MAX:
            raise ValueRejected(
                f"a table of {rows} rows and {len(self._columns)} columns is too large: at most "
                f"{CELLS_MAX} cells and {COLUMNS_MAX} columns",
                hint="write it to a file, and run.log_artifact(file)",
            )
        taken = [_taken(column) for column in self._columns]
        told = [
            {"name": plain(name), "parts": len(one.parts), **one.header}
            for name, one in zip(self._names, taken, strict=True)
        ]
        parts = tuple(part for one in taken for part in one.parts)
        return Raw({"columns": told, "rows": rows, **self._words}, parts)

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.attributes["rows"])

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [column["name"] for column in self._index()["columns"]]

    @property
    def types(self) -> list[str]:
        """The types of the columns: number, bool, time, text or image."""
        return [column["type"] for column in self._index()["columns"]]

    def page(self, number: int) -> list[list[Any]]:
        """Return the columns of one page of rows; only that page is read."""
        index = self._index()
        if "page" in index:
            cells = index["page"]
        else:
            cells = msgspec.json.decode(self._blob(index["pages"][number]))
        kinds = [column["type"] for column in index["columns"]]
        return [self._revived(kind, column) for kind, column in zip(kinds, cells, strict=True)]

    def rows(self) -> Iterator[list[Any]]:
        """Yield row after row."""
        for number in range(max(len(self._index().get("pages", ())), 1)):
            yield from (list(row) for row in zip(*self.page(number), strict=True))

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name."""
        rows = list(self.rows())
        return {name: [row[at] for row in rows] for at, name in enumerate(self.columns)}

    def to_pandas(self) -> Any:
        """Return a data frame of pandas. Raises ValueRejected if that is not installed."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ValueRejected("pandas is not installed", hint="pip install pandas") from error
        return pd.DataFrame(list(self.rows()), columns=self.columns)

    def _index(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.data)
        return found

    def _revived(self, kind: str, cells: list[Any]) -> list[Any]:
        if kind == "number":
            return [_ENDLESS.get(x, x) if isinstance(x, str) else x for x in cells]
        if kind != "image":
            return cells
        return [
            cell
            and Image.revive(
                Encoded(cell["media_type"], self._blob(cell["blob"]), cell["attributes"]),
                self._blob,
            )
            for cell in cells
        ]

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the index as JSON: columns, rows and the blobs of the pages, or the one page."""
        words, parts = raw.header, list(raw.parts)
        columns: list[Callable[[int, int], list[Any]]] = []
        notes: list[str] = []
        for column in words["columns"]:
            own, parts = parts[: column["parts"]], parts[column["parts"] :]
            columns.append(_reader(Raw(column, tuple(own)), keep, notes))
        rows = words["rows"]
        index: dict[str, Any] = {
            "columns": [{"name": c["name"], "type": c["type"]} for c in words["columns"]],
            "rows": rows,
            "page_rows": PAGE_ROWS,
        }
        if rows <= PAGE_ROWS:
            index["page"] = [cells(0, rows) for cells in columns]
        else:
            index["pages"] = [
                keep(msgspec.json.encode([cells(at, at + PAGE_ROWS) for cells in columns]))
                for at in range(0, rows, PAGE_ROWS)
            ]
        attributes = {"rows": rows, "columns": len(columns), **caption_of(words.get("caption"))}
        note = notes[0] if notes else ""
        return Encoded("application/json", msgspec.json.encode(index), attributes, note)


def _are_names(columns: Any) -> bool:
    return isinstance(columns, list | tuple) and all(isinstance(name, str) for name in columns)


def _columns_of(data: Any, names: Any) -> tuple[list[str], list[Any]]:
    if data is None:
        wanted = [str(name) for name in names or ()]
        return wanted, [[] for _ in wanted]
    if isinstance(data, Mapping):
        found = [str(name) for name in data], [_cells(column) for column in data.values()]
    elif hasattr(data, "get_columns"):  # polars
        found = [str(name) for name in data.columns], [_cells(c) for c in data.get_columns()]
    elif hasattr(data, "iloc"):  # pandas
        count = len(data.columns)
        found = (
            [str(name) for name in data.columns],
            [_cells(data.iloc[:, at]) for at in range(count)],
        )
    else:
        found = _transposed(data, names)
    if names is not None and not isinstance(data, Mapping) and len(names) == len(found[0]):
        found = [str(name) for name in names], found[1]
    if len({len(column) for column in found[1]}) > 1:
        raise ValueRejected("the columns of the table are not of one length")
    return found


def _transposed(data: Any, names: Any) -> tuple[list[str], list[Any]]:
    given = list(data)
    if given and all(isinstance(row, Mapping) for row in given):
        keys = list(names or dict.fromkeys(key for row in given for key in row))
        return [str(key) for key in keys], [[row.get(key) for row in given] for key in keys]
    rows = [list(row) for row in given]
    width = len(names) if names is not None else max(map(len, rows), default=0)
    if any(len(row) != width for row in rows):
        raise ValueRejected(
            f"a row of the table has not {width} cells", hint="columns=[...], data=[[...], ...]"
        )
    titles = [str(name) for name in names or range(width)]
    return titles, [[row[at] for row in rows] for at in range(width)]


def _cells(column: Any) -> Any:
    """Return a column as an array of numbers if it is one, else as a list; copied."""
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind and kind in "biufM":
        import numpy as np

        array = np.asarray(column)
        if array.dtype.kind in "biufM" and array.ndim == 1:
            return np.array(array)
    for name in ("to_list", "tolist"):
        if hasattr(column, name):
            return list(getattr(column, name)())
    return list(column)


def _taken(column: Any) -> Raw:
    """Return a column as raw, with its type."""
    if hasattr(column, "dtype"):
        return _taken_array(column)
    cells = [None if _is_missing(cell) else cell for cell in column]
    there = [cell for cell in cells if cell is not None]
    if there and all(isinstance(cell, Image) for cell in there):
        return _taken_images(cells)
    there = [cell.item() if hasattr(cell, "item") else cell for cell in there]
    if there and all(isinstance(cell, bool) for cell in there):
        return _listed("bool", cells, bool)
    if there and all(
        isinstance(cell, int | float) and not isinstance(cell, bool) for cell in there
    ):
        return _listed("number", cells, _number)
    if there and all(isinstance(cell, date) for cell in there):  # a datetime is one
        return _listed("time", cells, _seconds)
    return _listed("text", [None if _is_nan(cell) else cell for cell in cells], _text)


def _taken_array(column: Array) -> Raw:
    import numpy as np

    from .arrays import raw_array

    kind = column.dtype.kind
    if kind == "M":
        whole = column.astype("datetime64[us]")
        seconds = whole.astype(np.int64) / 1e6
        column = np.where(np.isnat(whole), np.nan, seconds)
    if column.dtype.byteorder == ">":
        column = column.astype(column.dtype.newbyteorder("<"))
    found = {"b": "bool", "M": "time"}.get(kind, "number")
    return raw_array(np.ascontiguousarray(column), type=found)


def _taken_images(cells: Sequence[Image | None]) -> Raw:
    raws = [cell and cell.raw() for cell in cells]
    told = [raw and [raw.header, len(raw.parts)] for raw in raws]
    parts: list[Part] = [part for raw in raws if raw for part in raw.parts]
    return Raw({"type": "image", "cells": told}, tuple(parts))


def _listed(kind: str, cells: Sequence[Any], clean: Callable[[Any], Any]) -> Raw:
    kept = [None if cell is None else clean(cell) for cell in cells]
    return Raw({"type": kind}, (msgspec.msgpack.encode(kept),))


def _reader(raw: Raw, keep: Keep, notes: list[str]) -> Callable[[int, int], list[Any]]:
    """Return a function that gives the cells of a range of rows, as JSON has them."""
    kind = raw.header["type"]
    if kind == "image":
        cells = list(_image_cells(raw, keep, notes))
        return lambda start, end: cells[start:end]
    if "dtype" in raw.header:
        from .arrays import restored

        array = restored(raw)
        if kind == "time":
            return lambda start, end: [
                None if math.isnan(x) else x for x in array[start:end].tolist()
            ]
        return lambda start, end: [_endless(x) for x in array[start:end].tolist()]
    listed: list[Any] = msgspec.msgpack.decode(raw.data())
    if kind == "number":
        return lambda start, end: [_endless(x) for x in listed[start:end]]
    return lambda start, end: listed[start:end]


def _image_cells(raw: Raw, keep: Keep, notes: list[str]) -> Iterator[dict[str, Any] | None]:
    at = 0
    for cell in raw.header["cells"]:
        if cell is None:
            yield None
            continue
        header, count = cell
        encoded = Image.encode(Raw(header, raw.parts[at : at + count]), keep)
        at += count
        if encoded.note:
            notes.append(encoded.note)
        yield {
            "blob": keep(encoded.data),
            "media_type": encoded.media_type,
            "attributes": encoded.attributes,
        }


def _endless(x: Any) -> Any:
    """Return a number, or the word for one that JSON has not."""
    if isinstance(x, float) and not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    return x


def _number(cell: Any) -> int | float:
    number = cell.item() if hasattr(cell, "item") else cell
    if isinstance(number, int) and not -(2**63) <= number < 2**64:
        return float(number)
    return number  # type: ignore[no-any-return]  # an int or a float, as `_taken` saw


def _seconds(cell: Any) -> float:
    if not isinstance(cell, datetime):
        cell = datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
    return float((cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp())


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return encodable(cell)
    tree = plain(cell)
    return tree if isinstance(tree, str) else msgspec.json.encode(tree).decode()


def _is_missing(cell: Any) -> bool:
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")


def _is_nan(cell: Any) -> bool:
    """Say whether a cell among texts is empty: pandas has NaN there."""
    return isinstance(cell, float) and math.isnan(cell)
