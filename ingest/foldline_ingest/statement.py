"""A segment of one event, written whole or not at all.

What is said of a run by whoever is not its training stands in such a segment, in the run's folder.
Its name can follow from what it says, so that nothing is said twice, whoever is killed meanwhile.
"""

from __future__ import annotations

import os
import threading
import time

import msgspec

from foldline.cell import Header
from foldline.events import Event, encode
from foldline.layout import Layout, Marker, SegmentName
from foldline.segment import Segment, open_file

__all__ = ["mark", "state"]


def state(layout: Layout, name: SegmentName, event: Event, *, earliest: float = 0.0) -> SegmentName:
    """Write a segment of one event, whose time is not before `earliest`. Raises OSError."""
    path = layout.segment(name)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    header = Header(name.run, name.writer, time.time_ns(), int.from_bytes(os.urandom(8), "little"))
    file = open_file(draft, buffered=True)
    try:
        segment = Segment(
            file,
            header,
            (event.TYPE, encode(event)),
            lock=threading.RLock(),
            clock=lambda: max(time.time(), earliest),
        )
        segment.close()
    except OSError:
        if file.descriptor >= 0:
            file.close()
        draft.unlink()
        raise
    draft.replace(path)
    return name


def mark(layout: Layout, name: SegmentName) -> None:
    """Leave a marker of a segment, so that whoever folds the store finds it at once."""
    marker = Marker(os.uname().nodename, os.getpid())
    layout.marker(name).write_bytes(msgspec.json.encode(marker))
