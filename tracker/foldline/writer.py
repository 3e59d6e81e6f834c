"""What this process writes of a run, whatever happens.

A writer opens its segment, and has another one after a fork. If the disk refuses, points are
counted and dropped, events wait in memory, and it is tried again at a bounded rate.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable

from .cell import Header
from .disk import sync_folder
from .errors import FoldlineError, StoreUnwritable
from .events import Event, PointsDropped, WriterClosed, WriterOpened, encode
from .ids import new_id
from .keeper import Keeper
from .layout import Layout, Marker, SegmentName
from .mounts import maps_safely
from .notices import Notices
from .presence import Presence
from .segment import EVENT_PAYLOAD_BYTES_MAX, Segment, open_file

__all__ = ["Writer"]

RETRY_INTERVAL_S = 1.0  # between two tries at a disk that refused; each may take milliseconds
EVENTS_HELD_MAX = 10_000  # kept in memory while the disk refuses; settings are few
LATE_MAX = 10_000  # from signal handlers that interrupted a slow path; drained within it

KEEPER = Keeper()


class _Refusal:
    """Stands for a segment that is not open: sends `track` down its slow path."""

    def write(self, cells: bytes) -> object:
        """Refuse, as a full window does."""
        raise ValueError("no segment is open")


class Writer:
    """Writes one run's events and points for this process, and never raises for the disk."""

    def __init__(
        self,
        layout: Layout,
        run: str,
        *,
        opened: Callable[[], WriterOpened],
        notices: Notices,
        buffered: bool | None = None,
    ) -> None:
        self.layout = layout
        self.run = run
        self.writer = ""
        self.notices = notices
        self.dropped = 0  # points that were not kept and are not told of in the log yet
        self.dropped_total = 0
        self.closed = False
        self.sink: Segment | _Refusal = _Refusal()
        self._opened = opened
        self.buffered = buffered
        self._lock = threading.RLock()
        self._busy = False
        self._late: list[bytes | Event] = []
        self._held: list[Event] = []
        self._segment: Segment | None = None
        self._presence: Presence | None = None
        self._retry_at = 0.0  # monotonic; no try before it
        self._reason = ""
        self._named = False  # whether the segment's name is durable

    @property
    def behind(self) -> bool:
        """Whether events wait in memory, so that no point may overtake them."""
        return bool(self._held)

    @property
    def segment(self) -> Segment | None:
        """The open segment, if there is one."""
        return self._segment

    def open(self) -> None:
        """Open the segment now, instead of with the first point or event.

        Raises FoldlineError in strict mode alone.
        """
        try:
            self._exclusively(self._ready)
        except FoldlineError:  # strict mode: there will be no run to write for
            self.closed = True
            raise

    def point(self, cell: bytes) -> None:
        """Append a point that `sink.write` refused, or count it as dropped."""
        self._enter(cell)

    def event(self, event: Event) -> None:
        """Append an event, now or as soon as the disk allows."""
        self._enter(event)

    def _enter(self, item: bytes | Event) -> None:
        if self.closed:
            # No lock from here on: at the interpreter's end a thread may be gone and hold it.
            self._late_call()
            self._count(1)
            return
        with self._lock:
            if self._busy:
                # A signal handler interrupted the slow path in this very thread: what it logs is
                # appended by the interrupted call, before that returns.
                if len(self._late) < LATE_MAX:
                    self._late.append(item)
                else:
                    self._count(1)
                return
        self._exclusively(lambda: self._put(item))

    def _exclusively(self, action: Callable[[], object]) -> None:
        with self._lock:
            if self._busy:
                return
            self._busy = True
            try:
                action()
                while self._late:
                    self._put(self._late.pop(0))
            finally:
                self._busy = False

    def _put(self, item: bytes | Event) -> None:
        if isinstance(item, bytes):
            self._put_point(item)
        else:
            self._put_event(item)

    def _put_point(self, cell: bytes) -> None:
        segment = self._ready()
        if segment is None:
            self._count(1)
            if self.closed:  # since this thread looked
                self._late_call()
            return
        try:
            if segment.append(cell):
                KEEPER.ring()
        except OSError as error:
            self._refused(error)
            self._count(1)

    def _put_event(self, event: Event) -> None:
        payload = encode(event)
        if len(payload) > EVENT_PAYLOAD_BYTES_MAX:
            self.notices.give(
                "event size",
                FoldlineError(
                    f"{type(event).__name__} of {len(payload)} bytes was not kept: the limit is "
                    f"{EVENT_PAYLOAD_BYTES_MAX}",
                    hint="keep large values in files of their own",
                ),
            )
            return
        segment = self._ready()
        if segment is not None:
            try:
                if segment.append_event(event.TYPE, payload):
                    KEEPER.ring()
            except OSError as error:
                self._refused(error)
            else:
                return
        if len(self._held) < EVENTS_HELD_MAX:
            self._held.append(event)
        else:
            self._count(1)

    def _ready(self) -> Segment | None:
        """Return the segment if it can be written to; open it, or catch up, if it is time to."""
        if self.closed:
            return None
        trouble = self._segment is None or self._held or self.dropped
        if not trouble:
            return self._segment
        if time.monotonic() < self._retry_at:
            return None
        try:
            segment = self._segment or self._open()
            self._catch_up(segment)
        except OSError as error:
            self._refused(error)
        except StoreUnwritable as error:
            cause = error.__cause__
            self._refused(cause if isinstance(cause, OSError) else OSError(0, error.message))
        except FoldlineError as error:  # a store of a newer version: no retry will help
            self._retry_at = math.inf
            self.notices.give("store", error)
        else:
            return segment
        return None

    def _catch_up(self, segment: Segment) -> None:
        """Append what waited for the disk: events first, as points may need their series."""
        while self._held:
            segment.append_event(self._held[0].TYPE, encode(self._held[0]))
            self._held.pop(0)
        if self.dropped:
            told = PointsDropped(self.dropped, self._reason or "the store could not be written")
            segment.append_event(told.TYPE, encode(told))
            self.dropped -= told.count
            self.notices.forget("disk")

    def _open(self) -> Segment:
        self.layout.create()
        self.writer = new_id()
        self._named = False
        name = SegmentName(self.run, self.writer)
        opened = self._opened()
        path = self.layout.segment(name)
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        buffered = not maps_safely(path.parent) if self.buffered is None else self.buffered
        presence = Presence(self.layout, name, Marker(opened.host, opened.pid))
        try:
            file = open_file(path, buffered=buffered)
            try:
                segment = Segment(
                    file,
                    Header(self.run, self.writer, time.time_ns(), _salt()),
                    (opened.TYPE, encode(opened)),
                    lock=self._lock,
                )
            except OSError:
                file.close()
                path.unlink(missing_ok=True)
                raise
        except OSError:
            presence.withdraw()
            raise
        self._presence, self._segment, self.sink = presence, segment, segment
        KEEPER.add(segment, presence)
        return segment

    def _refused(self, error: OSError) -> None:
        self._retry_at = time.monotonic() + RETRY_INTERVAL_S
        self._reason = error.strerror or str(error)
        self.notices.give(
            "disk",
            StoreUnwritable(
                f"the store {self.layout.root} can't be written: {self._reason}; points are "
                "dropped and counted until it can, and the training goes on",
                hint="free some space, or choose another folder with store= or FOLDLINE_STORE",
            ),
        )

    def _late_call(self) -> None:
        self.notices.give(
            "finished",
            FoldlineError(
                f"the run {self.run} is finished here: what was logged after that is not kept",
                hint=f"foldline.Run(id={self.run!r}) joins it again",
            ),
        )

    def _count(self, points: int) -> None:
        self.dropped += points
        self.dropped_total += points

    def flush(self, *, durable: bool) -> bool:
        """Hand everything to the system, with `durable` to the disk; say whether all went well."""
        with self._lock:
            self._exclusively(self._ready)
            segment = self._segment
        if segment is None:
            return False
        try:
            segment.flush(durable=durable)
            if durable and not self._named:
                path = self.layout.segment(SegmentName(self.run, self.writer))
                for folder in (*path.parents[:3], self.layout.root):
                    sync_folder(folder)  # or the file would be there, and under no name
                self._named = True
        except OSError as error:
            self._refused(error)
            return False
        return not self.dropped and not self._held

    def close(self, closed: WriterClosed) -> None:
        """Say how the process ended its writing, seal the segment and let go of it."""
        with self._lock:
            if self.closed:
                return
            if self._retry_at < math.inf:
                self._retry_at = 0.0
            try:
                if self._segment is not None or self._held or self.dropped:
                    self._exclusively(lambda: self._put_event(closed))
            finally:
                self.closed = True
            segment, self._segment = self._segment, None
            self.sink = _Refusal()
        # Outside the lock: closing takes the segment's own locks in their order.
        try:
            if segment is not None:
                segment.close()
        except OSError as error:
            self._refused(error)
            self._count(segment.lost if segment is not None else 0)
        finally:
            if self._presence is not None:
                self._presence.leave()
            KEEPER.ring()

    def after_fork(self) -> None:
        """Leave the parent's segment alone; the first point or event here opens another."""
        self._lock = threading.RLock()  # another thread may have held it: it is not in this process
        self._busy = False
        self._late.clear()
        self._held.clear()
        self.dropped = self.dropped_total = 0
        self._retry_at = 0.0
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None
        if self._presence is not None:
            self._presence.leave()
            self._presence = None
        self.sink = _Refusal()


def _salt() -> int:
    return int.from_bytes(os.urandom(8), "little")
