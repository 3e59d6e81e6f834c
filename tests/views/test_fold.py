"""One process's fold of a store, shelf by shelf."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from foldline.layout import Layout, SegmentName
from foldline_ingest.lease import Lease
from foldline_ingest.obituary import is_buried
from foldline_views.fold import Fold
from foldline_views.shelf import Shelf
from foldline_views.shelves import SHELVES
from tests.segment_build import SegmentBuild


@pytest.mark.parametrize("shelf", SHELVES, ids=[shelf.name for shelf in SHELVES])
def test_a_death_is_told_by_whichever_shelf_sees_it(tmp_path: Path, shelf: Shelf) -> None:
    """A fold that ends before another shelf has looked leaves no run that runs for ever."""
    layout, name = Layout(tmp_path), SegmentName("run", "w")
    layout.create()
    build = SegmentBuild(*name)
    build.define(1, "loss")
    build.point(1, 0, 0.5)
    path = layout.segment(name)
    path.parent.mkdir(parents=True)

    async def fold_one_after_the_other() -> None:
        with Lease(layout.views) as lease:
            fold = Fold(layout, lease)
            for other in SHELVES:  # they have seen the store, and nothing in it
                if other is not shelf:
                    await fold.catch_up(other)
            path.write_bytes(build.killed())
            await fold.catch_up(shelf)

    anyio.run(fold_one_after_the_other)
    assert is_buried(layout, name)
