"""Values that are no numbers, on their way.

The caller's thread copies the raw bytes into the spool, and returns. A thread in the background
encodes them, keeps them as blobs, and logs the event. What is small and needs no work is logged at
once.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from itertools import count as counting
from pathlib import Path
from typing import Any

from . import spool
from .backlog import Backlog
from .errors import FoldlineError, StoreUnwritable, ValueRejected
from .events import PointsDropped, ValuesTracked
from .notices import Notices
from .scalars import epoch_of
from .series import SERIES_MAX, Series, sequence_label
from .tracking import Tracking
from .values.value import Raw, Tracked
from .writer import Writer

__all__ = ["Keeping"]

LIGHT_BYTES_MAX = 16_384  # of raw bytes that are encoded in the caller's time: some 100 µs
VALUES_MAX = 1_000  # of one event, so that it stays within its bound; a longer list is several

_NO_DISK = "the store could not be written"


class Keeping(Tracking):
    """The part of a run that takes images, texts, tables and the like."""

    def __init__(self, notices: Notices, writer: Writer, *, disabled: bool) -> None:
        super().__init__(notices, writer, disabled=disabled)
        self._backlog = Backlog()
        self._numbers = counting()
        self._lost: dict[str, int] = {}  # values that were not kept, by the reason

    def _keep(
        self,
        values: list[Tracked],
        name: str | None,
        step: float | None,
        epoch: Any,
        context: dict[str, Any] | None,
        time: float,
    ) -> None:
        if self._writer.closed:
            self._writer.event(PointsDropped(len(values), ""))  # which says so, and is not kept
            return
        kinds = {value.KIND for value in values}
        if len(kinds) > 1:
            raise ValueRejected(
                f"a list of {' and '.join(sorted(kinds))} values is no sequence",
                hint="track each kind under a name of its own",
            )
        raws = []
        for value in values:
            try:
                raws.append(value.raw())
            except ValueRejected as error:  # the others are kept all the same
                self._reject(name, error)
        if not raws:
            return
        (kind,) = kinds
        with self._lock:
            sequence, event_name = self._counter(kind, name, context)
            if step is None:
                self._steps.settle(sequence)
                sequence.top = step = sequence.top + 1
            else:
                sequence.reach(step)
        at = None
        if epoch is not None:
            try:
                at = float(epoch_of(epoch))
            except ValueRejected as error:
                self._notices.give(f"epoch of {name}", error)  # the value itself is kept
        event = ValuesTracked(kind, event_name, step, time, [], sequence.context, at)
        for start in range(0, len(raws), VALUES_MAX):
            self._hand_over(event, raws[start : start + VALUES_MAX], values[0].LIGHT)

    def _counter(self, kind: str, name: Any, context: Any) -> tuple[Series, str]:
        """Return what counts a sequence's steps, and its name. Raises ValueRejected."""
        clean, tree = self._named(name, context)
        label = sequence_label(kind, clean)
        sequence = self._book.find(label, tree)
        if sequence is None:
            if len(self._book) >= SERIES_MAX:
                raise ValueRejected(
                    f"a process tracks at most {SERIES_MAX} series and sequences",
                    hint="put what varies without end into the step, not the name",
                )
            sequence = self._book.add(label, tree)
            self._steps.begin(sequence)
        return sequence, clean

    def _hand_over(self, event: ValuesTracked, raws: list[Raw], light: bool) -> None:
        try:
            call = spool.call_of(event, raws)
        except OSError as error:
            raise ValueRejected(f"its file can't be read: {error.strerror or error}") from error
        size = sum(sum(sizes) for _, sizes in call.values)
        files = any(isinstance(part, Path) for raw in raws for part in raw.parts)
        if light and not files and size <= LIGHT_BYTES_MAX:
            try:
                self._log(spool.encode(call, raws, _keep_nothing))
                return
            except spool.TooLarge:
                pass
        path = self._free_place()
        if path is None:
            self._lose(len(raws), _NO_DISK)
            return
        if self._backlog.full and not self._make_room(len(raws)):
            return
        try:
            try:
                written = spool.write(path, call, raws)
            except FileNotFoundError:  # the folder, before the first value
                path.parent.mkdir(mode=0o700, exist_ok=True)
                written = spool.write(path, call, raws)
        except OSError as error:
            self._refused(error)
            self._lose(len(raws), _NO_DISK)
            return
        if self._notices.strict:  # what is wrong is to be raised from this very call
            self._encode(path, event.name, len(raws))
        else:
            self._backlog.add(partial(self._encode, path, event.name, len(raws)), written)

    def _free_place(self) -> Path | None:
        """Return a name for a file of the spool, or None if the store can't be written."""
        if self._writer.segment is None:
            self._writer.open()  # its name is needed: in a forked child there is another
            if self._writer.segment is None:
                return None
        name = f"{self._writer.run}.{self._writer.writer}.{next(self._numbers)}"
        return self._writer.layout.spool / name

    def _make_room(self, values: int) -> bool:
        if os.environ.get("FOLDLINE_VALUES") != "drop":
            if self._backlog.relieve():
                return True
            self._lose(values, _NO_DISK)
            return False
        self._lose(values, "values that came faster than they could be kept")
        self._notices.give(
            "outrun",
            FoldlineError(
                "values come faster than they can be kept: some are dropped and counted, as "
                "FOLDLINE_VALUES=drop says",
                hint="track fewer or smaller ones, or unset FOLDLINE_VALUES to wait for them",
            ),
        )
        return False

    def _encode(self, path: Path, name: str, values: int) -> None:
        """Turn a file of the spool into an event. Raises StoreUnwritable or MemoryError."""
        try:
            call, raws = spool.read(path)
            outcome = spool.encode(call, raws, spool.keeper(self._writer.layout))
        except StoreUnwritable as error:
            self._notices.give("disk of values", error)
            raise
        except MemoryError:
            raise
        except FileNotFoundError:
            return  # who took this process for gone has finished it
        except Exception as error:  # noqa: BLE001  # whatever somebody did to the file
            _take_away(path)
            self._rejected += values - 1  # and one by `_reject`
            self._reject(name, ValueRejected(spool.reason_of(error)))
            return
        if self._writer.closed:
            return  # by a signal handler in the middle of this: the file is finished later
        try:
            self._log(outcome)
        finally:  # strict mode raises what is wrong when the event is logged
            _take_away(path)

    def _log(self, outcome: spool.Outcome) -> None:
        event = outcome.event
        if event.values:
            self._writer.event(event)
        for reason in outcome.refused:
            self._reject(event.name, ValueRejected(reason))
        for note in outcome.notes[:1]:
            self._notices.give(
                f"values of {event.name}",
                FoldlineError(f"track({event.name!r}): {note}; it is kept so"),
            )

    def _lose(self, values: int, reason: str) -> None:
        self._lost[reason] = self._lost.get(reason, 0) + values

    @property
    def dropped(self) -> int:
        """How many points and other values `track` was given and could not keep."""
        return super().dropped + sum(self._lost.values())

    def _refused(self, error: OSError) -> None:
        self._notices.give(
            "disk of values",
            StoreUnwritable(
                f"values can't be kept in {self._writer.layout.root}: {error.strerror or error}; "
                "they are dropped and counted until they can, and the training goes on",
                hint="free some space, or choose another folder with store= or FOLDLINE_STORE",
            ),
        )

    def _settle(self) -> bool:
        """Wait until what was tracked and logged as a file is kept; say whether it is."""
        return self._backlog.wait()

    def _forget(self) -> None:
        """Leave to the parent of a forked process what it tracked."""
        self._backlog.after_fork()
        self._lost.clear()

    def _tell_lost(self) -> None:
        """Log how many values were not kept, and why; what is in the spool may be kept later."""
        self._backlog.abandon()
        if self._rejected:
            self._writer.event(PointsDropped(self._rejected, "values that are not of their kind"))
        for reason, count in self._lost.items():
            self._writer.event(PointsDropped(count, reason))


def _take_away(path: Path) -> None:
    # Where the disk refuses even that, somebody finishes it later: told twice, it is read once.
    with suppress(OSError):
        path.unlink()


def _keep_nothing(data: bytes | memoryview) -> str:
    raise spool.TooLarge(len(data))
