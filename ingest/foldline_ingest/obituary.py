"""What is logged of a writer that ended without a word.

The views are a function of the log alone, so that a writer was found dead has to stand in the
log too: in a small segment of its own, sealed at once, in the run's folder. So does that one on
another host was silent for too long, and that it was heard again, as often as that happens.
"""

from __future__ import annotations

import os
from contextlib import closing

from foldline import spool
from foldline.events import Event, WriterClosed, WriterFound, WriterLost, WriterOpened
from foldline.ids import run_id
from foldline.layout import Layout, SegmentName
from foldline.notices import Notices
from foldline.packs import is_there
from foldline.writer import Writer

from .log import LOST_S, Lost
from .reader import SegmentReader
from .statement import state

__all__ = ["bury", "find", "is_buried"]


def bury(layout: Layout, lost: Lost) -> list[SegmentName]:
    """Log that a writer is gone, and return the segments that say so.

    Said before, it is not said again: a segment's name follows from the writer's, and it appears
    whole or not at all. The values that a dead writer left in the spool are kept first. Only the
    holder of the lease may call this. Raises OSError if there is no room.
    """
    name = lost.segment
    if not lost.silent:
        dead = _named(name, "lost")
        if is_there(layout, dead):
            return [dead]
        left = _finish(layout, name)
        return [*left, _say(layout, dead, WriterLost(name.writer, lost.last_seen))]
    said, heard = _last(layout, name)
    if said is not None and heard is None:
        return [said]
    event = WriterLost(name.writer, lost.last_seen, f"no sign of life for {LOST_S:.0f} s",
                       silent=True)  # fmt: skip
    return [_say(layout, _named(name, "silent", _count(layout, name)), event, after=heard)]


def is_buried(layout: Layout, name: SegmentName) -> bool:
    """Say whether it was logged that the writer of a segment is gone for good."""
    return is_there(layout, _named(name, "lost"))


def find(layout: Layout, name: SegmentName) -> list[SegmentName]:
    """Log that a writer on another host lives, if it was taken for lost the last time.

    Returns the segment that says so, if there is one. Only the holder of the lease may call this.
    Raises OSError if there is no room.
    """
    said, heard = _last(layout, name)
    if said is None or heard is not None:
        return []
    found = _named(name, "found", _count(layout, name) - 1)
    return [_say(layout, found, WriterFound(name.writer), after=said)]


def _named(name: SegmentName, word: str, number: int | None = None) -> SegmentName:
    counted = "" if number is None else f" {number}"
    return SegmentName(name.run, run_id(f"{word} {name.writer}{counted}"))


def _count(layout: Layout, name: SegmentName) -> int:
    """Return how often the writer was said to be silent."""
    count = 0
    while is_there(layout, _named(name, "silent", count)):
        count += 1
    return count


def _last(layout: Layout, name: SegmentName) -> tuple[SegmentName | None, SegmentName | None]:
    """Return what said last that the writer is silent, and what said that it was heard since."""
    count = _count(layout, name)
    if not count:
        return None, None
    heard = _named(name, "found", count - 1)
    return _named(name, "silent", count - 1), heard if is_there(layout, heard) else None


def _finish(layout: Layout, name: SegmentName) -> list[SegmentName]:
    """Keep what a dead writer left in the spool, and return the segment that has it."""
    if name not in spool.waiting(layout):
        return []
    opened = WriterOpened(os.uname().nodename, os.getpid(), role="server", beside=name.writer)
    writer = Writer(layout, name.run, opened=lambda: opened, notices=Notices(strict=False))
    writer.open()
    spool.finish(layout, name.run, name.writer, writer.event)
    writer.close(WriterClosed("finished"))
    return [SegmentName(name.run, writer.writer)]


def _say(
    layout: Layout, name: SegmentName, event: Event, *, after: SegmentName | None = None
) -> SegmentName:
    """State an event, in time not before what another segment says."""
    earliest = _time_of(layout, after) if after is not None else 0.0
    return state(layout, name, event, earliest=earliest)


def _time_of(layout: Layout, name: SegmentName) -> float:
    """Return a time after that of a segment's event: whoever said it may have another clock."""
    with closing(SegmentReader(name, layout.segment(name))) as reader:
        return max((head.time for head in reader.read().events), default=0.0) + 1e-3
