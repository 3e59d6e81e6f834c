"""The command that ships what waits on this machine."""

from __future__ import annotations

import argparse
import sys

import anyio

from foldline import spool
from foldline.errors import StoreNotFound
from foldline.layout import Layout, store_path
from foldline.shipper.dispatch import Dispatched, dispatch
from foldline.shipper.hold import Remote, hold_of, holds, remote_of
from foldline.shipper.trim import KEPT_S, trim
from foldline_ingest.stored import open_segment

from .exits import Exit
from .terminal import ProgressBar, say, say_json

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Ship all that waits for servers, or one store to one server; exit with 1 if some is left."""
    told = [
        _ship(layout, remote, free=arguments.free, patience_s=arguments.patience)
        for layout, remote in _chosen(arguments)
    ]
    if arguments.json:
        say_json({"servers": told})
    elif not told:
        say("nothing waits on this machine")
    for one in () if arguments.json else told:
        _tell(one)
    left = any(one.trouble or one.refused or one.growing or one.busy for one in told)
    return Exit.NO if left else Exit.DONE


def _chosen(arguments: argparse.Namespace) -> list[tuple[Layout, Remote]]:
    if arguments.store is not None:
        if not arguments.server:
            raise StoreNotFound(
                "there is no server to ship the store to",
                hint="foldline sync https://lab.example --store /data/.foldline",
            )
        layout = Layout(store_path(arguments.store))
        layout.check()
        return [(layout, remote_of(arguments.server))]
    if arguments.server:
        remote = remote_of(arguments.server)
        return [(hold_of(remote), remote)]
    return list(holds())


def _ship(layout: Layout, remote: Remote, *, free: bool, patience_s: float) -> Dispatched:
    if spool.waiting(layout):
        from foldline_views.folding import catch_up

        # Values that a dead process had no time to encode are kept first, by who folds.
        anyio.run(catch_up, layout)
    bar = ProgressBar(f"shipping to {remote.url}")
    try:
        told = dispatch(layout, remote, hear=bar, opened=open_segment, patience_s=patience_s)
    finally:
        bar.end()
    if layout.remote.exists():
        trim(layout, kept_s=0.0 if free else KEPT_S)
    return told


def _tell(told: Dispatched) -> None:
    say(f"{told.url} has {told.runs:,} runs whole; {told.bytes:,} bytes were sent")
    if told.growing:
        say(f"still written to, and shipped as far as they are: {', '.join(told.growing)}")
    if told.busy:
        say(f"shipped by their trainings: {', '.join(told.busy)}")
    for reason in [*told.refused, *([told.trouble] if told.trouble else [])]:
        sys.stderr.write(f"error: {reason}\n")
