"""What a store shows first: cards, alerts, silence, days."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import pytest

from foldline.events import (
    AlertRaised,
    Event,
    FieldsSet,
    ProgressReported,
    RunForked,
    SeriesDefined,
    WriterClosed,
    WriterLost,
    WriterOpened,
)
from foldline.layout import Layout, Marker, SegmentName
from foldline_views.activity import ActivityPage
from foldline_views.folding import catch_up
from foldline_views.home import HomePage
from foldline_views.reader import Views
from foldline_views.shelves import CATALOG, POINTS
from tests.segment_build import SegmentBuild

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
BEGUN = NOW - 1000
LATER = WriterOpened("lab1", 8)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be NOW for whoever makes these answers."""
    monkeypatch.setattr("foldline_views.home.time.time", lambda: NOW)


class Log:
    """The segment of a run that still goes on."""

    def __init__(self, store: Path, run: str, writer: str = "w0", start: float = BEGUN) -> None:
        self._path = Layout(store).segment(SegmentName(run, writer))
        self._marker = Layout(store).marker(SegmentName(run, writer))
        self.build = SegmentBuild(run, writer, salt=7, start=start)

    def say(self, time: float, event: Event) -> Log:
        self.build.time = time - 0.25
        self.build.event(event)
        return self

    def points(self, number: int, time: float, count: int) -> Log:
        for step in range(count):
            self.build.time = time - 0.25
            self.build.point(number, step, 0.5)
        return self

    def keep(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_bytes(self.build.killed())
        # Of another host: nobody here can see whether its process lives.
        self._marker.write_bytes(msgspec.json.encode(Marker("elsewhere", 1)))


def home(store: Path, limit: int = 20) -> HomePage:
    """Return the home page of a store."""

    async def ask() -> HomePage:
        await catch_up(Layout(store))
        views = await Views.open(Layout(store).views)
        try:
            return await views.home(limit)
        finally:
            await views.close()

    return anyio.run(ask)


def activity(store: Path, days: int, offset_s: int) -> ActivityPage:
    """Return the days of a store."""

    async def ask() -> ActivityPage:
        await catch_up(Layout(store), shelves=(CATALOG, POINTS))
        views = await Views.open(Layout(store).views)
        try:
            return await views.activity(days, offset_s)
        finally:
            await views.close()

    return anyio.run(ask)


def created(tmp_path: Path) -> Path:
    Layout(tmp_path / "store").create()
    return tmp_path / "store"


def test_an_empty_store_has_an_empty_home(tmp_path: Path) -> None:
    """Nothing runs, nothing ran, and nothing is wrong."""
    store = created(tmp_path)
    assert home(store) == HomePage([], 0, [], 0, [], [], 0)
    assert activity(store, 10, 0).days == []


def test_cards_show_what_runs_and_what_ran_last(tmp_path: Path) -> None:
    """The newest come first; what is archived or deleted, and the machine's load, is not told."""
    store = created(tmp_path)
    for at in range(5):
        log = Log(store, f"run{at}", start=BEGUN + at)
        log.say(BEGUN + 10, SeriesDefined(1, "__system__/cpu"))
        for number in range(2, 9):
            log.say(BEGUN + 10, SeriesDefined(number, f"m{number}"))
            log.points(number, BEGUN + 20 + number, 3)
        log.points(1, BEGUN + 20, 3)
        if at == 1:
            log.say(BEGUN + 30, WriterClosed("finished"))
        if at >= 3:
            log.say(BEGUN + 30, FieldsSet({"archived": at == 3, "deleted": at == 4}))
        log.keep()
    page = home(store)
    assert [run.id for run in page.running] == ["run2", "run0"]
    assert [run.id for run in page.recent] == ["run2", "run1", "run0"]
    assert (page.running_total, page.total) == (2, 3)
    card = page.running[0]
    assert [metric.name for metric in card.metrics] == ["m2", "m3", "m4", "m5"]
    assert (card.series_total, card.updated_at) == (8, BEGUN + 28)
    assert card.duration == NOW - card.created_at
    assert [run.id for run in home(store, limit=1).recent] == ["run2"]


@pytest.mark.parametrize(
    ("said", "eta_s"),
    [
        ([], None),
        ([(BEGUN + 500, ProgressReported(done=5.0, total=20.0))], 1000),  # 100 s each
        ([(BEGUN + 500, ProgressReported(done=5.0, total=6.0))], None),  # overdue for 400 s
        ([(BEGUN + 500, ProgressReported(done=0.0, total=6.0))], None),
        ([(BEGUN + 500, ProgressReported(done=6.0, total=6.0))], None),
        ([(BEGUN + 500, ProgressReported(done=5.0))], None),
        ([(BEGUN + 500, ProgressReported(done=float("nan"), total=20.0))], None),
        ([(BEGUN + 500, ProgressReported(done=5.0, total=float("inf")))], None),
        (
            [
                (BEGUN + 400, RunForked("other", 3)),
                (BEGUN + 500, ProgressReported(done=5.0, total=20.0)),
            ],
            None,
        ),
    ],
)
def test_an_eta_is_told_where_it_is_known(
    tmp_path: Path, said: list[tuple[float, Event]], eta_s: float | None
) -> None:
    """A run goes on as it did; one that can't be reckoned so has none."""
    store = created(tmp_path)
    log = Log(store, "run1")
    for time, event in said:
        log.say(time, event)
    log.keep()
    (card,) = home(store).running
    assert card.eta_s == (None if eta_s is None else pytest.approx(eta_s, abs=1.0))


def test_a_resumed_run_has_no_eta(tmp_path: Path) -> None:
    """What an earlier process did would make the later one look faster than it is."""
    store = created(tmp_path)
    Log(store, "run1").say(BEGUN + 10, WriterClosed("finished")).keep()
    second = Log(store, "run1", "w1", start=BEGUN + 400)
    second.say(BEGUN + 500, ProgressReported(done=5.0, total=20.0)).keep()
    (card,) = home(store).running
    assert card.progress is not None
    assert card.eta_s is None


def test_alerts_and_silence_are_told_with_whose_they_are(tmp_path: Path) -> None:
    """The newest alerts of all runs come first, and so do the processes that fell silent last."""
    store = created(tmp_path)
    for at, run in enumerate(("one", "two")):
        log = Log(store, run, start=BEGUN + at)
        log.say(BEGUN + 2, FieldsSet({"name": f"<{run}>"}))
        for number in range(3):
            log.say(BEGUN + 10 * number + at, AlertRaised(f"{run} {number}", level=30))
        log.keep()
    lost = WriterLost("w0", BEGUN + 50, silent=True)
    Log(store, "two", "w9", start=BEGUN + 60).say(BEGUN + 90, lost).keep()
    page = home(store, limit=4)
    assert [alert.title for alert in page.alerts] == ["two 2", "one 2", "two 1", "one 1"]
    assert page.alerts[0].run_name == "<two>"
    (silent,) = page.silent
    assert (silent.run, silent.writer, silent.last_seen) == ("two", "w0", BEGUN + 50)


def test_days_are_those_of_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and points fall on the day that the reader's clock had; the machine's points on none."""
    monkeypatch.setattr("foldline_views.holdings.time.time", lambda: NOW)
    store = created(tmp_path)
    log = Log(store, "run1", start=NOW - 60)  # 22:12 UTC
    log.say(NOW, SeriesDefined(1, "loss")).say(NOW, SeriesDefined(2, "__system__/cpu"))
    log.points(1, NOW - 50 * 3600, 7)
    log.points(1, NOW, 5)
    log.points(2, NOW, 100)
    log.points(1, float("nan"), 1)
    log.points(1, -5.0, 1)
    log.keep()

    def told(days: int, offset_s: int) -> dict[str, tuple[int, int | None]]:
        found = activity(store, days, offset_s).days
        return {one.day: (one.runs, one.points) for one in found}

    assert told(10, 0) == {"2023-11-12": (0, 7), "2023-11-14": (1, 5)}
    assert told(10, 2 * 3600) == {"2023-11-12": (0, 7), "2023-11-15": (1, 5)}
    assert told(10, 5 * 3600 + 2700) == {"2023-11-13": (0, 7), "2023-11-15": (1, 5)}
    assert told(10, -10 * 3600) == {"2023-11-12": (0, 7), "2023-11-14": (1, 5)}
    assert told(1, 0) == {"2023-11-14": (1, 5)}
