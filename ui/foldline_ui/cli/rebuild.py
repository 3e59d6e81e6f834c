"""The command that makes the views again."""

from __future__ import annotations

import argparse
import time
from functools import partial

import anyio

from foldline.errors import FoldlineError
from foldline.layout import Layout, store_path
from foldline_ingest.announce import Announcement
from foldline_views.folding import rebuild
from foldline_views.shelves import SHELVES, named

from .exits import Exit
from .terminal import ProgressBar, complain, say, say_json, term

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Fold the whole log into fresh views, then put them in the old ones' place."""
    layout = Layout(store_path(arguments.store))
    shelves = SHELVES
    if arguments.view is not None:
        shelf = named(arguments.view)
        if shelf is None:
            known = ", ".join(shelf.name for shelf in SHELVES)
            error = FoldlineError(
                f"there are no views called {arguments.view}", hint=f"there are {known}"
            )
            complain(error, as_json=arguments.json)
            return Exit.USAGE
        shelves = (shelf,)
    bars: dict[str, ProgressBar] = {}
    watermark = 0

    async def announce(announcement: Announcement) -> None:
        nonlocal watermark
        watermark = max(watermark, announcement.watermark)
        bar = bars.setdefault(announcement.shelf, ProgressBar(f"rebuilding {announcement.shelf}"))
        bar(announcement.progress or 0.0)
        if announcement.reset:
            bar.end()

    start = time.monotonic()
    try:
        anyio.run(partial(rebuild, layout, announce, shelves=shelves))
    finally:
        for bar in bars.values():
            bar.end()
    seconds = time.monotonic() - start
    if arguments.json:
        names = [shelf.name for shelf in shelves]
        told = {"views": names, "log_bytes": watermark, "seconds": round(seconds, 3)}
        say_json({"store": str(layout.root), **told})
    else:
        say(f"rebuilt the views of {layout.root} from {watermark:,} bytes in {term(seconds)}")
    return Exit.DONE
