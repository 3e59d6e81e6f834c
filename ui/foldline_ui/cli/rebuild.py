"""The command that makes the views again."""

from __future__ import annotations

import argparse
import time

import anyio

from foldline.layout import Layout, store_path
from foldline_ingest.announce import Announcement
from foldline_views.folding import rebuild

from .exits import Exit
from .terminal import ProgressBar, say, say_json, term

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Fold the whole log into fresh views, then put them in the old ones' place."""
    layout = Layout(store_path(arguments.store))
    bar = ProgressBar("rebuilding")
    watermark = 0

    async def announce(announcement: Announcement) -> None:
        nonlocal watermark
        watermark = max(watermark, announcement.watermark)
        bar(announcement.progress or 0.0)

    start = time.monotonic()
    try:
        anyio.run(rebuild, layout, announce)
    finally:
        bar.end()
    seconds = time.monotonic() - start
    if arguments.json:
        say_json({"store": str(layout.root), "log_bytes": watermark, "seconds": round(seconds, 3)})
    else:
        say(f"rebuilt the views of {layout.root} from {watermark:,} bytes in {term(seconds)}")
    return Exit.DONE
