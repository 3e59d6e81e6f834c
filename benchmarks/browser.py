"""How long a person waits for pages in a browser.

Chromium renders in software, on the machine that serves. Two stores are written from real curves:
5,000 runs of 10 metrics and 200 params, and 50 runs of 30 metrics. Pages are opened cold, each in a
profile of its own; times count from navigation, by the page's own clock.
"""

from __future__ import annotations

import multiprocessing
import random
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlencode

import foldline
from foldline_ui.pages import STATIC
from tests.browser.chromium import Chromium
from tests.browser.page import Page

from .report import Report, scratch
from .servers import Client, foldline_server, settle
from .shapes import Shape, fill

__all__ = ["DRAWN", "ROWS", "WHEN", "add_heap", "chromium", "measure"]

RUNS = Shape(5_000, metrics=10, steps=200, params=200)
PANELS = Shape(50, metrics=30, steps=1_000)
OPENED = 5  # times that each page is opened; the median counts
TALL_PX = 1_400  # a window in which thirty small panels are in sight
HOVERS = 90  # frames while the pointer moves over charts
SCROLLS = 120  # frames while a table is scrolled
WORD = "resnet"  # typed into the palette, a key at a time
POINTS = 150  # tracked one by one, to see how soon each is drawn
PACE_S = 0.1  # between them, on average
LIVE_RUNS, LIVE_METRICS = 10, 10  # that grow together, each a point a second: 100 points a second
SETTLE_S = 20.0  # of live points before the heap is looked at first
MINUTES = 2.0
ENTRY_KB = 150.0
FRAME_MS = 20.0  # of one frame, at most
PALETTE_SETTLED_MS = 400  # without a change in the list, the answer is complete

WITH_EXPERIMENTS = "run.experiment in ({})"
SERIES_500 = 'metric.name == "loss" and ' + WITH_EXPERIMENTS.format(
    ", ".join(f'"experiment {number}"' for number in range(4))
)
SERIES_ALL = 'metric.name == "loss"'
DRAWN = (
    "[...document.querySelectorAll('[data-lines]')]"
    ".reduce((sum, chart) => sum + Number(chart.dataset.lines), 0) >= {}"
)
ROWS = "document.querySelectorAll('[role=grid] [role=row]').length > 10"

# Milliseconds from navigation to the first frame in which something holds.
WHEN = """
new Promise((done) => {{
  const look = () => ({condition}) ? done(performance.now()) : requestAnimationFrame(look);
  look();
}})
"""
# Milliseconds of each frame while `act` is done once a frame: from when the browser says that the
# one before began, and by the clock as the script comes to its turn, which no person sees.
FRAMES = """
new Promise((done) => {{
  const times = [];
  let [before, turn] = [performance.now(), performance.now()];
  const frame = (began) => {{
    const now = performance.now();
    times.push([began - before, now - turn]);
    [before, turn] = [began, now];
    if (times.length > {count}) return done(times.slice(2));
    ({act})(times.length);
    requestAnimationFrame(frame);
  }};
  requestAnimationFrame(frame);
}})
"""
HOVER = """(frame) => {
  const over = document.querySelector('.u-over');
  const box = over.getBoundingClientRect();
  over.dispatchEvent(new MouseEvent('mousemove', {
    bubbles: true,
    clientX: box.left + box.width * ((frame * 7) % 97) / 97,
    clientY: box.top + box.height * ((frame * 3) % 89) / 89,
  }));
}"""
SCROLL = """() => {
  const grid = document.querySelector('[role=grid]');
  grid.scrollTop += 90;
  grid.scrollLeft += 60;
}"""
# Milliseconds from the next key to the last change of the palette's list.
ANSWERED = f"""
new Promise((done) => {{
  addEventListener('input', () => {{
    const typed = performance.now();
    let last = typed;
    let timer;
    const settle = () => {{
      clearTimeout(timer);
      timer = setTimeout(() => {{ watch.disconnect(); done(last - typed); }}, {PALETTE_SETTLED_MS});
    }};
    const watch = new MutationObserver(() => {{ last = performance.now(); settle(); }});
    watch.observe(document.querySelector('[role=dialog]'), {{
      subtree: true, childList: true, characterData: true,
    }});
    settle();
  }}, {{ once: true, capture: true }});
}})
"""
# When each step was first drawn, by the clock that the training has as well.
SEEN = """
window.seen = {};
(function look() {
  const last = document.querySelector('[data-last]')?.dataset.last;
  for (const [step] of Object.values(last ? JSON.parse(last) : {})) {
    window.seen[step] ??= (performance.timeOrigin + performance.now()) / 1000;
  }
  requestAnimationFrame(look);
})();
"""


def measure() -> Report:
    """Fill stores, open pages, and look at the clock."""
    report = Report("browser", "Pages in Chromium, software rendering, opened cold")
    report.add("entry bundle, gzip", _entry_kb(), "KB", at_most=ENTRY_KB)
    with scratch("browser") as folder, chromium() as browser:
        fill(folder / "runs", RUNS)
        with foldline_server(folder / "runs") as (_, client):
            settle(client, runs=RUNS.runs)
            _tables(report, browser, client)
            _charts(report, browser, client)
        fill(folder / "panels", PANELS)
        with foldline_server(folder / "panels") as (_, client):
            settle(client, runs=PANELS.runs)
            _panels(report, browser, client)
        with foldline_server(folder / "live") as (_, client):
            client.ask("health")
            _live(report, browser, client, folder / "live")
    return report


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Run a browser until the block ends."""
    browser = Chromium()
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def _page(browser: Chromium, client: Client, path: str) -> Iterator[Page]:
    """Open a page in a fresh profile: nothing of it is known to the browser yet."""
    page = Page(browser)
    try:
        page.goto(f"http://127.0.0.1:{client.port}/{path}")
        yield page
    finally:
        page.close()


def _entry_kb() -> float:
    """Return what has to come before anything is shown, but for fonts, as it travels."""
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    names = re.findall(r'(?:src|href)="(?:\./)?(assets/[^"]+\.(?:js|css))"', index)
    packed = [STATIC / f"{name}.gz" for name in names]
    # Small ones are sent as they are.
    files = [file if file.exists() else file.with_suffix("") for file in packed]
    return sum(file.stat().st_size for file in files) / 1000


def _when(page: Page, condition: str) -> float:
    return float(page.evaluate(WHEN.format(condition=condition)))


def _opened(browser: Chromium, client: Client, path: str, condition: str) -> list[float]:
    """Return when a page was ready, each time anew."""
    times = []
    for _ in range(OPENED):
        with _page(browser, client, path) as page:
            times.append(_when(page, condition))
    return times


def _add_opened(report: Report, what: str, times: list[float], at_most: float) -> None:
    note = f"slowest of {len(times)}: {max(times):.0f} ms"
    report.add(f"{what}, median", statistics.median(times), "ms", at_most=at_most, note=note)


def _add_frames(report: Report, what: str, page: Page, act: str, count: int) -> None:
    took = page.evaluate(FRAMES.format(act=act, count=count))
    frames, turns = ([float(each) for each in times] for times in zip(*took, strict=True))
    p95, by_turn = (statistics.quantiles(times, n=20)[-1] for times in (frames, turns))
    note = f"median {statistics.median(frames):.1f} ms; by the script's clock p95 {by_turn:.1f} ms"
    report.add(f"{what}, p95 of a frame", p95, "ms", at_most=FRAME_MS, note=note)


def _tables(report: Report, browser: Chromium, client: Client) -> None:
    _add_opened(
        report, f"{RUNS.runs:,} runs: table ready", _opened(browser, client, "runs", ROWS), 1000
    )
    with _page(browser, client, "runs?col=*") as page:
        page.wait_until(
            "document.querySelector('[role=grid]')?.getAttribute('aria-colcount') >= 200"
        )
        page.wait_until(ROWS)
        _add_frames(report, "scroll at 200 columns", page, SCROLL, SCROLLS)
        report.add("heap after it", page.heap_bytes() / 2**20, "MiB", at_most=120)
        page.press("Escape")
        page.press("Control+k")
        page.wait_for("[role=dialog] [role=combobox]")
        answers = []
        for letter in WORD:
            page.evaluate(f"window.answered = {ANSWERED}; undefined")
            page.type(letter)
            answers.append(float(page.evaluate("window.answered")))
        note = f"slowest of {len(answers)} keys: {max(answers):.0f} ms"
        report.add("palette, answer to a key, median", statistics.median(answers), "ms",
                   at_most=100, note=note)  # fmt: skip


def _explorer(query: str, **words: str) -> str:
    return f"metrics?{urlencode({'q': query, **words})}"


def _charts(report: Report, browser: Chromium, client: Client) -> None:
    facets = _explorer(SERIES_500, color="run.hparams.optimizer", facet="run.experiment")
    times = _opened(browser, client, facets, DRAWN.format(500))
    _add_opened(report, "500 series in four charts: ready", times, 1500)
    with _page(browser, client, facets) as page:
        _when(page, DRAWN.format(500))
        _add_frames(report, "500 series: hover", page, HOVER, HOVERS)
        report.add("500 series: heap", page.heap_bytes() / 2**20, "MiB", at_most=120)
    times = _opened(browser, client, _explorer(SERIES_ALL), DRAWN.format(2000))
    _add_opened(report, "2,000 series in one chart: ready", times, 3000)
    grouped = _explorer(SERIES_ALL, color="run.hparams.optimizer", agg="mean,std", members="0")
    banded = "document.querySelectorAll('aside .row').length > 2 && " + DRAWN.format(0)
    times = _opened(browser, client, grouped, banded)
    _add_opened(report, "5,000 series as groups with bands: ready", times, 3000)


def _panels(report: Report, browser: Chromium, client: Client) -> None:
    times = []
    for _ in range(OPENED):
        page = Page(browser)
        try:
            page.resize(1440, TALL_PX)
            page.goto(f"http://127.0.0.1:{client.port}/metrics?size=s")
            times.append(_when(page, DRAWN.format(PANELS.metrics * PANELS.runs)))
        finally:
            page.close()
    _add_opened(report, "30 panels of 50 lines: ready", times, 2000)


def _live(report: Report, browser: Chromium, client: Client, store: Path) -> None:
    processes = multiprocessing.get_context("spawn")
    with _page(browser, client, _explorer('metric.name == "watched"')) as page:
        page.evaluate(SEEN)
        ours, theirs = processes.Pipe()
        tracker = processes.Process(target=_track, args=(store, theirs))
        tracker.start()
        tracked = ours.recv()
        tracker.join()
        page.wait_until(f"({POINTS - 1}) in window.seen")
        seen = {int(step): float(at) for step, at in page.evaluate("window.seen").items()}
    # The first points wait for a page that asks again only every two seconds while it has none.
    first = min(seen) + POINTS // 10
    late = [(seen[step] - at) * 1000 for step, at in enumerate(tracked) if step >= first
            and step in seen]  # fmt: skip
    report.add("track() to a pixel, p50", statistics.median(late), "ms", at_most=100,
               note=f"{len(late)} points of {POINTS} were drawn last")  # fmt: skip
    report.add("track() to a pixel, p95", statistics.quantiles(late, n=20)[-1], "ms")
    add_heap(report, browser, client, store, MINUTES)


def add_heap(
    report: Report, browser: Chromium, client: Client, store: Path, minutes: float
) -> None:
    """Watch the heap of a page of charts that grow for so long."""
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    growing = processes.Process(target=_grow, args=(store, theirs))
    growing.start()
    ours.recv()
    query = "metric.name in (" + ", ".join(f'"m{n}"' for n in range(LIVE_METRICS)) + ")"
    try:
        with _page(browser, client, _explorer(query)) as page:
            _when(page, DRAWN.format(LIVE_RUNS))  # charts out of sight are not drawn
            time.sleep(SETTLE_S)
            heaps = [page.heap_bytes() / 2**20]
            end = time.monotonic() + minutes * 60
            while time.monotonic() < end:
                time.sleep(min(15.0, minutes * 60 / 4))
                heaps.append(page.heap_bytes() / 2**20)
    finally:
        ours.send("stop")
        growing.join()
    # The points drawn of a series are bounded, so what is held must be as well.
    half = len(heaps) // 2
    grown = statistics.median(heaps[half:]) - statistics.median(heaps[: half + 1])
    rate = LIVE_RUNS * LIVE_METRICS
    note = f"{heaps[0]:.1f} MiB at first, {heaps[-1]:.1f} at last, {max(heaps):.1f} at most"
    report.add(f"heap grown in {minutes:g} min of {rate} points/s", grown, "MiB",
               at_most=5, note=note)  # fmt: skip


def _track(store: Path, report: Connection) -> None:
    pace, times = random.Random(7), []
    with foldline.Run(store=store, name="watched", capture=False) as run:
        for step in range(POINTS):
            time.sleep(pace.expovariate(1 / PACE_S))
            times.append(time.time())
            run.track(1.0 / (1 + step), name="watched", step=step)
    report.send(times)


def _grow(store: Path, told: Connection) -> None:
    runs = [
        foldline.Run(store=store, name=f"live {number}", capture=False)
        for number in range(LIVE_RUNS)
    ]
    step = 0
    while not told.poll():
        begun = time.monotonic()
        for run in runs:
            values = {f"m{n}": random.random() + 1 / (1 + step) for n in range(LIVE_METRICS)}
            run.track(values, step=step)
        if step == 0:
            told.send("growing")
        step += 1
        time.sleep(max(0.0, 1.0 - (time.monotonic() - begun)))
    for run in runs:
        run.finish()
