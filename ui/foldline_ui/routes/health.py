"""The route that tells how the server is."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

import anyio.to_thread
from aiohttp import web

from foldline.disk import folder_bytes
from foldline.layout import STORE_DEFAULT
from foldline_ingest.batch import Damage
from foldline_views.reachedviews import reachable
from foldline_views.reader import Views

from ..parts import BUDGET, LAYOUT, USAGE, VITALS, views_of
from ..route import RouteTable
from ..wire import Disk, Health, Nothing, RunCounts, StoreName

__all__ = ["ROUTES"]

ROUTES = RouteTable()
VERSION = version("foldline")
QUOTAS_MAX = 20  # that are told: a card of a page shows three


@ROUTES.add(
    "GET",
    "/health",
    scope="read",
    summary="How the server, the fold and the disk are.",
    request=Nothing,
    response=Health,
)
async def health(request: web.Request, _: Nothing) -> Health:
    """Answer even while the fold is down: that is when it is asked."""
    layout, vitals, reader = request.app[LAYOUT], request.app[VITALS], views_of(request)
    counts = await reader.totals()
    free_bytes, views_bytes = await anyio.to_thread.run_sync(_measure, layout.views)
    blobs_bytes = request.app[USAGE].blobs_bytes()
    # A fold that has not said anything yet knows of less than answers show.
    log_bytes = max(vitals.watermark + vitals.lag_bytes, reader.watermark)
    return Health(
        version=VERSION,
        store=StoreName(_name(layout.root), str(layout.root)),
        watermark=reader.watermark,
        # What answers do not show: what is committed and not read yet is of it. While views are
        # made again they show more than those that are being made.
        lag_bytes=log_bytes - reader.watermark,
        fold=vitals.fold,
        shelves=vitals.shelves,
        runs=RunCounts(counts.total, counts.running),
        # What is folded and what is not yet: the size of the log without a walk through it.
        disk=Disk(free_bytes, log_bytes, views_bytes, blobs_bytes),
        damage=await _seen(reader, vitals.damage),
        quotas=[
            share
            for share in request.app[BUDGET].shares()
            if share.allowed is not None and reader.reach.has(share.experiment)
        ][:QUOTAS_MAX],
    )


async def _seen(reader: Views, damage: tuple[Damage, ...]) -> tuple[Damage, ...]:
    """Return the damage that who asks may hear of; a segment is named by its run."""
    if reader.reach.is_all:
        return damage
    runs = await reachable(reader, {one.segment.partition("/")[0] for one in damage})
    return tuple(one for one in damage if one.segment.partition("/")[0] in runs)


def _name(root: Path) -> str:
    """Return what a person would call a store: hidden folders go by what they lie in or say."""
    return root.parent.name if root.name == STORE_DEFAULT else root.name.lstrip(".")


def _measure(views: Path) -> tuple[int, int]:
    return shutil.disk_usage(views.parent).free, folder_bytes(views)
