"""What a view is, and what keeps views: two protocols.

A view derives rows from events. What it folds with are pure functions of state and batch, in
modules of their own; the view is the shell around them that loads what they need and saves what
they return. `ViewStore` runs the views and commits their rows and the offsets as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from foldline.layout import SegmentName

from .batch import Batch, Damage

__all__ = ["Applied", "Progress", "Replay", "SeriesDelta", "View", "ViewStore"]

Session_contra = TypeVar("Session_contra", contravariant=True)


class Replay(Protocol):
    """Gives a segment again, for a view that has to fold it anew."""

    def __call__(self, segment: SegmentName, end: int, /, *, start: int = 0) -> Iterable[Batch]:
        """Yield what is in it from the record at `start` up to the offset `end`."""
        ...


class SeriesDelta(msgspec.Struct, frozen=True):
    """The newest point of a series that changed: what a live page needs to know."""

    id: int
    run: str
    name: str
    context: dict[str, object]
    count: int
    step: float
    value: float
    time: float


class Applied(NamedTuple):
    """What a commit changed, for those who watch."""

    watermark: int  # log bytes folded, over all segments
    runs: list[str]
    series: list[SeriesDelta]
    truncated: bool  # more series changed than `series` tells


class Progress(NamedTuple):
    """How far a segment has been folded."""

    offset: int
    finished: bool


class View(Protocol[Session_contra]):
    """One derived, rebuildable, versioned set of rows.

    Raising `version` makes the store rebuild its views from offset zero.
    """

    name: str
    version: int
    schema: str

    def apply(self, session: Session_contra, batches: Sequence[Batch]) -> None:
        """Fold the batches and write what changed, in the session's transaction.

        The rows depend on what each segment holds alone: not on the clock, on how segments were
        cut into batches, nor on how the writers' batches interleave.
        """

    def forget(self) -> None:
        """Drop what is in memory: all of it can be read again, as of the last commit."""


class ViewStore(Protocol):
    """Keeps the views and how far each segment has been folded, in one transaction."""

    async def progress(self) -> Mapping[SegmentName, Progress]:
        """Return how far each known segment has been folded."""

    async def apply(self, batches: Sequence[Batch]) -> Applied:
        """Fold and commit batches; on return they are what readers see."""

    async def damage(self) -> Sequence[Damage]:
        """Return what was found damaged so far."""
