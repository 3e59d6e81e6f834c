"""A segment of few events, written whole.

What is said of a run by whoever is not its training stands in such a segment, in the run's folder.
Its name can follow from what it says, so that nothing is said twice, whoever is killed meanwhile.
"""

from __future__ import annotations

import os
import threading
import time

import msgspec

from foldline.cell import Header
from foldline.disk import private, sync_folder
from foldline.events import Event, encode
from foldline.layout import Layout, Marker, SegmentName
from foldline.segment import Segment, open_file

__all__ = ["mark", "state"]


def state(
    layout: Layout,
    name: SegmentName,
    *events: Event,
    earliest: float = 0.0,
    durable: bool = False,
) -> SegmentName:
    """Write a segment of these events, whose times are not before `earliest`.

    With `durable` it is on the disk, and under its name, on return. Raises OSError.
    """
    path = layout.segment(name)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    first, *others = events
    header = Header(name.run, name.writer, time.time_ns(), int.from_bytes(os.urandom(8), "little"))
    file = open_file(draft, buffered=True)
    try:
        segment = Segment(
            file,
            header,
            (first.TYPE, encode(first)),
            lock=threading.RLock(),
            clock=lambda: max(time.time(), earliest),
        )
        for event in others:
            segment.append_event(event.TYPE, encode(event))
        segment.close(durable=durable)
    except OSError:
        if file.descriptor >= 0:
            file.close()
        draft.unlink()
        raise
    draft.replace(path)
    if durable:
        sync_folder(path.parent)
    return name


def mark(layout: Layout, name: SegmentName) -> None:
    """Leave a marker of a segment, so that whoever folds the store finds it at once."""
    marker = Marker(os.uname().nodename, os.getpid())
    with open(layout.marker(name), "wb", opener=private) as file:
        file.write(msgspec.json.encode(marker))
