"""Views that are folded, committed and rebuilt together.

Every shelf has an SQLite file of its own, offsets and a list of damage of its own, and a
generation of its own. So a view that is made anew, or that is slow, holds up no other shelf.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from foldline_ingest.view import View

from .session import Session

__all__ = ["STORE_VERSION", "Shelf"]

# Raise when a table that every shelf has changes: see `viewstore`.
STORE_VERSION = 3


class Shelf(NamedTuple):
    """One set of views, and how the fold process follows the log for it."""

    name: str
    views: tuple[type[View[Session]], ...]  # in the order in which they are folded
    poll_s: float  # how often a log that moves is looked at
    events_only: bool = False  # no view of it needs points, which are not copied then

    @property
    def version(self) -> str:
        """What the rows mean now; rows of another version are made again from the log."""
        views = ", ".join(f"{view.name} {view.version}" for view in self.views)
        return f"store {STORE_VERSION}, {views}"

    def folder(self, views: Path) -> Path:
        """Return the shelf's folder in a store's folder of views."""
        return views / self.name
