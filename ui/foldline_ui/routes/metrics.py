"""The route that Prometheus reads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.metadata import version

import anyio.to_thread
import psutil
from aiohttp import web

from foldline.disk import folder_bytes
from foldline.layout import Layout
from foldline_views.quotas import Share

from ..exposition import MEDIA_TYPE, Exposition
from ..gate import forbidden, whole
from ..parts import BUDGET, CONNECTIONS, HUB, LAYOUT, READER, TALLY, USAGE, VITALS, views_of
from ..route import RouteTable
from ..tally import Tally
from ..vitals import Vitals
from ..wire import Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()
VERSION = version("foldline")
FOLD_STATES = ("live", "catching_up", "rebuilding", "down")
QUOTAS_MAX = 1000  # that are told, the fullest: a label is a series of its own in Prometheus
RUN_STATES = ("running", "finished", "failed", "killed", "lost")


@ROUTES.add(
    "GET",
    "/metrics",
    scope="read",
    summary="How the server is and what it has answered, for Prometheus.",
    request=Nothing,
    response=bytes,
    media="text/plain",
)
async def measure(request: web.Request, _: Nothing) -> web.Response:
    """Answer every measure as it is now; few of them cost more than being read."""
    if not whole(request):
        raise forbidden("measures are of the whole server, and your token is for some experiments")
    app = request.app
    found = Exposition()
    found.add("foldline_build_info", "gauge", "The version that runs.", ({"version": VERSION}, 1))
    _answers(found, app[TALLY])
    found.one("foldline_connections", "gauge", "Open connections.", app[CONNECTIONS].count)
    found.one("foldline_listeners", "gauge", "Open streams of events.", app[HUB].listeners)
    page = await views_of(request).groups("", ["run.status"])
    counts = {str(group.key[0]): group.runs for group in page.groups}
    found.add(
        "foldline_runs",
        "gauge",
        "Runs in sight by how they stand.",
        *(({"status": state}, counts.get(state, 0)) for state in RUN_STATES),
    )
    _fold(found, app[VITALS], app[READER].watermark)
    found.one("foldline_blobs_bytes", "gauge", "Of all blobs.", app[USAGE].blobs_bytes())
    _quotas(found, app[BUDGET].shares())
    await anyio.to_thread.run_sync(_disk, found, app[LAYOUT])
    _process(found)
    return web.Response(body=found.text().encode(), headers={"Content-Type": MEDIA_TYPE})


def _answers(found: Exposition, tally: Tally) -> None:
    found.add(
        "foldline_requests_total",
        "counter",
        "Answered requests by route and status; 499 is one whose caller went away.",
        *(
            ({"method": asked.method, "route": asked.route, "code": str(status)}, count)
            for (asked, status), count in sorted(tally.answers.items())
        ),
    )
    found.histograms(
        "foldline_request_duration_seconds",
        "How long answers took, streams left out.",
        (
            ({"method": asked.method, "route": asked.route}, histogram)
            for asked, histogram in sorted(tally.seconds.items(), key=lambda pair: pair[0])
        ),
    )
    found.one(
        "foldline_requests_in_flight", "gauge", "Requests without an answer yet.", tally.in_flight
    )
    shipped = (
        ("bytes", "Bytes of logs and blobs that were shipped here.", tally.shipped_bytes),
        ("pieces", "Pieces of logs and blobs that were shipped here.", tally.shipped_pieces),
    )
    for word, says, count in shipped:
        found.one(f"foldline_shipped_{word}_total", "counter", says, count)


def _fold(found: Exposition, vitals: Vitals, shown: int) -> None:
    state = vitals.state()
    states = {shelf.name: shelf.state if state != "down" else state for shelf in vitals.shelves}
    found.add(
        "foldline_fold_state",
        "gauge",
        "1 for the state that a shelf of views is in.",
        *(
            ({"shelf": shelf, "state": one}, int(one == now))
            for shelf, now in states.items()
            for one in FOLD_STATES
        ),
    )
    found.add(
        "foldline_fold_lag_bytes",
        "gauge",
        "Bytes of the log that a shelf of views does not show yet.",
        *(({"shelf": shelf.name}, shelf.lag_bytes) for shelf in vitals.shelves),
    )
    log_bytes = max(vitals.watermark + vitals.lag_bytes, shown)
    found.one("foldline_log_bytes", "gauge", "Of the log, packed or not.", log_bytes)
    found.one("foldline_watermark_bytes", "gauge", "Of the log that answers show.", shown)
    found.one(
        "foldline_damaged_places", "gauge", "Places of the log that are damaged.",
        len(vitals.damage),
    )  # fmt: skip


def _disk(found: Exposition, layout: Layout) -> None:
    usage = shutil.disk_usage(layout.root)
    found.one("foldline_views_bytes", "gauge", "Of all views.", folder_bytes(layout.views))
    found.one("foldline_disk_free_bytes", "gauge", "Left on the store's disk.", usage.free)
    found.one("foldline_disk_size_bytes", "gauge", "Of the store's disk.", usage.total)


def _quotas(found: Exposition, shares: Sequence[Share]) -> None:
    bound = [share for share in shares if share.allowed is not None][:QUOTAS_MAX]
    found.add(
        "foldline_quota_bytes",
        "gauge",
        "What an experiment may take.",
        *(({"experiment": share.experiment}, share.allowed or 0) for share in bound),
    )
    found.add(
        "foldline_quota_used_bytes",
        "gauge",
        "What an experiment takes, where that is bound.",
        *(({"experiment": share.experiment}, share.used) for share in bound),
    )


def _process(found: Exposition) -> None:
    """Tell of the server's own process, under the names that all clients of Prometheus use."""
    process = psutil.Process(os.getpid())
    times = process.cpu_times()
    found.one(
        "process_cpu_seconds_total", "counter", "Of the server, not of the fold.",
        times.user + times.system,
    )  # fmt: skip
    memory = process.memory_info().rss
    found.one("process_resident_memory_bytes", "gauge", "Of the server, not of the fold.", memory)
    found.one("process_start_time_seconds", "gauge", "Unix time.", process.create_time())
    found.one("process_open_fds", "gauge", "Open descriptors.", process.num_fds())
