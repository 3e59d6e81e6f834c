"""How the fold is, as far as the server was told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from foldline_ingest.announce import LIVE_SHELF, Announcement
from foldline_ingest.batch import Damage

from .wire import Fold, ShelfState

__all__ = ["Vitals"]

DAMAGE_MAX = 1000  # places that are listed; whoever has more needs `foldline verify`


class Vitals:
    """The newest state of the fold; `state` is asked, as a process that died can't announce it."""

    def __init__(self, state: Callable[[], str] = lambda: "down") -> None:
        self.state = state
        self.watermark = 0
        self.lag_bytes = 0
        self._shelves: dict[str, ShelfState] = {}
        self._progress: float | None = None
        self._message: str | None = None
        self._damage: dict[tuple[str, int], Damage] = {}
        self._shown: tuple[object, ...] = ()

    def note(self, announcement: Announcement) -> None:
        """Take over what was announced."""
        if announcement.state != "down":
            self._note_shelf(announcement)
        if announcement.shelf != LIVE_SHELF:
            return
        self._progress = announcement.progress
        self._message = announcement.message
        if announcement.reset:
            self._damage.clear()  # what is damaged still is announced again
        else:
            self.watermark = announcement.watermark
            self.lag_bytes = announcement.lag_bytes
        for damage in announcement.damage:
            if len(self._damage) < DAMAGE_MAX:
                self._damage[damage.segment, damage.offset] = damage

    def _note_shelf(self, announcement: Announcement) -> None:
        name = announcement.shelf
        self._shelves[name] = ShelfState(
            name,
            announcement.state,
            announcement.watermark,
            announcement.lag_bytes,
            announcement.progress,
        )

    @property
    def shelves(self) -> tuple[ShelfState, ...]:
        """How each shelf is, as it was last told."""
        return tuple(self._shelves.values())

    @property
    def fold(self) -> Fold:
        """The state of the fold."""
        state = self.state()
        if state == "down":
            return Fold(state, message=self._message or "the fold process is being started")
        return Fold(state, self._progress, self._message)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What was found damaged in the log."""
        return tuple(islice(self._damage.values(), DAMAGE_MAX))

    def changed(self) -> bool:
        """Say whether anything that a person is shown differs from the last call's."""
        fold = self.fold
        # Progress moves all the time; a notice for each whole percent is enough to draw a bar.
        percent = None if fold.progress is None else int(fold.progress * 100)
        states = tuple(shelf.state for shelf in self._shelves.values())
        shown = (fold.state, percent, fold.message, len(self._damage), states)
        before, self._shown = self._shown, shown
        return shown != before
