"""What people change of a run, logged.

Nobody writes to another's segment, so each change is a small segment of its own in the run's
folder, whole and durable before anybody is told that it is kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from foldline.errors import StoreUnwritable
from foldline.events import Event, WriterClosed, WriterOpened
from foldline.ids import new_id
from foldline.layout import Layout, SegmentName

from .statement import mark, state

__all__ = ["amend"]

AFTER_S = 1e-3  # seconds between what is changed and the change, where clocks differ


def amend(layout: Layout, run: str, events: Sequence[Event], *, after: float = 0.0) -> SegmentName:
    """Log what somebody changed of a run, and return the segment that says so.

    It happens later than `after`, the time of what is changed: a training whose clock is ahead must
    not win over who corrects it. Raises StoreUnwritable.
    """
    name = SegmentName(run, new_id())
    opened = WriterOpened(os.uname().nodename, os.getpid(), role="server")
    folder = layout.segment(name).parent
    try:
        for made in (folder.parent, folder):
            made.mkdir(mode=0o700, exist_ok=True)
        said = (opened, *events, WriterClosed("finished"))
        state(layout, name, *said, earliest=after + AFTER_S, durable=True)
        # Made last: a marker that is left by a crash would be looked at for ever.
        mark(layout, name)
    except OSError as error:
        raise StoreUnwritable(
            f"the change of the run {run} could not be kept: {error.strerror or error}",
            hint="free some space, or check who owns the store's folder",
        ) from error
    return name
