"""What a training script holds: one run.

`track` is the only call that has to be fast. For a plain number and a series that it has seen, it
is a dictionary access, a pack and a copy into mapped memory; everything else takes the slow path.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from struct import Struct
from struct import error as StructError  # noqa: N812  # what it is, beside other errors
from time import time as now
from types import EllipsisType, TracebackType
from typing import Any, Self

from . import origin, params, process
from .cell import FLAG_AUTO_STEP, FLAG_FLOAT_STEP, POINT, POINT_FLOAT, POINT_INT
from .errors import FoldlineError, ValueRejected
from .events import (
    Event,
    FieldsSet,
    ParamsRemoved,
    ParamsSet,
    PointsDropped,
    PointTracked,
    SeriesDefined,
    TagsChanged,
    WriterClosed,
)
from .ids import new_id, run_id
from .layout import Layout, store_path
from .notices import Notices
from .scalars import epoch_of, scalar, step_of
from .series import SERIES_MAX, Series, SeriesBook
from .version import VERSION
from .writer import Writer

__all__ = ["Run"]

NAME_CHARS_MAX = 1_024  # of a metric; a longer one is a value in the wrong place
TAG_CHARS_MAX = 256

Key = str | int | tuple[str | int, ...] | EllipsisType

# A point with an int step, its first eight bytes ready-made: see Series.head.
_pack = Struct("<Qdqd").pack


class Run:
    """One run of an experiment, and this process's part in it.

    `run_hash` or `id` joins a run that exists, or names a new one; so does FOLDLINE_RUN, which
    lets many processes write one run. Without any of them a new run begins. `store` is a folder:
    FOLDLINE_STORE, else `./.foldline`.

    No call raises into a training, and none waits for the disk. What can't be kept is counted and
    warned about once. FOLDLINE_MODE=strict makes it an error, FOLDLINE_MODE=disabled makes every
    call do nothing.
    """

    def __init__(
        self,
        run_hash: str | None = None,
        *,
        experiment: str | None = None,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
        description: str | None = None,
        notes: str | None = None,
        store: str | os.PathLike[str] | None = None,
        repo: str | os.PathLike[str] | None = None,
        id: str | None = None,
    ) -> None:
        """Begin a run, or join one; `repo` is Aim's word for `store`.

        Raises errors.StoreUnwritable or errors.StoreTooNew in strict mode alone.
        """
        mode = os.environ.get("FOLDLINE_MODE", "")
        chosen = id or run_hash or os.environ.get("FOLDLINE_RUN")
        self.id = run_id(chosen) if chosen else new_id()
        self._disabled = mode == "disabled"
        self._notices = Notices(strict=mode == "strict")
        self._fields: dict[str, str | bool | None] = {}
        self._params: dict[str, Any] = {}
        self._tags: list[str] = []
        self._book = SeriesBook()
        self._plain = self._book.plain
        self._known = self._book.known
        self._lock = threading.RLock()
        self._thread = threading.get_ident()
        self._failure: WriterClosed | None = None
        self._exit: tuple[int, WriterClosed] | None = None
        self._rejected = 0
        self._writer = Writer(
            Layout(store_path(store or repo)),
            self.id,
            opened=lambda: origin.opened(VERSION),
            notices=self._notices,
            buffered=_buffered(),
        )
        if not self._disabled:
            process.watch(self)
            self._writer.open()
        given = {
            "experiment": experiment,
            "name": name,
            "description": description,
            "notes": notes,
        }
        self._set_fields({key: value for key, value in given.items() if value is not None})
        if params:
            self[...] = params
        if tags:
            self.add_tag(*tags)

    # ----------------------------------------------------------------------------- points

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

        `value` is anything that is one number. Without `step` the series counts, on from its
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
                    series.top = max(series.top, step)
                    cell = _pack(series.head, value, step, now())
                elif step is None:
                    series.top = at = series.top + 1
                    cell = _pack(series.auto_head, value, at, now())
                else:
                    raise KeyError
            except (KeyError, TypeError, AttributeError, StructError):
                pass  # a new series, a step that is no int, a number that does not fit: below
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
        if self._disabled:
            return
        time = now()
        try:
            at = None if step is None else step_of(step)
        except ValueRejected as error:
            self._reject(name, error)
            return
        for path, leaf in _leaves(name, value):
            try:
                self._point(path, leaf, at, epoch, context, time)
            except ValueRejected as error:
                self._reject(path, error)
            except FoldlineError:
                raise  # strict mode: a disk that refuses
            except Exception as error:  # noqa: BLE001  # a training is worth more than a point of ours
                self._reject(path, ValueRejected(f"{type(error).__name__}: {error}"))

    def _point(
        self,
        name: str | None,
        value: Any,
        step: float | None,
        epoch: Any,
        context: dict[str, Any] | None,
        time: float,
    ) -> None:
        number = scalar(value)
        with self._lock:
            series = self._series(name, context)
            flags = 0
            if step is None:
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
            self._writer.point(pack(POINT, flags, at, series.number, number, step, time))

    def _series(self, name: str | None, context: dict[str, Any] | None) -> Series:
        """Return the series, defined in the log. Raises ValueRejected."""
        if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS_MAX:
            raise ValueRejected(
                f"name={str(name)[:80]!r} is no name of a metric",
                hint='run.track(value, name="loss") or run.track({"loss": value})',
            )
        if context is not None and not isinstance(context, dict):
            raise ValueRejected(
                f"context={str(context)[:80]!r} is not a dict",
                hint='context={"subset": "train"}',
            )
        clean = params.plain(name)
        tree = params.plain(context or {})
        assert isinstance(clean, str) and isinstance(tree, dict)  # as str and dict go in
        series = self._book.find(clean, tree)
        if series is None:
            if len(self._book) >= SERIES_MAX:
                raise ValueRejected(
                    f"a process tracks at most {SERIES_MAX} series",
                    hint="put what varies without end into the step, not the name",
                )
            series = self._book.add(clean, tree)
        if not series.defined:
            self._writer.event(SeriesDefined(series.number, clean, tree))
            series.defined = True
        # While its definition waits for the disk, the points must wait behind it.
        if not self._writer.behind and clean == name:
            self._book.remember(series, context)
        return series

    def _reject(self, name: str | None, error: ValueRejected) -> None:
        self._rejected += 1
        where = f"track({name!r}): " if name is not None else "track: "
        self._notices.give(
            f"track {name}",
            ValueRejected(f"{where}{error.message}; it is not kept", hint=error.hint),
        )

    @property
    def dropped(self) -> int:
        """How many points `track` was given and could not keep."""
        return self._rejected + self._writer.dropped_total

    # --------------------------------------------------------------------------- settings

    def __setitem__(self, key: Key, value: Any) -> None:
        """Set a setting or a tree of them; `run[...] = {...}` replaces all."""
        try:
            path = params.path_of(key)
            tree = params.plain(value)
            if not path and not isinstance(tree, dict):
                raise ValueRejected(
                    f"run[...] takes a dict, not a {type(value).__name__}",
                    hint='run[...] = {"lr": 0.1}',
                )
        except ValueRejected as error:
            self._notices.give(f"key {key!r}", error)
            return
        with self._lock:
            if path:
                params.assign(self._params, path, tree)
            elif isinstance(tree, dict):
                self._params = dict(tree)
            self._emit(ParamsSet(path, tree))

    def __getitem__(self, key: Key) -> Any:
        """Return a setting of this process, as it was kept. Raises KeyError."""
        try:
            return params.lookup(self._params, params.path_of(key))
        except ValueRejected as error:
            raise KeyError(key) from error

    def __delitem__(self, key: Key) -> None:
        """Remove a setting and everything below it. Raises KeyError if this process has none."""
        with self._lock:
            try:
                path = params.path_of(key)
            except ValueRejected as error:
                raise KeyError(key) from error
            if path:
                params.remove(self._params, path)
            else:
                self._params = {}
            self._emit(ParamsRemoved(path) if path else ParamsSet([], {}))

    def __contains__(self, key: Key) -> bool:
        """Say whether this process set the setting."""
        try:
            self[key]
        except KeyError:
            return False
        return True

    def get(self, key: Key, default: Any = None) -> Any:
        """Return a setting of this process, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def set(self, key: Key, value: Any, strict: bool = True) -> None:
        """Set a setting, as `run[key] = value` does; `strict` is Aim's, and nothing is refused."""
        del strict
        self[key] = value

    # ------------------------------------------------------------------------------- words

    def add_tag(self, *tags: str) -> None:
        """Put tags on the run."""
        self._change_tags(tags, put=True)

    def remove_tag(self, *tags: str) -> None:
        """Take tags off the run."""
        self._change_tags(tags, put=False)

    def _change_tags(self, tags: Iterable[str], *, put: bool) -> None:
        words = [tag for tag in map(params.plain, tags) if isinstance(tag, str)]
        words = [tag[:TAG_CHARS_MAX] for tag in words if tag]
        with self._lock:
            self._tags = [tag for tag in self._tags if tag not in words]
            if put:
                self._tags += dict.fromkeys(words)
            self._emit(TagsChanged(added=words) if put else TagsChanged(removed=words))

    @property
    def tags(self) -> list[str]:
        """The tags that this process put on the run."""
        return list(self._tags)

    @property
    def name(self) -> str | None:
        """The run's name, if this process gave it one."""
        return self._word("name")

    @name.setter
    def name(self, value: str | None) -> None:
        self._set_fields({"name": value})

    @property
    def experiment(self) -> str | None:
        """The experiment that the run belongs to."""
        return self._word("experiment")

    @experiment.setter
    def experiment(self, value: str | None) -> None:
        self._set_fields({"experiment": value})

    @property
    def description(self) -> str | None:
        """What the run is about, in a line."""
        return self._word("description")

    @description.setter
    def description(self, value: str | None) -> None:
        self._set_fields({"description": value})

    @property
    def notes(self) -> str | None:
        """What there is to say about the run, at any length."""
        return self._word("notes")

    @notes.setter
    def notes(self, value: str | None) -> None:
        self._set_fields({"notes": value})

    @property
    def archived(self) -> bool:
        """Whether the run is put away: it is listed only when asked for."""
        return self._fields.get("archived") is True

    @archived.setter
    def archived(self, value: bool) -> None:
        self._set_fields({"archived": bool(value)})

    @property
    def hash(self) -> str:
        """The run's id, by the name that Aim gives it."""
        return self.id

    def _word(self, field: str) -> str | None:
        value = self._fields.get(field)
        return value if isinstance(value, str) else None

    def _set_fields(self, fields: Mapping[str, Any]) -> None:
        clean: dict[str, str | bool | None] = {}
        for field, value in fields.items():
            kept = params.plain(value)
            clean[field] = kept if isinstance(kept, str | bool | None) else str(kept)
        if clean:
            with self._lock:
                self._fields.update(clean)
                self._emit(FieldsSet(clean))

    def _emit(self, event: Event) -> None:
        if not self._disabled:
            self._writer.event(event)

    # ------------------------------------------------------------------------------ ending

    def flush(self, *, durable: bool = False) -> bool:
        """Hand over what was logged: to the system, or with `durable` to the disk, and wait.

        Returns whether all of it is there; after a durable flush it survives a loss of power.
        """
        return self._disabled or self._writer.flush(durable=durable)

    def finish(self, status: str = "finished") -> None:
        """End this process's part in the run, as "finished" or "failed"."""
        if status not in ("finished", "failed"):
            self._notices.give(
                "status",
                ValueRejected(f"{status!r} is no way to end", hint='"finished" or "failed"'),
            )
            status = "failed"
        self.end(WriterClosed(status))

    def close(self) -> None:
        """End this process's part in the run; the same as `finish()`."""
        self.end(WriterClosed("finished"))

    def __enter__(self) -> Self:
        """Return the run, which the end of the `with` block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the run: failed if an exception ends the block, which then goes on its way."""
        self.end(process.closed_by(error))

    def __del__(self) -> None:
        """End a run that nobody holds any more, as a notebook's cell that is run again leaves."""
        if hasattr(self, "_writer"):
            self.end()

    def end(self, closed: WriterClosed | None = None) -> None:
        """End the run in the way that is known best, unless it was ended before."""
        if self._disabled or self._writer.closed:
            return
        with self._lock:
            if self._rejected and not self._writer.closed:
                told = PointsDropped(self._rejected, "values that are not numbers")
                self._writer.event(told)
            if closed is None:
                closed = self._failure or WriterClosed("finished")
                # A SystemExit that was caught ended nothing: the run has gone on since.
                if self._exit is not None and self._exit[0] == self._position():
                    closed = self._exit[1]
            self._writer.close(closed)

    def note_failure(self, thread: int, error: BaseException) -> None:
        """Remember that `error` ended the thread which began this run."""
        if thread == self._thread:
            self._failure = process.closed_by(error)

    def note_exit(self, code: object) -> None:
        """Remember that `sys.exit(code)` was called, and how far the run had come."""
        self._exit = (self._position(), process.closed_by_code(code))

    def _position(self) -> int:
        segment = self._writer.segment
        return segment.position if segment is not None else 0

    def after_fork(self) -> None:
        """Go on in a forked child with a segment of its own, opened by its first call."""
        self._lock = threading.RLock()  # may be held by a thread that is not in this process
        self._book.forget()
        self._rejected = 0
        self._failure = self._exit = None
        self._writer.after_fork()

    def __reduce__(self) -> tuple[Any, ...]:
        """Join the same run where this object is unpickled: a spawned worker, another node."""
        return (_join, (self.id, str(self._writer.layout.root)))

    def __repr__(self) -> str:
        """Show the run's id and store."""
        return f"foldline.Run(id={self.id!r}, store={str(self._writer.layout.root)!r})"


def _join(run: str, store: str) -> Run:
    return Run(run, store=store)


def _buffered() -> bool | None:
    """Return which writer FOLDLINE_WRITER asks for; None leaves it to the file system."""
    if not hasattr(os, "posix_fallocate") and os.name == "nt":
        return True
    return {"mapped": False, "buffered": True}.get(os.environ.get("FOLDLINE_WRITER", ""))


def _leaves(name: str | None, value: Any) -> list[tuple[str | None, Any]]:
    """Return the names and values that one call tracks; names of nested dicts join with `/`."""
    if not isinstance(value, Mapping):
        return [(name, value)]
    leaves: list[tuple[str | None, Any]] = []
    for key, below in value.items():
        path = str(key) if name is None else f"{name}/{key}"
        leaves += _leaves(path, below)
    return leaves
