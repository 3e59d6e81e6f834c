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
from foldline.ids import new_id
from foldline.layout import Layout, SegmentName
from foldline.segment import Segment, open_file

__all__ = ["bury"]


def bury(layout: Layout, lost: SegmentName, last_seen: float) -> SegmentName:
    """Log that the writer of `lost` is gone, and return the segment that says so.

    `last_seen` is the unix time of the last thing it wrote. Raises OSError if there is no room.
    """
    name = SegmentName(lost.run, new_id())
    event = WriterLost(lost.writer, last_seen)
    header = Header(name.run, name.writer, time.time_ns(), int.from_bytes(os.urandom(8), "little"))
    file = open_file(layout.segment(name), buffered=True)
    segment = Segment(file, header, (event.TYPE, encode(event)), lock=threading.RLock())
    segment.close()
    return name
