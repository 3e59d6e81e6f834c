"""Bad words of scripts and addresses, on every page.

They are shown as text, or told, and never leave a page blank.
The page is every test's last argument: the tab is closed before its server ends.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

import foldline
from foldline.errors import FoldlineWarning
from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.patience import wait_for

from .conftest import Script, Serve, Served, end, up

AXE = Path(__file__).parents[2] / "ui/web/node_modules/axe-core/axe.min.js"
# Markup that would run, an end of our own markup, control characters, a change of direction, and
# letters with more marks than a line is high.
MARKUP = "<img src=x onerror='window.__pwned=1'><svg onload='window.__pwned=1'></svg>"
SCRIPT = "</script></style><script>window.__pwned=1</script>{{constructor}}${alert(1)}"
ODD = (
    "\u202egnp.exe\u2066 \x1b[31mred\x1b]0;title\x07 \x00\x08\x7f"
    " z\u0338\u0322a\ufeffl\u200bgo \U0001f469\u200d\U0001f467 \ud7ff"
)
EVIL = f"{MARKUP}{SCRIPT} {ODD}"
LINK = "[press](javascript:window.__pwned=1) ![x](x 'onerror=window.__pwned=1') <b onclick=1>b</b>"
LONG_NAME = "deep/" * 203 + "loss"  # 1,019 characters, near the most that a name may have
TOO_LONG_NAME = "deep/" * 399 + "loss!"  # 2,000 characters
BIG = "x" * (1 << 20)
COLUMNS = 10_000
PAGES = ("", "runs", "metrics", "search?q=pwned", "search", "bookmarks", "tags", "settings")
TABS = ("", "params", "metrics", "system", "logs", "media", "code", "settings")
# A whole state of each page, to be cut anywhere.
STATES = (
    "runs?q=run.hparams.lr+%3E+0.001&sort=-run.created_at&group=run.experiment&columns=%5B%22a%22",
    "metrics?q=metric.name+%3D%3D+%22loss%22&color=run.seed&facet=metric.name&x=time&log=y&zoom=1",
    "metrics?smooth=ema%3A0.6&range=0%3A10&zoom=1%2C2&hidden=a&baseline=evil000001&outliers=0.95",
    "search?q=%22out+of+memory%22&in=run.seed+%3D%3D+1&where=line&after=7d&status=failed",
    "runs/evil000001/logs?writer=a&at=12#L12-L20",
    "runs/evil000001/metrics?find=*&size=2&x=step&log=1&smooth=ema%3A0.6&zoom=1%2C2&panel=loss",
)
GARBAGE = (
    "%00", "%F0%28%8C", "NaN", "-1e999", "[]", "{", "null", "'\"", "\\", "😀", "../..", "a:b:c,d",
    "%3Cscript%3Ewindow.__pwned%3D1%3C/script%3E",
)  # fmt: skip
WORDS = (
    "q", "sort", "group", "columns", "cols", "x", "y", "color", "facet", "stroke", "smooth", "zoom",
    "range", "log", "size", "find", "panel", "hidden", "baseline", "in", "where", "after", "status",
    "tag", "view", "writer", "rank", "at", "step", "kind", "name", "file", "vs", "level", "layout",
)  # fmt: skip

PRINTER = f"""
import foldline
EVIL = {EVIL!r}
LINK = {LINK!r}
with foldline.Run(id="printer001", name="printer") as run:
    print(EVIL, flush=True)
    print(LINK, flush=True)
    print("x" * 200_000, flush=True)
    run.track(1.0, name="loss")
"""

FALLING = """
import itertools, sys, time
began, minutes = time.time(), itertools.count()
time.time = lambda: began - 60 * next(minutes)
time.time_ns = lambda: int(time.time() * 1e9)
import foldline
with foldline.Run(id="falling001", name="falling", store=sys.argv[1]) as run:
    for step in range(50):
        run.track(step, name="loss", step=step)
"""


def log_evil(store: Path) -> None:
    """Log runs whose every word is bad."""
    with foldline.Run(
        id="evil000001",
        name=EVIL,
        experiment=EVIL,
        tags=[EVIL[:150], MARKUP],
        notes=f"{EVIL}\n\n{LINK}",
        description=EVIL,
        params={EVIL: EVIL, "lr": MARKUP, "deep": {SCRIPT: [MARKUP, ODD]}},
        store=store,
    ) as run:
        for step in range(20):
            run.track(1 / (step + 1), name=EVIL, step=step, context={MARKUP: SCRIPT})
            run.track(step, name="loss", step=step)
        run.track(foldline.Text(f"{EVIL}\n\n{LINK}", format="markdown"), name=MARKUP, step=1)
        run.track(foldline.Html(f"<p>html</p>{MARKUP}{SCRIPT}"), name="page", step=1)
        run.log_error(EVIL, key=SCRIPT)
        run.alert(MARKUP, EVIL, level="error")
        run.summary[EVIL] = SCRIPT
    with foldline.Run(id="wide000001", name="wide", store=store) as run:
        with pytest.warns(FoldlineWarning, match="not kept whole"):
            run["big"] = BIG
        with pytest.warns(FoldlineWarning, match="no name of a metric"):
            run.track(1.0, name=TOO_LONG_NAME, step=0)
        run["many"] = {f"column {number}": number for number in range(COLUMNS)}
        run.track(1.0, name=LONG_NAME, step=0)
        run.track(2.0, name=LONG_NAME, step=1)
        run.track(float("nan"), name="loss", step=0)
        run.track(float("inf"), name="loss", step=1)


def log_backwards(store: Path) -> None:
    """Log a run whose clock falls: it ends before it began, and so do its points."""
    subprocess.run([sys.executable, "-c", FALLING, str(store)], check=True, timeout=60)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a store of bad runs, once for all tests that only look."""
    store = tmp_path_factory.mktemp("evil") / "store"
    with ExitStack() as processes, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDLINE_CAPTURE", "none")
        patch.delenv("FOLDLINE_RUN", raising=False)
        log_evil(store)
        log_backwards(store)
        server = up(store, processes)

        def is_folded() -> bool:
            health = json.loads(server.get("api/v1/health"))
            marks = {shelf["name"]: shelf["watermark"] for shelf in health["shelves"]}
            whole = health["runs"]["total"] == 3 and health["lag_bytes"] == 0
            return whole and "text" in marks and set(marks.values()) == {health["watermark"]}

        wait_for(is_folded, "the bad runs to be folded")
        fell = json.loads(server.get("api/v1/runs/falling001"))
        assert fell["ended_at"] <= fell["created_at"]
        kept = {"name": EVIL[:150], "page": "runs", "url": "runs?q=" + quote(MARKUP)}
        _post(server, "bookmarks", {**kept, "pinned": True, "note": EVIL})
        yield server


def _post(server: Served, path: str, body: object) -> None:
    headers = {"Content-Type": "application/json"}
    request = Request(f"{server.url}api/v1/{path}", json.dumps(body).encode(), headers)
    with urlopen(request, timeout=30) as answer:
        answer.read()


def settle(page: Page) -> None:
    """Wait until the page has drawn what it asked for."""
    page.wait_for("h1")
    page.wait_until("!document.querySelector('main [aria-busy=true]')")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def looked(page: Page, url: str) -> None:
    """Open an address; check that nothing ran, nothing is blank and nothing broke."""
    page.goto(url)
    settle(page)
    assert page.evaluate("window.__pwned") is None, url
    assert str(page.evaluate("document.querySelector('main').innerText")).strip(), f"{url} is blank"
    wide = page.evaluate(
        "(main => main.scrollWidth - main.clientWidth)(document.querySelector('main'))"
    )
    assert wide <= 0, f"{url}: something is {wide} px too wide"
    thrown = [error for error in page.errors if not error.startswith("network: ")]
    assert not thrown, f"{url}: {thrown}"
    assert "ParseError" not in str(page.evaluate("document.title"))


def test_what_scripts_log_is_text_on_every_page(evil: Served, page: Page) -> None:
    """Markup in names, notes, tags, params, metrics and texts is read, and never run."""
    for path in PAGES:
        looked(page, f"{evil.url}{path}")
    for tab in TABS:
        looked(page, f"{evil.url}runs/evil000001/{tab}".rstrip("/"))
    page.goto(f"{evil.url}runs")
    page.wait_for("[role=row]", "<img src=x onerror=")
    page.press("Control+k")
    page.wait_until("document.activeElement.role === 'combobox'")
    page.type("pwned")
    page.wait_for("[role=option] mark", "pwned")
    assert page.evaluate("window.__pwned") is None
    page.errors.clear()  # the policy that stops a user's HTML is reported by the browser


def test_what_a_script_prints_is_text(
    serve: Serve, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    """Markup, directions, control characters and endless lines in a console are only shown."""
    monkeypatch.setenv("FOLDLINE_CAPTURE", "console")
    script(PRINTER).communicate(timeout=60)
    server = serve(tmp_path / "store")
    wait_for(lambda: b"printer001" in _quiet(server, "api/v1/search?q=pwned"), "the lines")
    looked(page, f"{server.url}runs/printer001/logs")
    page.wait_for(".line", "<img src=x onerror=")
    looked(page, f"{server.url}search?q=pwned")
    page.wait_for("a.hit", "<img src=x onerror=")


def _quiet(server: Served, path: str) -> bytes:
    try:
        return server.get(path)
    except HTTPError:
        return b""


def test_what_is_huge_is_shown_in_part(evil: Served, page: Page) -> None:
    """A param of 1 MB, ten thousand columns and a name of 1,000 characters leave pages usable."""
    for tab in ("", "params", "metrics"):
        looked(page, f"{evil.url}runs/wide000001/{tab}".rstrip("/"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440, tab
    for path in (
        "runs",
        "metrics",
        f"metrics?q=metric.name+%3D%3D+%22{LONG_NAME}%22",
        "search?q=wide",
    ):
        looked(page, f"{evil.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440, path
        assert page.evaluate("document.querySelectorAll('*').length") < 20_000, path


def test_clocks_that_go_back_are_shown(evil: Served, page: Page) -> None:
    """A run that ended before it began, with points out of time, has all its pages."""
    for tab in ("", "metrics", "metrics?x=time", "metrics?x=relative"):
        looked(page, f"{evil.url}runs/falling001/{tab}".rstrip("/"))
        page.wait_for("main", "falling")
    looked(page, f"{evil.url}metrics?q=run.id+%3D%3D+%22falling001%22&x=relative")
    assert "NaN" not in page.text("main") and "Invalid" not in page.text("main")


def test_a_cut_address_is_a_page(evil: Served, page: Page) -> None:
    """Half of a state, or nonsense in each of its words, is a page or says what is wrong."""
    chance = random.Random(7)
    for state in STATES:
        for cut in sorted(chance.sample(range(6, len(state)), 4)):
            looked(page, evil.url + state[:cut])
    for path in (
        "runs",
        "metrics",
        "search",
        "runs/evil000001/metrics",
        "runs/evil000001/logs",
        "tags",
    ):
        for odd in chance.sample(GARBAGE, 2):
            looked(page, f"{evil.url}{path}?{'&'.join(f'{word}={odd}' for word in WORDS)}#{odd}")
    page.errors.clear()  # the browser reports each 400


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_shuts_anybody_out(evil: Served, theme: str, page: Page) -> None:
    """Axe finds nothing serious on any page: contrast, names, roles, order."""
    page.prefer(color_scheme=theme)
    rules = AXE.read_text(encoding="utf-8")
    paths = [*PAGES, *(f"runs/evil000001/{tab}".rstrip("/") for tab in TABS)]
    found = []
    for path in paths:
        page.goto(f"{evil.url}{path}")
        settle(page)
        page.evaluate(f"{rules}; 1")
        report = page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations"
            ".filter(v => ['serious', 'critical'].includes(v.impact))"
            ".map(v => [v.id, v.nodes.slice(0, 5).map(n => n.html.slice(0, 200) + ' ' +"
            " (n.failureSummary ?? '').slice(0, 300))]))"
        )
        found += [f"/{path}: {rule}\n  " + "\n  ".join(nodes) for rule, nodes in report]
    assert not found, "\n".join(found)
    page.errors.clear()  # as above


def test_two_tabs_a_restart_and_the_way_back(
    serve: Serve, tmp_path: Path, chromium: Chromium, page: Page
) -> None:
    """An edit in one tab shows in the other; back, reload and a deleted run leave a page."""
    with foldline.Run(id="shared0001", name="shared", store=tmp_path / "store") as run:
        run.track(1.0, name="loss", step=0)
    server = serve(tmp_path / "store")
    wait_for(lambda: b"shared0001" in _quiet(server, "api/v1/runs/shared0001"), "the run")
    other = Page(chromium)
    other.goto(f"{server.url}runs")
    other.wait_for("[role=row]", "shared")
    page.goto(f"{server.url}runs/shared0001")
    page.wait_for("main", "shared")
    _post(server, "runs/edit", {"ids": ["shared0001"], "edit": {"name": "renamed"}})
    other.wait_for("[role=row]", "renamed")
    page.wait_for("main", "renamed")
    page.press("g")
    page.press("t")
    page.wait_for("h1", "Tags")
    page.evaluate("history.back()")
    page.wait_for("main", "renamed")
    page.goto(str(page.evaluate("location.href")))
    page.wait_for("main", "renamed")
    assert not other.errors
    other.close()
    end(server.process)
    page.wait_for("header", "Reconnecting")
    page.press("g")
    page.press("t")
    page.wait_for("h1", "Tags")
    assert str(page.evaluate("document.querySelector('main').innerText")).strip()
    page.errors.clear()  # the browser reports each try to connect
