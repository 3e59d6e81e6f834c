"""Deleted runs freed for good."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread
import msgspec

from foldline import packs
from foldline.disk import folder_bytes, sync_file, sync_folder
from foldline.errors import StoreBusy
from foldline.events import FieldsSet
from foldline.ids import is_id
from foldline.layout import Layout
from foldline_ingest.amendment import amend
from foldline_ingest.lease import Lease
from foldline_ingest.packing import drop
from foldline_ingest.sweep import Swept, bring_back, living, sweep
from foldline_ingest.worker import Announce

from .fold import Fold
from .folding import catch_up
from .reader import Views
from .shelves import SHELVES

__all__ = ["Purged", "purge"]

PLAN = "plan.json"


class Purged(msgspec.Struct):
    """What was freed for good, or would be."""

    runs: list[str]
    alive: list[str]  # deleted long enough ago, and left alone: a writer of them lives
    log_bytes: int
    swept: Swept
    dry_run: bool = False


class _Plan(msgspec.Struct):
    """The runs that a purge has begun to free: the next one ends what was interrupted."""

    runs: list[str]


async def purge(
    layout: Layout, older_than_s: float, *, dry_run: bool = False, announce: Announce | None = None
) -> Purged:
    """Free the logs of runs that were deleted longer ago, then the blobs that only they named.

    The views are made again after that, as they still hold what was shown of these runs. A run
    with a writer that lives is left alone. A purge that is killed is ended by the next one, and
    until then its runs stay deleted. Raises StoreBusy beside a server, StoreNotFound, and OSError.
    """
    if not await catch_up(layout, shelves=SHELVES):
        raise StoreBusy(
            f"another process is folding the store {layout.root}",
            hint="stop the running `foldline up` first",
        )
    with Lease(layout.views) as lease:
        begun = [] if dry_run else _resumed(layout)
        deleted = await _deleted_before(layout, time.time() - older_than_s)
        alive = {name.run for name in living(layout)}
        doomed = [
            run
            for run in dict.fromkeys([*begun, *deleted])
            if run not in alive and is_id(run)  # else it is no run, but a way to elsewhere
        ]
        kept = sorted(alive & {*begun, *deleted})
        if dry_run:
            swept = await anyio.to_thread.run_sync(_would_sweep, layout, frozenset(doomed))
            return Purged(doomed, kept, _log_bytes(layout, doomed), swept, dry_run=True)
        freed = await anyio.to_thread.run_sync(_free, layout, doomed)
        swept = await anyio.to_thread.run_sync(sweep, layout)
        if doomed:
            fold = Fold(layout, lease, announce)
            for shelf in SHELVES:
                await fold.rebuild(shelf)
        shutil.rmtree(layout.trash, ignore_errors=True)  # the plan too: it is carried out
    return Purged(doomed, kept, freed, swept)


async def _deleted_before(layout: Layout, moment: float) -> list[str]:
    views = await Views.open(layout.views)
    try:
        deleted = (await views.runs("run.deleted", limit=sys.maxsize)).rows
    finally:
        await views.close()
    found = [run.id for run in deleted if run.deleted_at is not None and run.deleted_at <= moment]
    return [run for run in found if packs.segments(layout, run)]


def _would_sweep(layout: Layout, without: frozenset[str]) -> Swept:
    return sweep(layout, without=without, dry_run=True)


def _log_bytes(layout: Layout, runs: Sequence[str]) -> int:
    """Return how many bytes of the disk the logs of some runs take, packed or not."""
    chosen = set(runs)
    total = 0
    for run in runs:
        total += folder_bytes(layout.runs / run)
    for index in packs.indices(layout, afresh=True):
        whole = sum(entry.size for entry in index) or 1
        own = sum(entry.size for entry in index if entry.name.run in chosen)
        total += index.path.stat().st_size * own // whole  # a pack is one file for many
    return total


def _free(layout: Layout, runs: Sequence[str]) -> int:
    """Free the logs of runs; return how many bytes that were."""
    if not runs:
        return 0
    _write_plan(layout, _Plan(list(runs)))
    gone = layout.trash / "runs"
    gone.mkdir(mode=0o700, exist_ok=True)
    # Said once more, in a file that goes last: whoever folds what is half gone sees them deleted.
    for run in runs:
        amend(layout, run, [FieldsSet({"deleted": True})])
    freed = drop(layout, set(runs))
    for run in runs:
        aside = gone / run
        shutil.rmtree(aside, ignore_errors=True)  # of a purge that was interrupted
        (layout.runs / run).replace(aside)
        _forget(layout, run)
        freed += folder_bytes(aside)
        shutil.rmtree(aside)
    sync_folder(layout.runs)
    return freed


def _resumed(layout: Layout) -> list[str]:
    """Put back what an interrupted purge was not sure of, and return what it had begun."""
    bring_back(layout)
    try:
        plan = msgspec.json.decode((layout.trash / PLAN).read_bytes(), type=_Plan)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return []
    runs = list(filter(is_id, plan.runs))  # it may be somebody else's: "../.." is no run
    left = [run for run in runs if packs.segments(layout, run)]
    for run in {*runs} - {*left}:
        _forget(layout, run)
    return left


def _forget(layout: Layout, run: str) -> None:
    """Take away what names a run that has no log any more."""
    for trace in (*layout.active.glob(f"{run}.*"), *layout.spool.glob(f"{run}.*")):
        trace.unlink(missing_ok=True)


def _write_plan(layout: Layout, plan: _Plan) -> None:
    layout.trash.mkdir(mode=0o700, exist_ok=True)
    draft: Path = layout.trash / f"{PLAN}.draft"
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(plan))
        file.flush()
        sync_file(file.fileno())
    draft.replace(layout.trash / PLAN)
    sync_folder(layout.trash)
