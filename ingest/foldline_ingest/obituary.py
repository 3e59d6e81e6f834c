"""What is logged of a writer that ended without a word.

The views are a function of the log alone, so that a writer was found dead has to stand in the
log too: in a small segment of its own, sealed at once, in the run's folder.
"""

from __future__ import annotations

import os
import threading
import time

from foldline.cell import Header
from foldline.events import WriterLost, encode
from foldline.ids import run_id
from foldline.layout import Layout, SegmentName
from foldline.segment import Segment, open_file

__all__ = ["bury"]


def bury(layout: Layout, lost: SegmentName, last_seen: float) -> SegmentName:
    """Log that the writer of `lost` is gone, and return the segment that says so.

    `last_seen` is the unix time of the last thing it wrote. Said before, it is not said again:
    the segment's name follows from the writer's, and it appears whole or not at all. Only the
    holder of the lease may call this. Raises OSError if there is no room.
    """
    name = SegmentName(lost.run, run_id(f"lost {lost.writer}"))
    path = layout.segment(name)
    if path.exists():
        return name
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    event = WriterLost(lost.writer, last_seen)
    header = Header(name.run, name.writer, time.time_ns(), int.from_bytes(os.urandom(8), "little"))
    file = open_file(draft, buffered=True)
    try:
        segment = Segment(file, header, (event.TYPE, encode(event)), lock=threading.RLock())
        segment.close()
    except OSError:
        if file.descriptor >= 0:
            file.close()
        draft.unlink()
        raise
    draft.replace(path)
    return name
