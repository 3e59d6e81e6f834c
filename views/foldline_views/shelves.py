"""All shelves of a store.

To add one:

1. Write its view: a class with `name`, `version`, `schema`, `apply(session, batches)` and
   `forget()`, as `foldline_ingest.view.View` says. Its rows refer to `session.runs` and
   `session.segments`, whose ids are the shelf's own; what listeners should hear of a commit it
   puts into `session.told`.
2. Make a `Shelf` of it here, and put that into `SHELVES`. It is folded by `foldline up` from then
   on, rebuilt by `foldline rebuild`, healed, and checked by `tests/views/test_contract.py`.
3. Read it with `opened.Opened` in the server, which goes over to a new generation by itself, and
   with `opened.read` elsewhere; `folding.catch_up` takes the shelves that a question needs.
"""

from __future__ import annotations

from foldline_ingest.announce import LIVE_SHELF

from .activity import ActivityView
from .authors import AuthorsView
from .captured import CapturedView
from .lines import LinesView
from .messages import MessagesView
from .points import PointsView
from .runs import RunsView
from .series import SeriesView
from .shelf import Shelf
from .text.view import TextView
from .tracked import TrackedView

__all__ = ["CATALOG", "LINES", "POINTS", "SHELVES", "TEXT", "VALUES", "named"]

# What people watch while it happens; the others may be a little older.
CATALOG = Shelf(LIVE_SHELF, (RunsView, SeriesView), poll_s=0.02)
LINES = Shelf("lines", (AuthorsView, LinesView, MessagesView), poll_s=0.1, events_only=True)
POINTS = Shelf("points", (PointsView, ActivityView), poll_s=0.1)
VALUES = Shelf("values", (AuthorsView, TrackedView, CapturedView), poll_s=0.2, events_only=True)
# A commit of its index takes 10 ms and more. It has lines of its own: what is found is shown from
# the very lines that were searched.
TEXT = Shelf("text", (AuthorsView, RunsView, LinesView, TextView), poll_s=0.25, events_only=True)

# In the order in which they are caught up. The first one logs the ends of writers that died.
SHELVES: tuple[Shelf, ...] = (CATALOG, POINTS, LINES, VALUES, TEXT)


def named(name: str) -> Shelf | None:
    """Return the shelf of a name, or None if there is none."""
    return next((shelf for shelf in SHELVES if shelf.name == name), None)
