"""Values by their steps, as Aim's arrays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as List
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "SequenceData", "Step", "Values"]

Floats = NDArray[np.float64]
Step = int | float


class Values:
    """One column of a sequence: values by their steps, in ascending order.

    Of two values at one step `values[step]` is the later one. What is no number is made from its
    bytes when it is looked at.
    """

    def __init__(
        self,
        steps: List[Step],
        values: List[Any] | Floats,
        made: Callable[[Any], Any] | None = None,
    ) -> None:
        self._steps = steps
        self._values = values
        self._made = made

    def _at(self, place: int) -> Any:
        value = self._values[place]
        if self._made is not None:
            return self._made(value)
        return value.item() if isinstance(value, np.generic) else value

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Any]:
        return (self._at(place) for place in range(len(self)))

    def __getitem__(self, step: Step | slice) -> Any:
        """Return the value at a step, or those of a slice of places. Raises KeyError."""
        if isinstance(step, slice):
            return [self._at(place) for place in range(len(self))[step]]
        place = bisect_right(self._steps, step) - 1
        if place < 0 or self._steps[place] != step:
            raise KeyError(step)
        return self._at(place)

    def keys(self) -> Iterator[Step]:
        """Yield the steps."""
        return iter(self._steps)

    indices = keys

    def values(self) -> Iterator[Any]:
        """Yield the values."""
        return iter(self)

    def items(self) -> Iterator[tuple[Step, Any]]:
        """Yield each step with its value."""
        return zip(self._steps, self, strict=True)

    def indices_list(self) -> list[Step]:
        """Return the steps."""
        return list(self._steps)

    def values_list(self) -> list[Any]:
        """Return the values."""
        return list(self)

    tolist = values_list

    def sparse_list(self) -> tuple[list[Step], list[Any]]:
        """Return the steps, and the values."""
        return self.indices_list(), self.values_list()

    def indices_numpy(self) -> NDArray[Any]:
        """Return the steps as an array."""
        return np.array(self._steps)

    def values_numpy(self) -> NDArray[Any]:
        """Return the values as an array; of what is no number one of objects."""
        if self._made is None:
            return np.asarray(self._values)
        array = np.empty(len(self), dtype=object)
        for place, value in enumerate(self):
            array[place] = value
        return array

    def sparse_numpy(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the steps and the values as arrays."""
        return self.indices_numpy(), self.values_numpy()

    def first(self) -> tuple[Step, Any]:
        """Return the first step and its value. Raises IndexError if there is none."""
        return self._steps[0], self._at(0)

    def last(self) -> tuple[Step, Any]:
        """Return the last step and its value. Raises IndexError if there is none."""
        return self._steps[-1], self._at(len(self) - 1)

    def first_idx(self) -> Step:
        """Return the first step."""
        return self._steps[0]

    def last_idx(self) -> Step:
        """Return the last step."""
        return self._steps[-1]

    def first_value(self) -> Any:
        """Return the first value."""
        return self._at(0)

    def last_value(self) -> Any:
        """Return the last value."""
        return self._at(len(self) - 1)


class Columns(NamedTuple):
    """What is known of each place of a sequence, in the order of the steps."""

    steps: list[Step]
    values: List[Any] | Floats
    epochs: Floats  # NaN where none was given
    times: Floats  # unix seconds
    made: Callable[[Any], Any] | None = None  # a value from what `values` holds

    def taken(self, places: List[int]) -> Columns:
        """Return the columns at some places."""
        return Columns(
            [self.steps[place] for place in places],
            [self.values[place] for place in places]
            if self.made is not None
            else np.asarray(self.values)[list(places)],
            self.epochs[list(places)],
            self.times[list(places)],
            self.made,
        )


class SequenceData:
    """The columns `val`, `epoch` and `time` of a sequence, side by side."""

    NAMES = ("val", "epoch", "time")

    def __init__(self, columns: Columns, names: Iterable[str] = NAMES) -> None:
        self._columns = columns
        self._names = [name for name in self.NAMES if name in set(names)]

    def view(self, columns: str | Iterable[str]) -> SequenceData:
        """Return some of the columns, by name."""
        names = [columns] if isinstance(columns, str) else columns
        return SequenceData(self._columns, set(names) & set(self._names))

    def range(self, start: Step, stop: Step) -> SequenceData:
        """Return the places of steps from `start` on and before `stop`."""
        places = [at for at, step in enumerate(self._columns.steps) if start <= step < stop]
        return SequenceData(self._columns.taken(places), self._names)

    def sample(self, k: int) -> SequenceData:
        """Return about `k` places, evenly apart, and the last one."""
        count = len(self._columns.steps)
        places = list(range(0, count, count // k or 1)) if k > 0 else list(range(count))
        if places and places[-1] != count - 1:
            places.append(count - 1)
        return SequenceData(self._columns.taken(places), self._names)

    def __iter__(self) -> Iterator[tuple[Step, tuple[Any, ...]]]:
        return self.items()

    def items(self) -> Iterator[tuple[Step, tuple[Any, ...]]]:
        """Yield each step with the tuple of its columns."""
        steps, columns = self.items_list()
        return zip(steps, zip(*columns, strict=True), strict=True)

    def items_list(self) -> tuple[list[Step], list[list[Any]]]:
        """Return the steps, and a list of each column."""
        return self.indices_list(), self.values_list()

    def indices_list(self) -> list[Step]:
        """Return the steps."""
        return list(self._columns.steps)

    indices = indices_list

    def values_list(self) -> list[list[Any]]:
        """Return a list of each column."""
        return [column.values_list() for column in self._all()]

    def values(self) -> Iterator[tuple[Any, ...]]:
        """Yield the tuple of each place's columns."""
        return zip(*self.values_list(), strict=True)

    def numpy(self) -> tuple[NDArray[Any], list[NDArray[Any]]]:
        """Return the steps as an array, and an array of each column."""
        return np.array(self._columns.steps), [column.values_numpy() for column in self._all()]

    def _all(self) -> list[Values]:
        columns = self._columns
        all_of_them = {
            "val": Values(columns.steps, columns.values, columns.made),
            "epoch": Values(columns.steps, columns.epochs),
            "time": Values(columns.steps, columns.times),
        }
        return [all_of_them[name] for name in self._names]
