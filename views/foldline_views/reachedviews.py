"""Views as far as somebody's questions reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from foldline.layout import Layout, SegmentName

from .activity import ActivityDay, ActivityPage
from .answers import Totals
from .artifacts import VersionsPage
from .asked import Edit
from .catalog import Catalog
from .edits import edit_runs
from .reach import Reach
from .reader import Views
from .searches import Searches, Shown, TextReader
from .sight import created_at, flags
from .within import within

__all__ = ["hides", "may_read", "reachable", "reached"]

T = TypeVar("T")


def reached(views: Views, reach: Reach) -> Views:
    """Return views that answer as if runs out of reach were not there; themselves, if none are."""
    return views if reach.is_all else _ReachedViews(views, reach)


async def reachable(views: Views, runs: Collection[str]) -> set[str]:
    """Return those of some runs that are within reach of who asks."""
    return await views._reachable(runs) if isinstance(views, _ReachedViews) else set(runs)


async def may_read(views: Views, digest: str) -> bool:
    """Say whether a blob is within reach of who asks: whether such a run names it."""
    return not isinstance(views, _ReachedViews) or await views._may_read(digest)


async def hides(views: Views, run: str) -> bool:
    """Say whether there is such a run, out of reach of who asks."""
    return isinstance(views, _ReachedViews) and await views._hides(run)


class _ReachedSearches(Searches):
    """Finds runs within reach, and ranks and counts no others."""

    def __init__(self, whole: Searches, views: _ReachedViews) -> None:
        self._whole = whole
        self._views = views

    async def _shown(self) -> Shown:
        return Shown(await self._views._find(lambda catalog: list(catalog.row_of)), False)

    async def _run(self, job: Callable[[TextReader, int], T]) -> T:
        return await self._whole._run(job)


class _ReachedViews(Views):
    """Asks the views' own catalog, and holds nothing itself: what it lacks is the views'.

    Every question goes through `_find` or `_check`, or is answered here: what is the views' own
    catalog to them, `_catalog`, knows all runs.
    """

    def __init__(self, whole: Views, reach: Reach) -> None:
        self._whole = whole
        self.reach = reach
        self._searches = _ReachedSearches(whole._searches, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    async def refresh(self) -> None:
        """Take over what was committed since; see Views."""
        await self._whole.refresh()

    async def close(self) -> None:
        """Leave the file open: it is not ours."""

    async def _find(self, question: Callable[[Catalog], T]) -> T:
        return await self._whole._find(lambda catalog: question(within(catalog, self.reach)))

    async def _check(self, run: str) -> None:
        await self._find(lambda catalog: catalog.find(run))

    async def totals(self) -> Totals:
        """Return how many runs there are."""
        return await self._find(lambda catalog: catalog.totals)

    async def _reachable(self, runs: Collection[str]) -> set[str]:
        return await self._find(lambda catalog: {run for run in runs if run in catalog.row_of})

    async def edit(self, layout: Layout, runs: Sequence[str], edit: Edit) -> list[SegmentName]:
        """Log a change of runs. Raises RunNotFound and StoreUnwritable; see `edits`."""
        catalog = await self._find(lambda catalog: catalog)
        return await edit_runs(layout, catalog, runs, edit)

    async def _may_read(self, digest: str) -> bool:
        runs = await self._find(lambda catalog: catalog.row_of)
        return bool(await self._holdings.name(digest, runs))

    async def _hides(self, run: str) -> bool:
        return await self._whole._find(
            lambda catalog: run in catalog.row_of and run not in within(catalog, self.reach).row_of
        )

    async def activity(self, days: int, offset_s: int) -> ActivityPage:
        """Return on which days runs were created; points are counted for the store as a whole."""
        created = await self._find(
            lambda catalog: created_at(catalog)[catalog.within_reach(~flags(catalog, "deleted"))]
        )
        page = await self._holdings.activity(created, days, offset_s)
        told = [ActivityDay(day.day, day.runs, None) for day in page.days if day.runs]
        return ActivityPage(told, page.watermark)

    async def versions(self, name: str | None, limit: int, cursor: str | None) -> VersionsPage:
        """Return versions that runs within reach made or used. Raises QueryError."""
        runs = await self._find(lambda catalog: catalog.row_of)
        return await self._versions(name, limit, cursor, runs)
