"""Whether a server has a run as the machine that logged it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foldline
from foldline.layout import Layout
from foldline_ingest.verify import verify

__all__ = ["assert_same", "has_more", "segments", "views"]


def segments(store: Path) -> dict[str, bytes]:
    """Return the bytes of every segment by its run and file."""
    files = (store / "runs").glob("*/log/*.fold")
    return {f"{file.parents[1].name}/{file.name}": file.read_bytes() for file in files}


def has_more(store: Path, size: int) -> bool:
    """Say whether a store's log has more bytes than `size`."""
    return sum(map(len, segments(store).values())) > size


def views(store: Path) -> dict[str, Any]:
    """Return what is read of a store: runs, their settings and every exact point."""
    with foldline.open(store) as opened:
        return {
            run.id: (
                run.status,
                run.name,
                dict(run.params),
                sorted(
                    (one.name, str(one.context), one.steps.tolist(), one.values.tolist())
                    for one in opened.series(f'run.id == "{run.id}"')
                    if not one.name.startswith("system")
                ),
            )
            for run in opened.runs()
        }


def assert_same(here: Path, there: Path) -> None:
    """Check that a server's store has the same bytes, whole, and so the same views."""
    sent, found = segments(here), segments(there)
    assert sent and sent.keys() == found.keys() & sent.keys()
    assert [name for name in sent if sent[name] != found[name]] == []
    assert verify(Layout(there)).damage == []
    assert views(there) == views(here)
