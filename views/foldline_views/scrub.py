"""A secret scrubbed out of a store, its views too."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import anyio.to_thread

from foldline import packs, spool
from foldline.errors import RunNotFound, SecretRejected, StoreBusy
from foldline.ids import is_id
from foldline.layout import Layout
from foldline.links import refuse_links
from foldline_ingest.lease import Lease
from foldline_ingest.masking import Masks, forms_of
from foldline_ingest.scrubbing import Scrubbed, Scrubbing
from foldline_ingest.sweep import living, sweep
from foldline_ingest.worker import Announce

from . import register
from .fold import Fold
from .folding import catch_up
from .shelves import SHELVES

__all__ = ["scrub"]


async def scrub(
    layout: Layout,
    secret: str,
    *,
    runs: Sequence[str] = (),
    dry_run: bool = False,
    announce: Announce | None = None,
) -> Scrubbed:
    """Replace a text by a mask of its length in all that a store holds, or in some runs of it.

    The views go before anything is written, and are made again at the end: whenever it is killed
    they are what the log says. What another process ships, or a backup holds, is not reached.
    Raises SecretRejected, RunNotFound, StoreNotFound, StoreLinked, StoreUnwritable, and StoreBusy
    beside a server or a writer that lives.
    """
    masks = Masks(forms_of(secret))
    refuse_links(layout.root, below=True)  # what is behind one would be written over
    # Who died without a word is told dead by this, and what it left in the spool is kept.
    if not await catch_up(layout):
        raise StoreBusy(
            f"another process is folding the store {layout.root}",
            hint="stop the running `foldline up` first",
        )
    _check_ids(layout, runs, masks)
    with Lease(layout.views) as lease:
        _check_alone(layout)

        def begin() -> None:
            for shelf in SHELVES:
                shutil.rmtree(shelf.folder(layout.views), ignore_errors=True)

        scrubbing = Scrubbing(layout, masks, runs, begin=None if dry_run else begin)
        with register.alone(layout, "files"):
            done = await anyio.to_thread.run_sync(scrubbing.run)
            if old := scrubbing.replaced:
                await anyio.to_thread.run_sync(_free, layout, old, done)
        if scrubbing.has_begun:
            fold = Fold(layout, lease, announce)
            for shelf in SHELVES:
                await fold.rebuild(shelf)
    return done


def _free(layout: Layout, old: frozenset[str], done: Scrubbed) -> None:
    """Free the blobs that have others in their place; tell of those that have to stay."""
    why = "something else had to stay, and may name them"
    if not done.troubles:
        swept = sweep(layout, only=old)
        done.freed = swept.blobs
        why = swept.kept_because or "runs that were not chosen name them"
    if left := sum(layout.blob(digest).exists() for digest in old):
        done.troubles.append(f"{left:,} blobs still hold it: {why}")


def _check_ids(layout: Layout, runs: Sequence[str], masks: Masks) -> None:
    """Raise if a run is not there, or is named by the secret itself."""
    for run in runs:
        if not is_id(run) or not packs.segments(layout, run):
            raise RunNotFound(f"there is no run {run}", hint="foldline runs ls")
    found = {path.name for path in layout.runs.iterdir()} | {
        name.run for name in packs.packed_names(layout)
    }
    for run in sorted(found):
        if masks.count(run.encode()):
            raise SecretRejected(
                f"the run {run} is called by that text, and an id can't be changed",
                hint=f"foldline runs rm {run}, then foldline gc --older-than 0d, and scrub again",
            )


def _check_alone(layout: Layout) -> None:
    """Raise StoreBusy while somebody may write to the store."""
    alive = sorted({name.run for name in living(layout)})
    waiting = sorted({name.run for name in spool.waiting(layout)})
    if alive or waiting:
        why = f"a writer of the run {alive[0]} lives" if alive else f"values of {waiting[0]} wait"
        raise StoreBusy(
            f"the store {layout.root} can't be scrubbed: {why}",
            hint="wait until it has ended; of a run of another machine that is gone, a day",
        )
