"""Pictures of every page in every state.

`python -m tests.browser.gallery [NAME ...]` trains a small demo, serves it and an empty store, and
writes `build/screens/NAME-STATE-THEME-WIDTH.png`: full, empty, loading, error and offline, light
and dark, wide and narrow. A new page is one line of SCREENS. Loading, errors and silence are made
between the browser and the server; no product code knows of them.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

from .chromium import Chromium
from .page import Page

__all__ = ["SCREENS", "Screen", "main"]

OUT = Path(__file__).resolve().parent.parent.parent / "build/screens"
THEMES = ("light", "dark")
SIZES = {1440: 900, 390: 844}
START_S = 300.0  # the demo trains before its pictures are taken
STOP_S = 15.0
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
            "code": "view_damaged",
            "message": "the views of this page can't be read",
            "hint": "they are being made again from the log; ask again in a moment",
            "at": None,
        }
    }
).encode()

Prepare = Callable[[Page], None]


class Screen(NamedTuple):
    """A page: its name, its path, and what is done before the picture is taken.

    `{run}` in the path is the id of a run. A screen that is a `detail` of a page has no states of
    its own: it is taken full only.
    """

    name: str
    path: str
    prepare: Prepare | None = None
    detail: bool = False


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
    Screen("run-media", "runs/{run}/media"),
    Screen("run-code", "runs/{run}/code"),
    Screen("run-settings", "runs/{run}/settings", detail=True),
    Screen("search", "search?q=loss"),
    Screen("search-begun", "search", detail=True),
    Screen("search-narrowed", "search?q=loss&in=run.seed+%3E+0&where=line", detail=True),
    Screen("bookmarks", "bookmarks"),
    Screen("tags", "tags"),
    Screen("settings", "settings", detail=True),
    Screen("palette", "runs", _press("Control+k"), detail=True),
    Screen("palette-found", "runs", _press("Control+k", then="loss"), detail=True),
    Screen("keys", "runs", _press("?"), detail=True),
    Screen("bookmark", "runs", _press("b"), detail=True),
    Screen("lost", "no/such/page", detail=True),
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
        full = stack.enter_context(_demo(folder / "demo"))
        empty = stack.enter_context(_server(folder / "empty"))
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
    page.reply(ASKED, 503, FAILURE)


def _cut(page: Page) -> None:
    page.refuse(STREAM)


STATES: dict[str, Prepare | None] = {
    "full": None,
    "empty": None,
    "loading": _hold,
    "error": _fail,
    "offline": _cut,
}


def _take(chromium: Chromium, screen: Screen, state: str, server: Address) -> int:
    if state == "empty" and "{run}" in screen.path:
        return 0  # without a run it has no page
    taken = 0
    for theme in THEMES:
        for width, height in SIZES.items():
            page = Page(chromium)
            page.prefer(color_scheme=theme)
            page.resize(width, height)
            if stage := STATES[state]:
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


@contextmanager
def _demo(store: Path) -> Iterator[Address]:
    """Train some models of the demo, and serve them with a bookmark and a tag."""
    short = ["--runs", "8", "--steps", "900", "--seconds", "0", "--port", "0"]
    with _process("demo", "--store", str(store), *short) as process:
        said = _until(process, "Press Ctrl-C")
        (url,) = re.findall(r"Open (http\S+)", said)
        base = url.rstrip("/") + "/"
        rows = _post(base, "runs/search", {"limit": 2, "query": 'run.status == "finished"'})["rows"]
        ids = [row["id"] for row in rows]
        _post(base, "runs/edit", {"ids": ids, "edit": {"tags_added": ["candidate"]}})
        bookmark = {"name": "Loss", "page": "metrics", "pinned": True, "note": "after warm-up"}
        _post(base, "bookmarks", {**bookmark, "url": 'metrics?q=metric.name+==+"loss"'})
        yield Address(base, ids[0])


@contextmanager
def _server(store: Path) -> Iterator[Address]:
    with _process("up", "--json", "--port", "0", "--store", str(store)) as process:
        line = _until(process, "\n")
        yield Address(json.loads(line)["url"], "none")


@contextmanager
def _process(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "foldline_ui", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout
    said = ""
    end = time.monotonic() + START_S
    while words not in said:
        ready = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))[0]
        # Past the buffer of the text stream, which `select` can't see into.
        chunk = os.read(process.stdout.fileno(), 1 << 16).decode() if ready else ""
        if not chunk:
            raise RuntimeError(f"it did not say {words!r}, only:\n{said}")
        said += chunk
    return said


def _post(base: str, path: str, body: object) -> dict[str, list[dict[str, str]]]:
    headers = {"Content-Type": "application/json"}
    request = Request(f"{base}api/v1/{path}", json.dumps(body).encode(), headers)
    with urlopen(request, timeout=STOP_S) as answer:
        answered: dict[str, list[dict[str, str]]] = json.load(answer)
    return answered


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
