"""One process's append-only file of a run.

`SEGMENT.md` describes its bytes. Points are appended by `segment.write(cell)` from any thread,
without a lock; everything else goes through `lock`, which the segment shares with its owner, and
`_tending`, which whoever seals windows holds. Who needs both takes `_tending` first.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time as clock_module
from collections.abc import Callable

from .buffered import BufferedFile
from .cell import (
    BLOCK_BYTES,
    CELL_BYTES,
    HEADER_BYTES,
    POINT,
    EventHead,
    Header,
    encode_event,
    encode_header,
    encode_seal,
    padded,
)
from .disk import sync_file
from .mapped import MappedFile
from .window import WINDOW_BYTES_FIRST, Window, window_bytes

__all__ = ["EVENT_PAYLOAD_BYTES_MAX", "Segment", "open_file"]

EVENT_PAYLOAD_BYTES_MAX = 16 * 1024 * 1024  # an event is copied in one go, in the caller's time
FULL_WINDOWS_MAX = 4  # more wait for the background thread only if it doesn't run: then seal here
CLOSE_WAIT_S = 20.0  # a hung network disk must not keep a finished training from ending
TOUCH_BYTES = 256 * 1024  # 64 page faults, 0.2 ms: how long a page-in may keep the interpreter

GIL = getattr(sys, "_is_gil_enabled", lambda: True)()


class Segment:
    """An open segment; made with its header and its first event, WriterOpened, in place."""

    def __init__(
        self,
        file: MappedFile | BufferedFile,
        header: Header,
        opened: tuple[int, bytes],
        *,
        lock: threading.RLock,
        clock: Callable[[], float] = clock_module.time,
    ) -> None:
        """Start the file; `opened` is the type and the payload of the first event.

        Raises OSError if there is no room.
        """
        self.file = file
        self.salt = header.salt
        self.lock = lock
        self.closed = False
        self.lost = 0  # points that `close` found no room for
        self._clock = clock
        self._tending = threading.RLock()
        self._full: list[Window] = []  # waiting for their seals, oldest first
        self._next: Window | None = None  # prepared by `tend`
        self._unsure = False  # after a failed sync: the system may have dropped what it held
        self._seq = 0
        self._event_time = 0.0
        self._window = file.window(0, WINDOW_BYTES_FIRST, clock(), self.salt)
        # The header goes in last: before it is there, nobody takes the file for a segment.
        self._window.memory.seek(HEADER_BYTES)
        self.append_event(*opened)
        self._window.memory[:HEADER_BYTES] = encode_header(header)
        self.write: Callable[[bytes], object] = self._window.write if GIL else self._write_locked

    @property
    def position(self) -> int:
        """The offset in the file that the next cell goes to."""
        return self._window.start + self._window.used

    def append(self, cells: bytes) -> bool:
        """Append whole cells; say whether it took a new window, so that there is work to `tend`.

        Raises OSError if there is no room.
        """
        with self.lock:
            before = self._window
            while not self.closed:
                window = self._window
                try:
                    window.write(cells)
                except ValueError:
                    self._roll(window, len(cells))
                else:
                    return window is not before
            raise OSError(errno.EBADF, "the segment is closed")

    def append_event(self, number: int, payload: bytes) -> bool:
        """Append an event of type `number`; the result and the errors are those of `append`."""
        length = CELL_BYTES + padded(len(payload))
        with self.lock:
            before = self._window
            # A clock that is set back must not change the order of what one writer said.
            self._event_time = max(self._clock(), self._event_time)
            event = EventHead(number, self._seq, self._event_time, payload)
            while not self.closed:
                window = self._window
                at = window.used
                if at + length > window.limit:
                    self._roll(window, length)
                    continue
                data = encode_event(event, salt=self.salt, offset=window.start + at)
                try:
                    window.write(data)
                except ValueError:
                    continue  # points of other threads took the room
                self._seq += 1
                self._settle(window, event, data, at)
                return window is not before
            raise OSError(errno.EBADF, "the segment is closed")

    def _settle(self, window: Window, event: EventHead, data: bytes, at: int) -> None:
        """See to it that an event, meant for `at`, has the checksum of the place it came to."""
        end = window.used
        if end == at + len(data):
            return
        # Points of other threads went in before or after it. The checksum depends on the place,
        # so it may have to be made again; until then a reader takes the event for unfinished.
        found = window.memory.find(data, at, end)
        if found != at:
            offset = window.start + found
            window.memory[found : found + len(data)] = encode_event(
                event, salt=self.salt, offset=offset
            )

    def _write_locked(self, cells: bytes) -> None:
        with self.lock:
            self._window.write(cells)

    def _roll(self, full: Window, needed: int) -> None:
        """Put a window with room for `needed` bytes in the place of `full`."""
        following = self._take(needed)  # may fail: then points still go into what is left
        full.fill(self._clock(), salt=self.salt)
        self._full.append(full)
        self._window = following
        if GIL:
            self.write = following.write
        if len(self._full) > FULL_WINDOWS_MAX and self._tending.acquire(blocking=False):
            try:
                self._seal_full()
            finally:
                self._tending.release()

    def _take(self, needed: int) -> Window:
        prepared, self._next = self._next, None
        size = window_bytes(self._window.size, needed)
        if prepared is not None:
            if prepared.limit >= needed:
                return prepared
            self.file.discard(prepared)
        return self.file.window(self._window.end, size, self._clock(), self.salt)

    def tend(self) -> None:
        """Do what may take time: seal full windows, prepare the next, write what is buffered.

        The background thread calls this. Raises OSError; the next call tries again.
        """
        with self._tending:
            if self.closed:
                return
            prepared = self._prepare()
            self._seal_full()
            if self.file.buffered:
                self._keep(self._window)
        if prepared is not None:
            self._touch(prepared)

    def _prepare(self) -> Window | None:
        with self.lock:
            if self._next is not None or self.closed:
                return None
            size = window_bytes(self._window.size, 0)
            self._next = self.file.window(self._window.end, size, self._clock(), self.salt)
            return self._next

    def _touch(self, window: Window) -> None:
        for at in range(0, window.limit, TOUCH_BYTES):
            with self.lock:
                if self._next is not window:
                    return  # in use: its pages come as they are written
                window.touch(at, TOUCH_BYTES)
            clock_module.sleep(0)  # lets the training have the interpreter

    def _seal_full(self) -> None:
        while self._full:
            window = self._full[0]
            self._keep(window)
            self.file.patch(self._seals(window, window.limit), window.start + window.limit)
            with self.lock:
                self._full.pop(0)
            window.memory.close()

    def _seals(self, window: Window, used: int, *, last: bool = False) -> bytes:
        """Return the seals of a window's first `used` bytes, one for each block."""
        now = self._clock()
        seals = []
        for at in range(0, max(used, 1), BLOCK_BYTES):
            stop = min(at + BLOCK_BYTES, used)
            seals.append(
                encode_seal(
                    window.memory[at:stop],
                    salt=self.salt,
                    first=window.start + at,
                    last=last and stop == used,
                    time=now,
                )
            )
        return b"".join(seals)

    def _keep(self, window: Window) -> None:
        """Write what a window in memory holds and the file does not."""
        if not self.file.buffered:
            return
        with self.lock:  # no event may be seen before `_settle` is through with it
            used = window.used
            data = window.memory[window.kept : used]
        if data:
            self.file.patch(data, window.start + window.kept)
            window.kept = used

    def flush(self, *, durable: bool) -> None:
        """Hand everything to the system, and with `durable` to the disk.

        Raises OSError, and for durable flushes ever after a failed one: a second sync of the same
        file would succeed, and what the first one lost would still be lost.
        """
        with self._tending:
            if self.closed:
                return
            # Their seals too: without them a walk of a buffered file ends at the first hole.
            self._seal_full()
            with self.lock:  # or a window that fills up at this moment would be in neither place
                windows = [*self._full, self._window]
            for window in windows:
                self._keep(window)
            if not durable:
                return
            if self._unsure:
                raise OSError(errno.EIO, "an earlier flush to the disk failed")
            try:
                self.file.sync(windows)
            except OSError:
                self._unsure = True
                raise

    def close(self, *, durable: bool = False) -> None:
        """Seal the rest, mark the end and close the file. Raises OSError.

        A cell that another thread appends meanwhile is either in the file or refused.
        """
        if not self._tending.acquire(timeout=CLOSE_WAIT_S):
            raise OSError(errno.EBUSY, "a disk that does not answer holds the segment")
        try:
            with self.lock:
                self._close(durable=durable)
        finally:
            self._tending.release()

    def _close(self, *, durable: bool) -> None:
        if not self.closed:
            window = self._window
            used = window.fill(self._clock(), salt=self.salt, pad=False)
            self.closed = True
            try:
                self._seal_full()
                window.kept = min(window.kept, used)
                if self.file.buffered:
                    self.file.patch(window.memory[window.kept : used], window.start + window.kept)
                    window.kept = used
                seals = self._seals(window, used, last=True)
                self.file.patch(seals, window.start + used)
                self._unmap()
                self.file.end(window.start + used + len(seals))
                if durable:
                    sync_file(self.file.descriptor)
            except OSError:
                self.lost = self._unwritten(used)
                raise
            finally:
                self.abandon()

    def _unwritten(self, used: int) -> int:
        """Count the points in memory that the file did not take, all of the last write's too."""
        if not self.file.buffered:
            return 0
        ends = [(window, window.limit) for window in self._full] + [(self._window, used)]
        return sum(
            window.memory[window.kept : end : CELL_BYTES].count(POINT)
            for window, end in ends
            if window.kept < end  # one that is whole may be closed already
        )

    def abandon(self) -> None:
        """Let go of the file as it stands: after a fork it is the parent's."""
        self.closed = True
        self._unmap()
        if self.file.descriptor >= 0:
            self.file.close()
            self.file.descriptor = -1

    def _unmap(self) -> None:
        for window in (*self._full, self._window, self._next):
            if window is not None:
                window.memory.close()


def open_file(path: str | os.PathLike[str], *, buffered: bool) -> MappedFile | BufferedFile:
    """Create a segment's file, which must not exist yet. Raises OSError."""
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    return BufferedFile(descriptor) if buffered else MappedFile(descriptor)
