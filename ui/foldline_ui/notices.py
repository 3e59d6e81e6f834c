"""What people keep in files beside the log, watched.

A bookmark or a word about a tag may be changed here, by another server of the same store, or by
hand: whoever listens is told of all of it alike.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from foldline.layout import Layout

from .events import Hub

__all__ = ["Notices"]


class Notices:
    """Tells a hub's listeners when what people keep has changed."""

    def __init__(self, layout: Layout, hub: Hub) -> None:
        self._files = {"bookmarks": layout.bookmarks, "tags": layout.tags}
        self._hub = hub
        self._seen = {kind: _state(file) for kind, file in self._files.items()}

    def look(self) -> None:
        """Look once, and tell what changed since the last look."""
        for kind, file in self._files.items():
            state = _state(file)
            if state != self._seen[kind]:
                self._seen[kind] = state
                self._hub.publish_notice(kind)


def _state(file: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        found = file.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None
