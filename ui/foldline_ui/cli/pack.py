"""The command that packs finished segments."""

from __future__ import annotations

import argparse

import anyio

from foldline.layout import Layout, store_path
from foldline_ingest.packing import IDLE_S, pack
from foldline_views.folding import catch_up

from .exits import Exit
from .terminal import ProgressBar, say, say_json

__all__ = ["run"]

POINT_BYTES = 32  # of a point as it is logged


def run(arguments: argparse.Namespace) -> Exit:
    """Make few files of what is finished, and say what it takes then."""
    layout = Layout(store_path(arguments.store))
    layout.check()
    # A run that ended with no server running is finished once it is folded to its end.
    anyio.run(catch_up, layout)
    bar = ProgressBar("packing")
    idle_s = 0.0 if arguments.now else IDLE_S
    try:
        done = pack(layout, idle_s=idle_s, dry_run=arguments.dry_run, hear=bar)
    finally:
        bar.end()
    if arguments.json:
        say_json(done)
        return Exit.DONE
    if not done.segments:
        say("nothing is there to be packed")
    elif arguments.dry_run:
        say(f"{done.segments:,} segments of {done.log_bytes:,} bytes would be packed")
    else:
        say(
            f"packed {done.segments:,} segments into {done.packs:,} files: "
            f"{done.log_bytes:,} bytes became {done.pack_bytes:,}"
        )
        if done.points:
            each = done.pack_bytes / done.points
            say(f"{each:.1f} bytes a point, which takes {POINT_BYTES} in the log")
    if done.cleared:
        say(f"{done.cleared:,} files were in a pack already, and are taken away")
    if done.merged:
        say(f"{done.merged:,} small packs became one")
    return Exit.DONE
