"""What people change of runs: words, tags, archived, deleted."""

from __future__ import annotations

from collections.abc import Sequence

import anyio.to_thread

from foldline import packs
from foldline.errors import RunNotFound
from foldline.events import Event, FieldsSet, TagsChanged
from foldline.layout import Layout, SegmentName
from foldline_ingest.amendment import amend

from .asked import Edit
from .catalog import Catalog
from .runs import RunState

__all__ = ["edit_runs", "is_folded"]


async def edit_runs(
    layout: Layout, catalog: Catalog, runs: Sequence[str], edit: Edit
) -> list[SegmentName]:
    """Log a change of runs, each in a segment of its own, and return these.

    Only what is named is changed, so that two people who change different things of a run both
    have their way; of one thing the later change counts. The runs show it once it is folded.
    Raises RunNotFound, before anything is written, and StoreUnwritable.
    """
    times = {run: _time_of(catalog.states[catalog.find(run)], edit) for run in runs}
    for run in times:
        if not packs.segments(layout, run):
            raise RunNotFound(
                f"the log of the run {run} is gone: it was deleted for good",
                hint="`foldline rebuild` makes the views forget it",
            )
    events: list[Event] = []
    if edit.fields:
        events.append(FieldsSet(edit.fields))
    if edit.tags_added or edit.tags_removed:
        events.append(TagsChanged(edit.tags_added, edit.tags_removed))

    def write() -> list[SegmentName]:
        return [amend(layout, run, events, after=after) for run, after in times.items()]

    return await anyio.to_thread.run_sync(write)


def is_folded(catalog: Catalog, segment: SegmentName) -> bool:
    """Say whether a change is part of what the catalog shows."""
    row = catalog.row_of.get(segment.run)
    return row is not None and segment.writer in catalog.states[row].writers


def _time_of(state: RunState, edit: Edit) -> float:
    """Return when what is changed was last said."""
    fields = [stamp[0] for name, (_, stamp) in state.fields.items() if name in edit.fields]
    changed = {*edit.tags_added, *edit.tags_removed}
    tags = [stamp[0] for tag, (_, stamp) in state.tags.items() if tag in changed]
    return max([*fields, *tags], default=0.0)
