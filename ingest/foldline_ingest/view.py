"""What a view is, and what keeps views: two protocols.

A view derives rows from events. Its fold is pure: the state and the batches go in, the state and
the changes come out; the clock, the disk and the event loop are somebody else's. `ViewStore` is
that somebody: it loads what a fold needs, and commits the changes and the offsets as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec
from foldline.layout import SegmentName

from .batch import Batch, Damage

__all__ = ["Applied", "Progress", "SeriesDelta", "View", "ViewStore"]

Db = TypeVar("Db", contravariant=True)


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


class View(Protocol[Db]):
    """One derived, rebuildable, versioned table or index.

    Raising `version` makes the store rebuild the view from offset zero.
    """

    name: str
    version: int
    schema: str

    def load(self, db: Db, batches: Sequence[Batch]) -> None:
        """Take into memory the committed state that the fold of `batches` will touch."""

    def fold(self, batches: Sequence[Batch]) -> None:
        """Fold the batches into the state; pure: no clock, no I/O, no order between writers."""

    def save(self, db: Db, revision: int) -> None:
        """Write what the fold changed, marked with the revision, and forget what can be loaded."""


class ViewStore(Protocol):
    """Keeps the views and how far each segment has been folded, in one transaction."""

    async def progress(self) -> Mapping[SegmentName, Progress]:
        """Return how far each known segment has been folded."""

    async def apply(self, batches: Sequence[Batch]) -> Applied:
        """Fold and commit batches; on return they are what readers see."""

    async def damage(self) -> Sequence[Damage]:
        """Return what was found damaged so far."""
