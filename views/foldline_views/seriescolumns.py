"""All series in memory, and their summaries."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from . import summaries as fields
from .answers import MetricColumn
from .changes import NewSeries
from .column import ABSENT, FLOAT, INT, Column, Numbers, Rows

__all__ = ["METRIC_ROWS", "SeriesColumns"]

# Series that are added before all are put in the order of their runs again; more where there are
# many, as it costs 50 ns for each of all.
LOOSE_MAX = 4096
LOOSE_SHARE = 8
# How much larger arrays are made than they must be: one in so many, and at the least so many.
SPARE_SHARE = 4
SPARE_SERIES = 1024

# Which row of a summary holds each field that a query can ask of a series, and whether only
# finite values count for it.
METRIC_ROWS = {
    "count": fields.COUNT,
    "nonfinite": fields.NONFINITE,
    "first_nonfinite_step": fields.NONFINITE_STEP,
    "first": fields.FIRST,
    "first_step": fields.FIRST_STEP,
    "last": fields.LAST,
    "last_step": fields.LAST_STEP,
    "min": fields.MIN,
    "min_step": fields.MIN_STEP,
    "max": fields.MAX,
    "max_step": fields.MAX_STEP,
    "mean": fields.SUM,
}
NEEDS_FINITE = {"min", "min_step", "max", "max_step", "mean"}


class SeriesColumns:
    """All series, as arrays: whose, which, and their summaries.

    Row numbers are the views' row ids less one.
    """

    def __init__(self) -> None:
        self.count = 0
        self.run: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # row number
        self.kind: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # place in `kinds`
        self.kinds: list[tuple[str, dict[str, Any]]] = []  # each name and context, once
        self._kind_of: dict[tuple[str, str], int] = {}
        self._contexts: dict[str, list[int]] = {}  # the kinds of a name
        self._summary = fields.fresh(0)
        self._columns: dict[tuple[int, str, int], Column] = {}
        self._members: list[array[int]] = []  # of each kind, its series
        self._slot: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # row id of the first, or 0
        self._slots: dict[int, list[int]] = {}  # of series that have several
        # Series in the order of their runs, and where each run's begin; the others by run.
        self._order: Rows = np.empty(0, dtype=np.intp)
        self._starts: Rows = np.zeros(1, dtype=np.intp)
        self._loose: dict[int, list[int]] = {}
        self._noted = 0  # how many series are in the one or the other
        # Of a name, when it had so many series: their runs, and the series.
        self._pairs: dict[str, tuple[int, Rows, Rows]] = {}

    @property
    def summary(self) -> NDArray[np.float64]:
        """The summaries: a column for each series."""
        return self._summary[:, : self.count]

    def extend(self, new: NewSeries) -> None:
        """Add series; the runs' row ids become row numbers."""
        added = len(new.runs)
        if not added:
            return
        kinds = np.array([self._kind(*words) for words in new.kinds], np.int64)[new.codes]
        first, self.count = self.count, self.count + added
        self._reserve(self.count)
        self.run[first : self.count], self.kind[first : self.count] = new.runs - 1, kinds
        # A kind at a time: of many series most are of few kinds, or each is of its own.
        order = np.argsort(kinds, kind="stable")
        there, starts = np.unique(kinds[order], return_index=True)
        members, ends = (order + first).tolist(), [*starts[1:].tolist(), added]
        for kind, start, end in zip(there.tolist(), starts.tolist(), ends, strict=True):
            self._members[kind].extend(members[start:end])
        self._sort()

    def _kind(self, name: str, context: str) -> int:
        kind = self._kind_of.get((name, context))
        if kind is None:
            kind = self._kind_of[name, context] = len(self.kinds)
            decoded = msgspec.json.decode(context)
            self.kinds.append((name, decoded))
            same_name = self._contexts.setdefault(name, [])
            same_name.insert(len(same_name) if decoded else 0, kind)  # no context comes first
            self._members.append(array("q"))
        return kind

    def _reserve(self, count: int) -> None:
        more = count - len(self.run)
        if more <= 0:
            return
        if len(self.run):
            more = max(more, len(self.run) // SPARE_SHARE, SPARE_SERIES)
        unknown = np.empty(more, np.int64)
        self.run, self.kind = (np.append(one, unknown) for one in (self.run, self.kind))
        self._slot = np.append(self._slot, np.zeros(more, np.int64))
        self._summary = np.concatenate((self._summary, fields.fresh(more)), axis=1)

    def _sort(self) -> None:
        """Put the series in the order of their runs, or note those that are not."""
        loose = self.count - len(self._order)
        if loose > max(LOOSE_MAX, len(self._order) // LOOSE_SHARE):
            runs = self.run[: self.count]
            self._order = np.argsort(runs, kind="stable")
            self._starts = np.cumsum(np.append(0, np.bincount(runs)))
            self._loose.clear()
            self._noted = self.count
        for series in range(self._noted, self.count):
            self._loose.setdefault(int(self.run[series]), []).append(series)
        self._noted = self.count

    def of_run(self, run: int) -> list[int]:
        """Return the series of a run, by row, in the order in which they were defined."""
        found: list[int] = []
        if run + 1 < len(self._starts):
            found = self._order[self._starts[run] : self._starts[run + 1]].tolist()
        return found + self._loose.get(run, [])

    def set_slots(self, pairs: NDArray[np.int64]) -> None:
        """Set the slots of series: row ids in two rows, those of a series together."""
        if not pairs.size:
            return
        series, slots = pairs[0] - 1, pairs[1]
        starts = np.flatnonzero(np.append(-1, series[:-1]) != series)
        self._slot[series[starts]] = slots[starts]
        sizes = np.diff(np.append(starts, len(series)))
        for at in np.flatnonzero(sizes > 1).tolist():
            mine = slots[starts[at] : starts[at] + sizes[at]]
            self._slots[int(series[starts[at]])] = mine.tolist()

    @property
    def names(self) -> list[tuple[str, str]]:
        """Each name and context, as JSON, in the order of `kinds`."""
        return list(self._kind_of)

    def all_slots(self) -> NDArray[np.int64]:
        """Return what `set_slots` was given."""
        alone = self._slot[: self.count].copy()
        several = list(self._slots)
        alone[several] = 0
        there = np.flatnonzero(alone)
        pairs = [(one + 1, slot) for one in several for slot in self._slots[one]]
        others = np.array(pairs, np.int64).reshape(-1, 2).T
        return np.concatenate((np.stack((there + 1, alone[there])), others), axis=1)

    def slots_of(self, series: int) -> list[int]:
        """Return the slots of a series in the order of their writers."""
        several = self._slots.get(series)
        if several is not None:
            return several
        slot = int(self._slot[series])
        return [slot] if slot else []

    def key(self, series: int) -> tuple[str, dict[str, Any]]:
        """Return the name and the context of a series."""
        return self.kinds[int(self.kind[series])]

    def metrics(self) -> Iterator[MetricColumn]:
        """Yield each name and context with how many runs have it."""
        counts = np.bincount(self.kind[: self.count], minlength=len(self.kinds))
        for (name, context), runs in zip(self.kinds, counts.tolist(), strict=True):
            yield MetricColumn(name, context, runs)

    def contexts(self, name: str) -> list[dict[str, Any]]:
        """Return the contexts of all series of a name; {} first, if it is among them."""
        return [self.kinds[kind][1] for kind in self._contexts.get(name, ())]

    def with_points(self) -> NDArray[np.bool_]:
        """Return which series have points: one may be defined and have none yet."""
        found: NDArray[np.bool_] = self.summary[fields.COUNT] > 0
        return found

    def kinds_of(self, name: str) -> Sequence[int]:
        """Return the kinds of a name, as places in `kinds`; the one without a context first."""
        return self._contexts.get(name, ())

    def reached(self, series: Rows) -> NDArray[np.bool_]:
        """Return which of these series are within reach of who asks; see `within`."""
        return np.ones(len(series), np.bool_)

    def forget_columns(self) -> None:
        """Drop the columns that were made of the figures before a change."""
        self._columns.clear()

    def of_runs(
        self, name: str, context: Mapping[str, Any], field: str, rows: int
    ) -> Column | None:
        """Return a figure of each run's series of exactly this name and context."""
        key = msgspec.json.encode(context, order="deterministic").decode()
        kind = self._kind_of.get((name, key))
        if kind is None:
            return None
        held = self._columns.get((kind, field, rows))
        if held is None:
            chosen = np.array(self._members[kind], dtype=np.intp)
            values, tags = self._field(chosen, field)
            whole = Numbers(np.full(rows, np.nan), np.zeros(rows, dtype=np.uint8))
            whole.values[self.run[chosen]], whole.tags[self.run[chosen]] = values, tags
            held = self._columns[kind, field, rows] = whole
        return held

    def named(self, name: str) -> tuple[Rows, Rows]:
        """Return the runs of the series of a name, in order, and the series, of each {} first."""
        kinds = self._contexts.get(name, ())
        count = sum(len(self._members[kind]) for kind in kinds)
        nothing = np.empty(0, dtype=np.intp)
        held, rows, found = self._pairs.get(name, (0, nothing, nothing))
        if held != count:
            # A kind at a time, so that a stable sort leaves each run's series in their order.
            found = np.concatenate([np.array(self._members[kind], np.intp) for kind in kinds])
            found = found[np.argsort(self.run[found], kind="stable")]
            rows = self.run[found]
            self._pairs[name] = count, rows, found
        return rows, found

    def figures(self, field: str, series: Rows | None = None) -> Numbers:
        """Return a figure of every series, or of some of them, of which -1 stands for none."""
        chosen = np.arange(self.count) if series is None else series
        if not self.count:
            return Numbers(np.full(len(chosen), np.nan), np.zeros(len(chosen), np.uint8))
        values, tags = self._field(chosen, field)  # of the last one for -1, which is put right
        if series is not None and len(series) and series.min() < 0:
            values[series < 0], tags[series < 0] = np.nan, ABSENT
        return Numbers(values, tags)

    def _field(
        self, series: NDArray[np.intp], field: str
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        # A row of the summaries at a time: most questions need but one or two of them.
        values = self.summary[METRIC_ROWS[field]][series]
        count = self.summary[fields.COUNT][series]
        present = count > 0
        if field in NEEDS_FINITE:
            finite = count - self.summary[fields.NONFINITE][series]
            present &= finite > 0
            if field == "mean":
                values = values / np.maximum(finite, 1)
        elif field == "first_nonfinite_step":
            present &= self.summary[fields.NONFINITE][series] > 0
        tag = INT if field in {"count", "nonfinite"} else FLOAT
        return np.where(present, values, np.nan), np.where(present, tag, 0).astype(np.uint8)
