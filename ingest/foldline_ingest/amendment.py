"""What people change of a run, logged.

Nobody writes to another's segment, so each change is a small segment of its own in the run's
folder, whole and durable before it has its name.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

from foldline.cell import Header
from foldline.disk import sync_folder
from foldline.errors import StoreUnwritable
from foldline.events import Event, WriterClosed, WriterOpened, encode
from foldline.ids import new_id
from foldline.layout import Layout, Marker, SegmentName
from foldline.presence import Presence
from foldline.segment import Segment, open_file

__all__ = ["amend"]


def amend(layout: Layout, run: str, events: Sequence[Event], *, after: float = 0.0) -> SegmentName:
    """Log what somebody changed of a run, and return the segment that says so.

    It happens later than `after`, the time of what is changed: a training whose clock is ahead must
    not win over who corrects it. Raises StoreUnwritable.
    """
    name = SegmentName(run, new_id())
    host, pid = os.uname().nodename, os.getpid()
    opened = WriterOpened(host, pid, role="server")
    try:
        _write(layout, name, [opened, *events, WriterClosed("finished")], after)
        # Made last: a marker that is left by a crash would be looked at for ever.
        Presence(layout, name, Marker(host, pid)).leave()
    except OSError as error:
        raise StoreUnwritable(
            f"the change of the run {run} could not be kept: {error.strerror or error}",
            hint="free some space, or check who owns the store's folder",
        ) from error
    return name


def _write(layout: Layout, name: SegmentName, events: Sequence[Event], after: float) -> None:
    path = layout.segment(name)
    draft = path.with_suffix(".draft")
    header = Header(name.run, name.writer, time.time_ns(), int.from_bytes(os.urandom(8), "little"))
    opened, *others = events
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = open_file(draft, buffered=True)
    try:
        segment = Segment(
            file,
            header,
            (opened.TYPE, encode(opened)),
            lock=threading.RLock(),
            clock=lambda: max(time.time(), after + 1e-3),
        )
        for event in others:
            segment.append_event(event.TYPE, encode(event))
        segment.close(durable=True)
        draft.replace(path)
    except OSError:
        if file.descriptor >= 0:
            file.close()
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
