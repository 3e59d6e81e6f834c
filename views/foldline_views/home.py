"""What there is to see of a store just now."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

import msgspec
import numpy as np

from foldline.series import is_system

from . import heads
from . import summaries as fields
from .answers import Alert, Progress, Summary
from .catalog import Catalog
from .column import Numbers
from .runs import RunState
from .sight import Mask, in_sight, newest, with_status
from .writers import outcome, trainers

__all__ = ["HomeAlert", "HomePage", "RunBrief", "Silent", "home_page"]

BRIEF_METRICS_MAX = 4  # of a run: what a card shows
# Runs that are looked through for alerts, and for processes that fell silent: the newest ones, and
# those that still go on. A page shows a few of what they tell.
LOOKED_RUNS_MAX = 200


class RunBrief(msgspec.Struct):
    """A run as a card shows it."""

    id: str
    name: str
    experiment: str
    tags: list[str]
    status: str
    created_at: float
    ended_at: float | None
    duration: float
    archived: bool
    host: str
    progress: Progress | None
    eta_s: float | None  # None where nothing tells it
    updated_at: float | None  # when its newest point was tracked
    metrics: list[Summary]  # some of those that the script tracked
    series_total: int  # the machine's too
    alerts_total: int


class HomeAlert(Alert, kw_only=True):
    """An alert, and whose it is."""

    run: str
    run_name: str


class Silent(msgspec.Struct):
    """A process that nothing was heard of for too long."""

    run: str
    run_name: str
    writer: str
    host: str
    rank: int | None
    last_seen: float | None


class HomePage(msgspec.Struct):
    """What runs, what ran last, and what wants somebody to look."""

    running: list[RunBrief]
    running_total: int
    recent: list[RunBrief]
    total: int  # runs in sight
    alerts: list[HomeAlert]  # the newest first
    silent: list[Silent]  # the last to fall silent first
    watermark: int


def home_page(catalog: Catalog, limit: int) -> HomePage:
    """Return at most `limit` of each kind of thing. Archived and deleted runs are left out."""
    now = time.time()
    shown = in_sight(catalog)
    running = shown & with_status(catalog, "running")
    going_on = newest(catalog, running, LOOKED_RUNS_MAX).tolist()
    alerted = newest(catalog, shown & _alerted(catalog), LOOKED_RUNS_MAX).tolist()
    lost = newest(catalog, shown & with_status(catalog, "lost"), LOOKED_RUNS_MAX).tolist()
    recent = newest(catalog, shown, limit).tolist()
    return HomePage(
        running=[_brief(catalog, row, now) for row in going_on[:limit]],
        running_total=int(np.count_nonzero(running)),
        recent=[_brief(catalog, row, now) for row in recent],
        total=int(np.count_nonzero(shown)),
        alerts=_alerts(catalog, {*going_on, *alerted})[:limit],
        silent=_silent(catalog, {*going_on, *lost})[:limit],
        watermark=catalog.watermark,
    )


def _alerted(catalog: Catalog) -> Mask:
    column = catalog.runs.column(("alerts",))
    if not isinstance(column, Numbers):
        return np.zeros(catalog.runs.rows, np.bool_)
    found: Mask = column.values > 0
    return found


def _brief(catalog: Catalog, row: int, now: float) -> RunBrief:
    head, state = catalog.heads[row], catalog.states[row]
    whole = heads.row(msgspec.structs.replace(head, params={}), state, [])
    series = list(catalog.series_of(row))
    metrics: list[Summary] = []
    for one in series[: 16 * BRIEF_METRICS_MAX]:
        if len(metrics) == BRIEF_METRICS_MAX:
            break
        if not is_system(catalog.series.key(one)[0]) and (found := catalog.summary(one)).count:
            metrics.append(found)
    times = catalog.series.summary[fields.LAST_TIME, series]
    tracked = times[(catalog.series.summary[fields.COUNT, series] > 0) & np.isfinite(times)]
    running = head.status == "running"
    return RunBrief(
        id=head.id,
        name=head.name,
        experiment=head.experiment,
        tags=head.tags,
        status=head.status,
        created_at=head.created_at,
        ended_at=head.ended_at,
        duration=max(0.0, now - head.created_at) if running else head.duration,
        archived=head.archived,
        host=whole.host,
        progress=whole.progress,
        eta_s=_eta(state, whole.progress, head.created_at, now) if running else None,
        updated_at=float(tracked.max()) if len(tracked) else None,
        metrics=metrics,
        series_total=len(series),
        alerts_total=state.alerts_total,
    )


def _eta(state: RunState, progress: Progress | None, begun: float, now: float) -> float | None:
    """Return in how many seconds a run is through if it goes on as it did; None if unknown.

    A run that was forked or resumed began its count elsewhere, so how fast it is can't be said; nor
    of one that should have been through by now.
    """
    if progress is None or progress.done is None or progress.total is None:
        return None
    trained = trainers(state.writers.values())
    last = max((writer.opened_at or 0.0 for writer in trained), default=0.0)
    resumed = any((outcome(writer).closed_at or last) < last for writer in trained)
    if state.forked is not None or resumed or not 0 < progress.done < progress.total:
        return None
    rate = progress.done / max(progress.time - begun, 1e-9)
    left = (progress.total - progress.done) / rate - (now - progress.time)
    return left if 0 < left < math.inf else None


def _alerts(catalog: Catalog, rows: Iterable[int]) -> list[HomeAlert]:
    found = []
    for row in rows:
        if not (alerts := catalog.states[row].alerts):
            continue
        head = catalog.heads[row]
        for raised, (told, *_) in alerts:
            said = msgspec.structs.asdict(heads.shown_alert(raised, told))
            found.append(HomeAlert(**said, run=head.id, run_name=head.name))
    return sorted(found, key=lambda alert: (-alert.time, alert.run))


def _silent(catalog: Catalog, rows: Iterable[int]) -> list[Silent]:
    found = []
    for row in rows:
        for name, writer in catalog.states[row].writers.items():
            end = outcome(writer)
            if end.status == "lost" and not writer.role:
                head = catalog.heads[row]
                told = Silent(head.id, head.name, name, writer.host, writer.rank, end.closed_at)
                found.append(told)
    return sorted(found, key=lambda silent: (-(silent.last_seen or 0.0), silent.run, silent.writer))
