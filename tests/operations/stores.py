"""Stores to be copied, and what copies have."""

from __future__ import annotations

from pathlib import Path

import anyio

import foldline
from foldline.layout import Layout
from foldline_ingest.stored import open_segment
from foldline_ingest.sweep import log_names
from foldline_ingest.verify import verify
from foldline_views.folding import catch_up
from tests.canonical import dump_of

__all__ = ["assert_restored", "bytes_of", "fold", "log", "settle"]


def log(store: Path, run: str, *, points: int = 300, said: str = "") -> None:
    """Log a finished run with a text that is too large for its event."""
    with foldline.Run(
        id=run, experiment="copied", params={"lr": 0.1}, store=store, capture=False
    ) as written:
        for step in range(points):
            written.track(step / 3, name="loss", step=step)
        written.track(foldline.Text((said or run) * 3000), name="said", step=0)


def fold(store: Path) -> None:
    """Fold all that a store has into its catalog."""
    assert anyio.run(catch_up, Layout(store))


def settle(store: Path) -> None:
    """Fold, which takes away the markers of segments that are whole."""
    fold(store)
    assert not list(Layout(store).active.iterdir())


def bytes_of(store: Path) -> dict[str, bytes]:
    """Return the bytes of every segment, packed or not."""
    layout = Layout(store)
    found = {}
    for name in log_names(layout):
        segment = open_segment(name, layout.segment(name))
        found[f"{name.run}/{name.writer}"] = segment.pread(segment.size, 0)
        segment.close()
    return found


def assert_restored(store: Path, copy: Path) -> None:
    """Check that a copy has the same log, whole, and gives the same views, byte for byte."""
    assert bytes_of(copy) == bytes_of(store)
    assert verify(Layout(copy)).damage == []
    fold(store)
    fold(copy)
    assert dump_of(copy) == dump_of(store)
