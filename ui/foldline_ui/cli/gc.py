"""The command that frees what was deleted."""

from __future__ import annotations

import argparse

import anyio

from foldline.layout import Layout, store_path
from foldline_ingest.announce import Announcement
from foldline_views.purge import Purged, purge

from .exits import Exit
from .terminal import ProgressBar, say, say_json

__all__ = ["run"]

DAY_S = 86_400.0


def run(arguments: argparse.Namespace) -> Exit:
    """Free the runs that were deleted long enough ago, and the blobs that only they had."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    bar = ProgressBar("rebuilding")

    async def announce(announcement: Announcement) -> None:
        bar(announcement.progress or 0.0)

    async def free() -> Purged:
        older = arguments.older_than * DAY_S
        return await purge(layout, older, dry_run=arguments.dry_run, announce=announce)

    try:
        done = anyio.run(free)
    finally:
        bar.end()
    if arguments.json:
        say_json(done)
        return Exit.DONE
    freed = "would free" if done.dry_run else "freed"
    say(f"{freed} {len(done.runs):,} runs with {done.log_bytes:,} bytes of log")
    for kept in done.alive:
        say(f"kept the run {kept}: a writer of it lives")
    if done.swept.kept_because:
        say(f"kept all blobs: {done.swept.kept_because}")
    else:
        say(f"{freed} {done.swept.blobs:,} blobs with {done.swept.bytes:,} bytes")
    return Exit.DONE
