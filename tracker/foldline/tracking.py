"""Points of a run, on their way into the log.

`track` is the only call that has to be fast. For a plain number and a series that it has seen, it
is a dictionary access, a pack and a copy into mapped memory; everything else takes the slow path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from time import time as now
from typing import Any

from .cell import FLAG_AUTO_STEP, FLAG_FLOAT_STEP, POINT, POINT_FLOAT, POINT_INT
from .errors import FoldlineError, ValueRejected
from .events import Event, PointTracked, SeriesDefined, StepsRewound
from .notices import Notices, shown
from .params import plain
from .scalars import epoch_of, scalar, step_of
from .segment import GIL
from .series import SERIES_MAX, Series, SeriesBook, typed_key
from .settings import Settings
from .steps import Steps
from .values.value import Tracked, tracked
from .writer import Writer

__all__ = ["Tracking", "leaves"]

NAME_CHARS_MAX = 1_024  # of a metric; a longer one is a value in the wrong place

LEVELS_MAX = 16  # of a dict of values: names of so many parts are an accident, or a circle

# A point with an int step, its first eight bytes ready-made: see Series.head.
_pack = Struct("<Qdqd").pack


class Tracking(Settings):
    """The part of a run that takes points."""

    def __init__(self, notices: Notices, writer: Writer, *, disabled: bool) -> None:
        super().__init__(notices)
        self._writer = writer
        self._disabled = disabled
        self._book = SeriesBook()
        self._plain = self._book.plain
        self._known = self._book.known
        self._steps = Steps()
        self._read_only = False
        self._rejected = 0

    def track(
        self,
        value: Any,
        name: str | None = None,
        step: Any = None,
        epoch: Any = None,
        *,
        context: dict[str, Any] | None = None,
    ) -> None:
        """Add a point to a series; a dict `{name: value}` adds one to each.

        `value` is anything that is one number, or an Image, a Text and the like, or a list of
        those, for a sequence. Without `step` the series counts, on from its
        largest step. `name` and `context` together are what a series is.
        """
        kind = type(value)
        if (kind is float or kind is int) and epoch is None:
            try:
                if context is None:
                    series = self._plain[name]  # type: ignore[index]  # None is a KeyError
                else:
                    series = self._known[name, *context.items()]
                if type(step) is int:
                    if step > series.top:  # noqa: PLR1730  # `max` is a call: a sixth of the whole
                        series.top = step
                    cell = _pack(series.head, value, step, now())
                elif step is None:
                    head = series.auto_head
                    # No call in here, so no other thread gets the interpreter in between.
                    series.top = at = series.top + 1
                    cell = _pack(head, value, at, now())
                else:
                    raise KeyError
            except Exception:  # noqa: BLE001, S110  # see below; a name's own `__hash__` may raise
                pass  # a new series, a step that is no int, a number that does not fit
            else:
                writer = self._writer
                try:
                    writer.sink.write(cell)
                except ValueError:
                    writer.point(cell)
                return
        self._track(value, name, step, epoch, context)

    def _track(
        self,
        value: Any,
        name: str | None,
        step: Any,
        epoch: Any,
        context: dict[str, Any] | None,
    ) -> None:
        """Track what the hot path has no room for: anything new, and anything that is wrong."""
        if self._ignores():
            return
        time = now()
        try:
            at = None if step is None else step_of(step)
        except ValueRejected as error:
            self._reject(name, error)
            return
        try:
            self._track_each(value, name, at, epoch, context, time)
        except FoldlineError:
            raise  # strict mode
        except Exception as error:  # noqa: BLE001  # training matters more
            self._reject(name, ValueRejected(f"{type(error).__name__}: {shown(error)}"))

    def _track_each(
        self,
        value: Any,
        name: str | None,
        at: Any,  # an int, a float or None
        epoch: Any,
        context: dict[str, Any] | None,
        time: float,
    ) -> None:
        if not hasattr(value, "items"):
            self._try_point(name, value, at, epoch, context, time)
            return
        for path, leaf in leaves(name, value):
            if epoch is None and type(at) is int and type(leaf) is float:
                series = self._seen(path, context)
                if series is not None:
                    series.reach(at)
                    self._append(_pack(series.head, leaf, at, time))
                    continue
            self._try_point(path, leaf, at, epoch, context, time)

    def _append(self, cell: bytes) -> None:
        """Append a point of a series that is defined in the log."""
        try:
            self._writer.sink.write(cell)
        except ValueError:  # the window is full
            self._writer.point(cell)

    def _try_point(
        self,
        name: str | None,
        value: Any,
        step: float | None,
        epoch: Any,
        context: dict[str, Any] | None,
        time: float,
    ) -> None:
        try:
            values = None if type(value) is float else tracked(value)
            if values is None:
                self._point(name, value, step, epoch, context, time)
            else:
                self._keep(values, name, step, epoch, context, time)
        except ValueRejected as error:
            self._reject(name, error)
        except FoldlineError:
            raise  # strict mode: a disk that refuses
        except Exception as error:  # noqa: BLE001  # training matters more
            self._reject(name, ValueRejected(f"{type(error).__name__}: {shown(error)}"))

    def _keep(
        self,
        values: list[Tracked],
        name: str | None,
        step: float | None,
        epoch: Any,
        context: dict[str, Any] | None,
        time: float,
    ) -> None:
        """Keep values that are no numbers. Raises ValueRejected."""
        raise NotImplementedError

    def _point(
        self,
        name: str | None,
        value: Any,
        step: float | None,
        epoch: Any,
        context: dict[str, Any] | None,
        time: float,
    ) -> None:
        number = value if type(value) is float else scalar(value)
        with self._lock:
            series = self._seen(name, context) or self._series(name, context)
            flags = 0
            if step is None:
                self._steps.settle(series)
                series.top = step = series.top + 1
                flags = FLAG_AUTO_STEP
            else:
                series.reach(step)
            at = 0
            if epoch is not None:
                try:
                    found = epoch_of(epoch)
                except ValueRejected as error:
                    self._notices.give(f"epoch of {name}", error)  # the point itself is kept
                else:
                    if isinstance(found, float):
                        self._writer.event(PointTracked(series.number, number, step, time, found))
                        return
                    at = found + 1
            pack = POINT_INT.pack if isinstance(step, int) else POINT_FLOAT.pack
            flags |= 0 if isinstance(step, int) else FLAG_FLOAT_STEP
            cell = pack(POINT, flags, at, series.number, number, step, time)
            if self._writer.behind:
                self._writer.point(cell)  # perhaps the series' definition waits for the disk
            else:
                self._append(cell)

    def _seen(self, name: Any, context: Any) -> Series | None:
        """Return the series if it was spelled like this before; then it is defined in the log."""
        try:
            if context is None:
                return self._plain.get(name)
            series = self._known.get((name, *context.items()))
            return series or self._book.typed.get(typed_key(name, context))
        except (TypeError, AttributeError):  # not hashable, or no dict: `_series` says which
            return None

    def _series(self, name: str | None, context: dict[str, Any] | None) -> Series:
        """Return the series, defined in the log. Raises ValueRejected."""
        clean, tree = self._named(name, context)
        series = self._book.find(clean, tree)
        if series is None:
            if len(self._book) >= SERIES_MAX:
                raise ValueRejected(
                    f"a process tracks at most {SERIES_MAX} series",
                    hint="put what varies without end into the step, not the name",
                )
            series = self._book.add(clean, tree)
            self._steps.begin(series)
        if not series.defined:
            self._writer.event(SeriesDefined(series.number, clean, tree))
            series.defined = True
        # Not while its definition waits for the disk; and without an interpreter lock the hot
        # path would count steps twice.
        if GIL and not self._writer.behind and clean == name:
            self._book.remember(series, context)
        return series

    def _named(self, name: Any, context: Any) -> tuple[str, dict[str, Any]]:
        """Return a name and a context as they are logged. Raises ValueRejected."""
        if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS_MAX:
            raise ValueRejected(
                f"name={shown(name)} is no name of a metric: a text of 1 to "
                f"{NAME_CHARS_MAX:,} characters",
                hint='run.track(value, name="loss") or run.track({"loss": value})',
            )
        if context is not None and not isinstance(context, dict):
            raise ValueRejected(
                f"context={shown(context)} is not a dict",
                hint='context={"subset": "train"}',
            )
        clean = plain(name)
        tree = plain(context or {})
        assert isinstance(clean, str) and isinstance(tree, dict)  # as str and dict go in
        return clean, tree

    def _reject(self, name: Any, error: FoldlineError) -> None:
        self._rejected += 1
        where = f"track({shown(name)}): " if name is not None else "track: "
        self._notices.give(
            f"track {name if type(name) is str else shown(name)}",
            ValueRejected(f"{where}{error.message}; it is not kept", hint=error.hint),
        )

    @property
    def dropped(self) -> int:
        """How many points `track` was given and could not keep."""
        return self._rejected + self._writer.dropped_total

    def rewind(self, step: float) -> None:
        """Hide the points after `step`, since the script goes back to it; the log keeps them.

        Steps that are counted go on behind it. Points of other processes are hidden too, as far
        as they were tracked before this call.
        """
        try:
            last = step_of(step)
        except ValueRejected as error:
            self._notices.give("rewind", ValueRejected(f"rewind: {error.message}", hint=error.hint))
            return
        with self._lock:
            self._emit(StepsRewound(last))
            self._steps.rewind(last, self._book)

    def _emit(self, event: Event) -> None:
        if not self._ignores():
            self._writer.event(event)

    def _ignores(self) -> bool:
        """Say whether nothing is logged; of a run that was opened to be read, it is told once."""
        if self._read_only:
            self._notices.give(
                "read_only",
                ValueRejected(
                    f"the run {self._writer.run} was opened with read_only=True: nothing is kept",
                    hint=f"foldline.Run(id={self._writer.run!r})",
                ),
            )
        return self._disabled


def leaves(
    name: str | None, value: Any, above: tuple[int, ...] = ()
) -> Iterator[tuple[str | None, Any]]:
    """Yield the names and values that one call tracks; names of nested dicts join with `/`."""
    if not isinstance(value, Mapping) or id(value) in above or len(above) >= LEVELS_MAX:
        yield name, value  # of a dict it will be said that it is no number
        return
    for key, below in value.items():
        path = str(key) if name is None else f"{name}/{key}"
        yield from leaves(path, below, (*above, id(value)))
