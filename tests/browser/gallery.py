"""Pictures of every page in every state.

`python -m tests.browser.gallery [NAME ...]` trains a small demo, serves it and an empty store, and
writes `build/screens/NAME-STATE-THEME-WIDTH.png`: full, empty, loading, error, being made and
offline, light and dark, wide and narrow. A new page is one line of SCREENS. Loading, errors and
silence are made between the browser and the server; no product code knows of them.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import numpy as np

import foldline

from .chromium import Chromium
from .page import Page
from .serving import begin, read_until, up

__all__ = ["SCREENS", "Screen", "main"]

OUT = Path(__file__).resolve().parent.parent.parent / "build/screens"
THEMES = ("light", "dark")
SIZES = {1440: 900, 390: 844}
SEEN = "seen000001"  # a run of pictures and clouds
SHORT = ("--runs", "8", "--steps", "900", "--seconds", "0", "--port", "0")
TRAINED_S = 300.0  # the demo trains before its pictures are taken
ANSWER_S = 15.0
QUIET_MS = 350  # a page that has not changed for so long has settled
QUIET_MS_MAX = 1500  # a page that changes for ever is looked at again
SETTLE_S = 8.0  # for the answers that a page waits for, on a busy machine
HELD_S = 0.5  # where they are held back for the picture
# What a page asks of the server, but not how the server is nor the stream of changes.
ASKED = "*/api/v1/*"
STREAM = "*/api/v1/events*"
HEALTH = "*/api/v1/health*"
FAILURE = json.dumps(
    {
        "error": {
            "code": "internal",
            "message": "the server failed to answer; error id 5f0c91d2",
            "hint": "the server's terminal shows what happened beside this id",
            "at": None,
        }
    }
).encode()

MADE_AGAIN = json.dumps(
    {
        "error": {
            "code": "view_damaged",
            "message": "the views of this page can't be read",
            "hint": "nothing is lost: they are made again from the log; ask again in a moment",
            "at": None,
        }
    }
).encode()

UNKNOWN = json.dumps(
    {
        "error": {
            "code": "not_signed_in",
            "message": "the server asks who you are",
            "hint": "open the address that `foldline token login` prints",
            "at": None,
        }
    }
).encode()

Prepare = Callable[[Page], None]


class Screen(NamedTuple):
    """A page: its name, its path, and what is done before the picture is taken.

    `{run}` in the path is the id of a run. A screen that is a `detail` of a page has no states of
    its own: it is taken full only. What the server answers may be staged before it is opened.
    """

    name: str
    path: str
    prepare: Prepare | None = None
    detail: bool = False
    stage: Prepare | None = None


def _enlarge(page: Page) -> None:
    page.click("article figure button")
    page.wait_for("dialog[open] .layer button")
    page.hover("dialog[open] .picture", at=(0.5, 0.62))


def _shut_out(page: Page) -> None:
    page.reply(ASKED, 401, UNKNOWN)


def _press(*keys: str, then: str = "") -> Prepare:
    def prepare(page: Page) -> None:
        for key in keys:
            page.press(key)
        page.wait_for("[role=dialog]")
        page.type(then)

    return prepare


SCREENS = (
    Screen("home", ""),
    Screen("runs", "runs"),
    Screen("metrics", "metrics"),
    Screen("metrics-query", "metrics?q=metric.name%20%3D%3D%20%22loss%22", detail=True),
    Screen("run", "runs/{run}"),
    Screen("run-params", "runs/{run}/params"),
    Screen("run-metrics", "runs/{run}/metrics"),
    Screen("run-system", "runs/{run}/system"),
    Screen("run-logs", "runs/{run}/logs"),
    Screen("run-media", f"runs/{SEEN}/media"),
    Screen("run-media-none", "runs/{run}/media", detail=True),
    Screen("run-picture", f"runs/{SEEN}/media?kind=image", _enlarge, detail=True),
    Screen("run-cloud", f"runs/{SEEN}/media?kind=points3d", detail=True),
    Screen("run-code", "runs/{run}/code"),
    Screen("run-settings", "runs/{run}/settings", detail=True),
    Screen("search", "search?q=loss"),
    Screen("search-begun", "search", detail=True),
    Screen("search-narrowed", "search?q=loss&in=run.hparams.seed+%3E+0&where=code", detail=True),
    Screen("bookmarks", "bookmarks"),
    Screen("tags", "tags"),
    Screen("settings", "settings", detail=True),
    Screen("palette", "runs", _press("Control+k"), detail=True),
    Screen("palette-found", "runs", _press("Control+k", then="loss"), detail=True),
    Screen("keys", "runs", _press("?"), detail=True),
    Screen("bookmark", "runs", _press("b"), detail=True),
    Screen("lost", "no/such/page", detail=True),
    Screen("signed-out", "runs", detail=True, stage=_shut_out),
)


class Address(NamedTuple):
    """Where a server is, and a run that it has."""

    url: str
    run: str


def main(names: list[str]) -> int:
    """Take the pictures of these screens, or of all; return the exit status."""
    known = {screen.name for screen in SCREENS}
    if unknown := set(names) - known:
        sys.stderr.write(f"error: no screen {sorted(unknown)}; there are {sorted(known)}\n")
        return 2
    wanted = [screen for screen in SCREENS if not names or screen.name in names]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="foldline-gallery-")))
        full = _demo(folder / "demo", stack)
        empty = Address(up(folder / "empty", stack).url, "none")
        chromium = Chromium()
        stack.callback(chromium.close)
        taken = 0
        for screen in wanted:
            for state in ("full",) if screen.detail else STATES:
                taken += _take(chromium, screen, state, empty if state == "empty" else full)
    sys.stdout.write(f"{taken} pictures in {OUT}\n")
    return 0


def _settle(page: Page, patience_s: float) -> None:
    """Wait until every request is answered, and the page has not changed for a moment."""
    end = time.monotonic() + patience_s
    while True:
        page.evaluate(
            "new Promise(done => {"
            "let timer;"
            f"const wait = () => {{ clearTimeout(timer); timer = setTimeout(done, {QUIET_MS}); }};"
            "new MutationObserver(wait)"
            ".observe(document, {subtree: true, childList: true, attributes: true});"
            f"wait(); setTimeout(done, {QUIET_MS_MAX});"
            "})"
        )
        if not page.waiting or time.monotonic() > end:
            return


def _hold(page: Page) -> None:
    for pattern in (HEALTH, STREAM):
        page.let(pattern)
    page.hold(ASKED)


def _fail(page: Page) -> None:
    for pattern in (HEALTH, STREAM):
        page.let(pattern)
    page.reply(ASKED, 500, FAILURE)


def _damage(page: Page) -> None:
    for pattern in (HEALTH, STREAM):
        page.let(pattern)
    page.reply(ASKED, 503, MADE_AGAIN)


def _cut(page: Page) -> None:
    page.refuse(STREAM)


STATES: dict[str, Prepare | None] = {
    "full": None,
    "empty": None,
    "loading": _hold,
    "error": _fail,
    "making": _damage,
    "offline": _cut,
}


def _take(chromium: Chromium, screen: Screen, state: str, server: Address) -> int:
    if state == "empty" and screen.path.startswith("runs/"):
        return 0  # without a run it has no page
    taken = 0
    for theme in THEMES:
        for width, height in SIZES.items():
            page = Page(chromium)
            page.prefer(color_scheme=theme)
            page.resize(width, height)
            if stage := screen.stage or STATES[state]:
                stage(page)
            page.goto(server.url + screen.path.format(run=server.run))
            page.wait_for("main")
            _settle(page, HELD_S if state == "loading" else SETTLE_S)
            if screen.prepare:
                screen.prepare(page)
                _settle(page, SETTLE_S)
            page.screenshot(OUT / f"{screen.name}-{state}-{theme}-{width}.png")
            page.close()
            taken += 1
    return taken


def _demo(store: Path, processes: ExitStack) -> Address:
    """Train some models of the demo, and serve them with a bookmark and a tag."""
    _see(store)
    demo = begin(processes, "demo", "--store", str(store), *SHORT)
    said = read_until(demo, "Press Ctrl-C", TRAINED_S)
    (url,) = re.findall(r"Open (http\S+)", said)
    base = url.rstrip("/") + "/"
    rows = _post(base, "runs/search", {"limit": 2, "query": 'run.status == "finished"'})["rows"]
    ids = [row["id"] for row in rows]
    _post(base, "runs/edit", {"ids": ids, "edit": {"tags_added": ["candidate"]}})
    bookmark = {"name": "Loss", "page": "metrics", "pinned": True, "note": "after warm-up"}
    _post(base, "bookmarks", {**bookmark, "url": 'metrics?q=metric.name+==+"loss"'})
    return Address(base, ids[0])


def _see(store: Path) -> None:
    """Log a scene with all that lies over it, and two clouds of points."""
    high, wide = 240, 360
    y, x = np.mgrid[0:high, 0:wide]
    hill = 90 + 22 * np.sin(x / 40) + 9 * np.sin(x / 13)
    road = (y > high - 70) & (np.abs(x - wide / 2) < 30 + (y - high + 70) * 1.6)
    truth = np.select([road, y > hill, y > hill - 26], [1, 2, 3], 0)
    shades = np.array([[178, 206, 232], [96, 98, 104], [104, 142, 84], [62, 92, 66]])
    random = np.random.default_rng(7)
    pixels = np.clip(shades[truth] + random.normal(0, 9, (high, wide, 3)), 0, 255).astype(np.uint8)
    guess = np.roll(truth, 5, axis=1)
    cars = [(0.44, 0.72, 1), (0.53, 0.78, 1), (0.2, 0.6, 2), (0.83, 0.62, 2)]
    boxes = [
        {
            "position": {"middle": (left, top), "width": 0.09, "height": 0.12},
            "class_id": kind,
            "scores": {"sure": round(0.97 - 0.11 * place, 2)},
        }
        for place, (left, top, kind) in enumerate(cars)
    ]
    names = {1: "road", 2: "meadow", 3: "forest"}
    street = foldline.Image(
        pixels,
        caption="the road over the hill",
        boxes={"cars": {"box_data": boxes, "class_labels": {1: "car", 2: "cow"}}},
        masks={
            "truth": {"mask_data": truth, "class_labels": names},
            "guess": {"mask_data": guess, "class_labels": names},
        },
    )
    turn, along = random.uniform(0, 2 * np.pi, 60_000), random.uniform(0, 1, 60_000)
    ring = (1 + 0.35 * np.cos(9 * along * np.pi))[:, None] * np.c_[np.cos(turn), np.sin(turn)]
    vase = np.c_[ring, 3 * along, (along * 5).astype(int)]
    ground = random.uniform(-20, 20, (200_000, 2))
    land = np.c_[ground, 2 * np.sin(ground[:, 0] / 4) * np.cos(ground[:, 1] / 5)]
    with foldline.Run(id=SEEN, name="seen", experiment="scenes", store=store) as run:
        for step in (0, 100):
            run.track(street, name="street", step=step)
            run.track([street] * 3, name="streets", step=step)
            run.track(foldline.Points3D(vase), name="vase", step=step)
            run.track(foldline.Points3D(land), name="land", step=step)


def _post(base: str, path: str, body: object) -> dict[str, list[dict[str, str]]]:
    headers = {"Content-Type": "application/json"}
    request = Request(f"{base}api/v1/{path}", json.dumps(body).encode(), headers)
    with urlopen(request, timeout=ANSWER_S) as answer:
        answered: dict[str, list[dict[str, str]]] = json.load(answer)
    return answered


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
