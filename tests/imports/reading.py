"""What a store says of runs that were brought in."""

from __future__ import annotations

from pathlib import Path

from foldline.layout import Layout
from foldline_ingest.imports.bringing import Brought, bring
from foldline_ingest.imports.finding import find

__all__ = ["brought"]


def brought(source: Path, store: Path) -> list[Brought]:
    """Bring in all that a folder has."""
    layout = Layout(store)
    layout.create()
    return [bring(layout, run) for run in find(source)]
