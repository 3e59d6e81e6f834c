"""A run's series and sequences, by Aim's names for them.

They are read when they are asked for: all that was logged up to then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foldline.contexts import Context
from foldline.errors import ValueRejected
from foldline.events import SeriesDefined
from foldline.layout import Layout
from foldline.values import revive

from . import held, logged
from .arrays import Columns, SequenceData, Step, Values
from .scan import Scan
from .series import context_key
from .tracked import Entry

if TYPE_CHECKING:
    from pandas import DataFrame

    from foldline.run import Run

__all__ = [
    "COLLECTIONS",
    "Metric",
    "Sequence",
    "Sequences",
    "dotted",
    "kinds_of",
    "made_of",
    "metric",
    "sequences_of",
]

# Aim's name of a collection, and the kind of what is in it; "number" are the series.
COLLECTIONS = {
    "metric": "number",
    "images": "image",
    "audios": "audio",
    "texts": "text",
    "figures": "figure",
    "distributions": "distribution",
    "videos": "video",
    "tables": "table",
    "htmls": "html",
    "points3d": "points3d",
}
SHOWN_MAX = 6  # sequences that a prompt shows by name; a run may have a hundred thousand
STEP_MAX = 2**53  # beyond it a float is not every integer any more; larger steps take longer
_NUMBERS = {"float", "float64", "int", "number"}  # the types that Aim gives numbers


class Sequence:
    """The values of one kind, name and context of one run."""

    def __init__(
        self,
        run: Run,
        kind: str,
        name: str,
        context: Mapping[str, Any],
        read: Callable[[], Columns],
        entries: list[Entry] | None = None,
    ) -> None:
        self.run = run
        self.kind = kind
        self.name = name
        self.context = Context(dict(context))
        self.entries = entries or []  # what was logged at each step; of numbers nothing
        self._read = read

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {dict(self.context)} of {self.run.id}>"

    @cached_property
    def _columns(self) -> Columns:
        return self._read()

    @property
    def data(self) -> SequenceData:
        """Values, epochs and times side by side."""
        return SequenceData(self._columns)

    @property
    def values(self) -> Values:
        """What was tracked, by step: of several values at once a list of them."""
        return Values(self._columns.steps, self._columns.values, self._columns.made)

    @property
    def steps(self) -> NDArray[Any]:
        """The steps in ascending order."""
        return np.array(self._columns.steps)

    @property
    def epochs(self) -> Values:
        """The epochs by step; NaN where none was given."""
        return Values(self._columns.steps, self._columns.epochs)

    @property
    def timestamps(self) -> Values:
        """When each was tracked, in unix seconds, by step."""
        return Values(self._columns.steps, self._columns.times)

    def __len__(self) -> int:
        return len(self._columns.steps)

    def __bool__(self) -> bool:
        return len(self) > 0

    def first_step(self) -> Step:
        """Return the first step, 0 if there is none."""
        return self._columns.steps[0] if self else 0

    def last_step(self) -> Step:
        """Return the last step, 0 if there is none."""
        return self._columns.steps[-1] if self else 0

    def record_length(self) -> int | None:
        """Return how many values there are at most at one step; of numbers None."""
        if self._columns.made is None:
            return None
        return max((len(values) for values in self._columns.values), default=0)

    def preload(self) -> None:
        """Read it now; without this it is read at the first look."""
        _ = self._columns


class Metric(Sequence):
    """A series, as Aim's SDK has it."""

    def dataframe(
        self,
        include_name: bool = False,
        include_context: bool = False,
        include_run: bool = False,
        only_last: bool = False,
    ) -> DataFrame:
        """Return the points as a pandas DataFrame: idx, step, value, epoch, time.

        The others add columns that say whose they are. Raises ImportError without pandas.
        """
        import pandas as pd

        columns = self._columns
        if only_last:
            columns = columns.taken([len(columns.steps) - 1] if columns.steps else [])
        table: dict[str, Any] = {
            "idx": range(len(columns.steps)),
            "step": columns.steps,
            "value": columns.values,
            "epoch": columns.epochs,
            "time": [_local(time_s) for time_s in columns.times],
        }
        if include_run:
            table["run.hash"] = self.run.id
            table |= dotted("run", self.run[...])
        if include_name:
            table["metric.name"] = self.name
        if include_context:
            table |= dotted("metric.context", self.context)
        return pd.DataFrame(table)


class Sequences:
    """Sequences to go through once or many times: of one run, or of all that a query found.

    Which ones there are is looked up once, at the first look.
    """

    def __init__(self, found: Callable[[], Iterable[Sequence]]) -> None:
        self._found = found

    @cached_property
    def _sequences(self) -> list[Sequence]:
        return list(self._found())

    def iter(self) -> Iterator[Sequence]:
        """Yield the sequences, those of one run together."""
        return iter(self._sequences)

    def __iter__(self) -> Iterator[Sequence]:
        return self.iter()

    def __len__(self) -> int:
        return len(self._sequences)

    def __repr__(self) -> str:
        shown = [repr(one) for one in self._sequences[:SHOWN_MAX]]
        more = len(self) - len(shown)
        return f"<{type(self).__name__}: {', '.join(shown + [f'and {more} more'] * bool(more))}>"

    def iter_runs(self) -> Iterator[Sequences]:
        """Yield the sequences of each run."""
        together: list[Sequence] = []
        for sequence in self:
            if together and together[-1].run.id != sequence.run.id:
                yield Sequences(together.copy)
                together = []
            together.append(sequence)
        if together:
            yield Sequences(together.copy)

    @property
    def run(self) -> Run | None:
        """The run of the first sequence, or None if there is none."""
        first = next(self.iter(), None)
        return None if first is None else first.run

    def dataframe(
        self,
        only_last: bool = False,
        include_run: bool = True,
        include_name: bool = True,
        include_context: bool = True,
        include_props: bool = True,
        include_params: bool = True,
    ) -> DataFrame | None:
        """Return the points of all series as one pandas DataFrame, None if there are none.

        Raises ImportError without pandas.
        """
        del include_props, include_params  # Aim's, of runs
        import pandas as pd

        frames = [
            one.dataframe(
                include_run=include_run,
                include_name=include_name,
                include_context=include_context,
                only_last=only_last,
            )
            for one in self
            if isinstance(one, Metric)
        ]
        return pd.concat(frames) if frames else None


def metric(run: Run, scan: Scan, name: str, context: dict[str, Any]) -> Metric:
    """Return the series of a run by its name and context; `scan` reads it."""
    return Metric(run, "number", name, context, _numbers(scan, name, context))


def sequences_of(run: Run, layout: Layout, kinds: Iterable[str] | None = None) -> list[Sequence]:
    """Return a run's series and sequences of these kinds, or all, by kind, name and context."""
    wanted = set(COLLECTIONS.values() if kinds is None else kinds)
    found: list[Sequence] = []
    if "number" in wanted:
        scan = Scan(layout, run.id)
        defined: dict[tuple[str, str], SeriesDefined] = {}
        for fact in logged.read_facts(layout, run.id, SeriesDefined):
            if isinstance(fact.event, SeriesDefined):
                defined[fact.event.name, context_key(fact.event.context)] = fact.event
        for _, event in sorted(defined.items()):
            found.append(metric(run, scan, event.name, event.context))
    if wanted - {"number"}:
        found += (
            made_of(run, layout, one)
            for one in held.sequences(layout, run.id)
            if one.kind in wanted
        )
    return found


def made_of(run: Run, layout: Layout, one: logged.Sequence) -> Sequence:
    """Return a logged sequence with its values, whose blobs lie where `layout` says."""
    return Sequence(run, one.kind, one.name, one.context, _others(layout, one), one.entries)


def kinds_of(types: str | Iterable[str]) -> list[str]:
    """Return the kinds that Aim's names mean: of collections, as `images`, or of types.

    Raises ValueRejected for one that is unknown.
    """
    kinds = []
    for word in [types] if isinstance(types, str) else types:
        bare = word.removeprefix("list(").removesuffix(")").removeprefix("aim.")
        kind = COLLECTIONS.get(bare, "number" if bare in _NUMBERS else bare)
        if kind != "*" and kind not in COLLECTIONS.values():
            raise ValueRejected(
                f"{word!r} is no kind of sequence", hint=f"one of {', '.join(COLLECTIONS)}"
            )
        kinds += list(COLLECTIONS.values()) if kind == "*" else [kind]
    return kinds


def dotted(above: str, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tree as columns: `above.lr`; lists as JSON."""
    columns: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{above}.{key}" if above else key
        if isinstance(value, dict) and value:
            columns |= dotted(name, value)
        else:
            columns[name] = json.dumps(value) if isinstance(value, list | dict) else value
    return columns


def _numbers(scan: Scan, name: str, context: dict[str, Any]) -> Callable[[], Columns]:
    def read() -> Columns:
        points = scan.points(name, context)
        return Columns(_steps(points.steps), points.values, points.epochs, points.times)

    return read


def _others(layout: Layout, one: logged.Sequence) -> Callable[[], Columns]:
    def made(values: Any) -> Any:
        revived = [revive(layout, one.kind, value) for value in values]
        return revived[0] if len(revived) == 1 else revived

    def read() -> Columns:
        return Columns(
            _steps([entry.step for entry in one.entries]),
            [entry.values for entry in one.entries],
            np.array([np.nan if entry.epoch is None else entry.epoch for entry in one.entries]),
            np.array([entry.time for entry in one.entries]),
            made,
        )

    return read


def _local(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s)  # noqa: DTZ006  # as Aim's frames: local time


def _steps(steps: NDArray[np.float64] | list[float]) -> list[Step]:
    array = np.array(steps, dtype=np.float64)
    if (np.abs(array) <= STEP_MAX).all() and (array == np.floor(array)).all():
        return list(array.astype(np.int64).tolist())
    return [int(step) if step.is_integer() else step for step in array.tolist()]
