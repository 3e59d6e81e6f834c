"""What a hold need not keep any more."""

from __future__ import annotations

import time
from contextlib import suppress

from ..layout import Layout, SegmentName

__all__ = ["KEPT_S", "trim"]

KEPT_S = 7 * 86_400.0  # a run that is joined again within a week finds its steps on this machine


def trim(layout: Layout, *, kept_s: float = KEPT_S) -> int:
    """Remove the segments that are durable at the server and older than `kept_s`; return bytes.

    Only what has its note goes: that was written once the server said that it has all of it, on
    its disk. Blobs are for `foldline gc`, which knows what names them.
    """
    freed = 0
    before = time.time() - kept_s
    with suppress(FileNotFoundError):
        for note in sorted((layout.root / "shipped").iterdir()):
            run, _, writer = note.name.partition(".")
            if run and writer:
                freed += _remove(layout, SegmentName(run, writer), before)
    return freed


def _remove(layout: Layout, name: SegmentName, before: float) -> int:
    path = layout.segment(name)
    with suppress(FileNotFoundError):
        told = path.stat()
        if told.st_mtime > before:
            return 0
        path.unlink()
        layout.marker(name).unlink(missing_ok=True)
        # The note last: without it the rest would be taken for new.
        layout.shipped(name).unlink(missing_ok=True)
        with suppress(OSError):  # others of the run are there
            path.parent.rmdir()
            path.parent.parent.rmdir()
        return told.st_size
    layout.shipped(name).unlink(missing_ok=True)
    return 0
