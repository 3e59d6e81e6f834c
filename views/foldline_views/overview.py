"""A series at a glance: few buckets, ready to send.

Stored beside the level so that thousands of series are read with one statement and joined without
a loop over them. LEVELS.md describes the stored form to the byte.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import buckets, compressed
from .bundles import Bundle, few_of

__all__ = [
    "COLUMNS",
    "DX",
    "LAST",
    "LAST_STEP",
    "MAX",
    "MEAN",
    "MIN",
    "OVERVIEW_MAX",
    "PLACE",
    "SCHEMA",
    "SHOWN",
    "VALUES",
    "WEIGHT",
    "X0",
    "are_bare",
    "save",
    "values",
]

OVERVIEW_MAX = 256  # buckets: a chart among many has no more columns of pixels to fill

# A row holds what is drawn unless somebody asks for more: seven of them to a page of the file.
SCHEMA = """
    CREATE TABLE overview (
        slot INTEGER PRIMARY KEY, width INTEGER NOT NULL, count INTEGER NOT NULL,
        place BLOB, step BLOB, last BLOB);
    CREATE TABLE figures (
        slot INTEGER PRIMARY KEY, low BLOB, high BLOB, mean BLOB, weight BLOB, time BLOB);
"""
# Many rows in one statement: see database.BULK_INSERT. Each is a slot, and which bytes are its.
INSERT = """
    INSERT OR REPLACE INTO overview
    SELECT value->>0, value->>1, value->>2, substr(:place, 24 * key + 1, 24),
           CASE value->>4 WHEN 0 THEN substr(:step, 8 * (value->>3) + 1, 8 * (value->>2)) END,
           substr(:last, 4 * (value->>3) + 1, 4 * (value->>2))
    FROM json_each(:rows)
"""
INSERT_FIGURES = """
    INSERT OR REPLACE INTO figures
    SELECT value->>0,
           CASE value->>3 WHEN 0 THEN substr(:low, 4 * (value->>1) + 1, 4 * (value->>2)) END,
           CASE value->>3 WHEN 0 THEN substr(:high, 4 * (value->>1) + 1, 4 * (value->>2)) END,
           CASE value->>3 WHEN 0 THEN substr(:mean, 4 * (value->>1) + 1, 4 * (value->>2)) END,
           substr(:packed, 1 + (value->>4), value->>5),
           substr(:packed, 1 + (value->>4) + (value->>5), value->>6)
    FROM json_each(:rows)
"""

# Where the buckets lie, as f64: their steps are X0 + i * DX, or X0 is NaN and all are stored.
X0 = 0
DX = 1
LAST_STEP = 2  # the highest step of all
PLACE = 3

# The f32 values of each bucket: those that a line is drawn with, then those that only averages
# need.
LAST = 0
MIN = 1
MAX = 2
SHOWN = 3
MEAN = 3
WEIGHT = 4  # finite values behind the mean, so that means can be merged
VALUES = 5
COLUMNS = ("last", "low", "high", "mean", "weight")  # of the table


def values(level: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return what is drawn of each bucket: an array of one row of VALUES a bucket.

    A bucket without finite values shows its last one, NaN or infinite, in every column.
    """
    shown = np.empty((level.shape[1], VALUES), dtype=np.float32)
    count = level[buckets.COUNT]
    empty = count == 0
    with np.errstate(over="ignore"):  # a value beyond f32 is drawn as infinite
        shown[:, LAST] = level[buckets.LAST]
        shown[:, MIN] = level[buckets.MIN]
        shown[:, MAX] = level[buckets.MAX]
        shown[:, MEAN] = level[buckets.SUM] / np.maximum(count, 1)
        shown[:, WEIGHT] = count
    shown[empty, MIN:WEIGHT] = shown[empty, LAST, None]
    return shown


def are_bare(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say which buckets have no finite value, as `values` shows these."""
    low, high = values[:, MIN], values[:, MAX]
    bare: NDArray[np.bool_] = ~np.isfinite(low) & ((low == high) | np.isnan(low))
    return bare


def save(db: sqlite3.Connection, slots: Sequence[int], bundle: Bundle) -> None:
    """Write the overviews of slots, whose levels are bundled; none of them is empty."""
    few = few_of(bundle, OVERVIEW_MAX)
    owner, starts, counts = few.owner, few.starts, few.counts
    x = buckets.shown_at(few.buckets, few.widths[owner])
    x0, dx = x[starts], np.ones(len(counts))
    several = counts > 1
    dx[several] = x[starts[several] + 1] - x0[several]
    # Regular steps are the rule: then two numbers say them all.
    off = x != x0[owner] + dx[owner] * (np.arange(len(x)) - starts[owner])
    regular = np.bincount(owner[off], minlength=len(counts)) == 0
    last = few.buckets[buckets.STEP_LAST, starts + counts - 1]
    place = np.stack((np.where(regular, x0, np.nan), dx, last), axis=1)
    shown = values(few.buckets)
    columns = {name: shown[:, at].tobytes() for at, name in enumerate(COLUMNS)}
    which = zip(
        slots, few.widths.tolist(), counts.tolist(), starts.tolist(), regular.tolist(), strict=True
    )
    told = {"rows": _json(which), "place": place.tobytes(), "step": x.tobytes()}
    db.execute(INSERT, {**told, "last": columns["last"]})
    packed, rows, at = [], [], 0
    crowded = (
        np.maximum.reduceat(few.buckets[[buckets.COUNT, buckets.NONFINITE]].sum(0), starts) > 1
    )
    times = compressed.pack_times(few.buckets[buckets.TIME], counts.tolist())
    each = zip(slots, starts.tolist(), counts.tolist(), (~crowded).tolist(), times, strict=True)
    for slot, start, count, single, time in each:
        weight = compressed.pack(shown[start : start + count, WEIGHT])
        rows.append((slot, start, count, single, at, len(weight), len(time)))
        packed += [weight, time]
        at += len(weight) + len(time)
    db.execute(INSERT_FIGURES, {"rows": _json(rows), "packed": b"".join(packed), **columns})


def _json(rows: Iterable[tuple[object, ...]]) -> str:
    return msgspec.json.encode(list(rows)).decode()
