"""Home: what goes on, what ran, how to begin."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.parse import unquote

import foldline
from tests.browser.page import Page

from .conftest import Script, Serve

# Tracks as many points as each line of its input says.
TRAINING = """
import sys
import foldline

run = foldline.Run(experiment="watched", name="the-run", tags=["nightly"])
step = 0
for line in sys.stdin:
    for _ in range(int(line)):
        run.track(1 / (1 + step), name="loss", step=step)
        step += 1
    print(step, flush=True)
run.alert("loss is low", text="as was hoped")
run.finish()
"""


def track(training: subprocess.Popen[str], points: int) -> None:
    """Let the script track some more points."""
    assert training.stdin
    assert training.stdout
    training.stdin.write(f"{points}\n")
    training.stdin.flush()
    assert training.stdout.readline()


def test_an_empty_store_shows_three_ways_to_begin(
    page: Page, serve: Serve, script: Script, tmp_path: Path
) -> None:
    """Each can be copied and names this store or address; the first script really shows here."""
    server = serve(tmp_path / "store")
    page.goto(server.url)
    page.wait_for("h2", "Three ways to begin")
    assert page.count("figure") == 3
    text = page.text("main")
    assert server.url.rstrip("/") in text
    assert f"FOLDLINE_STORE={tmp_path / 'store'}" in text
    assert "import foldline as wandb" in text
    assert "foldline demo" in text
    first = script(page.text("figure pre").replace("range(300)", "range(3)"))
    page.wait_for("section", "Recent runs")
    page.wait_for("article, td", "hello")
    assert first.wait(60) == 0


def test_a_store_that_is_being_read_is_not_called_empty(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    """While the log is folded, what is not there may only not be there yet: each page says so."""
    server = serve(tmp_path / "store")
    health = json.loads(server.get("api/v1/health"))
    health["fold"] = {"state": "rebuilding", "progress": 0.5, "message": None}
    page.reply("*/api/v1/health*", 200, json.dumps(health).encode())
    for path in ("", "runs", "tags"):
        page.goto(f"{server.url}{path}")
        page.wait_for("main", "The log is being read")
        assert page.count("main figure") == 0, "no way to begin is offered"


def test_a_run_is_shown_while_it_runs_and_after(
    page: Page, serve: Serve, script: Script, tmp_path: Path
) -> None:
    """Its newest value moves unasked; when it ends it is among the recent ones, with its alert."""
    server = serve(tmp_path / "store")
    training = script(TRAINING)
    track(training, 4)
    page.goto(server.url)
    page.wait_for("article", "the-run")
    page.wait_for("article b", "0.2500")
    track(training, 6)
    page.wait_for("article b", "0.1000")
    page.wait_until(
        "(document.querySelector('article svg path').getAttribute('d') ?? '').length > 9"
    )
    page.wait_for("header", "1 running")
    training.communicate("", timeout=60)
    page.wait_for("tr", "finished")
    page.wait_until("!document.querySelector('main article')")
    page.wait_for("aside", "loss is low")
    page.click("tbody a")
    page.wait_for("h1", "the-run")


def test_a_day_of_the_calendar_leads_to_its_runs(page: Page, serve: Serve, tmp_path: Path) -> None:
    """The arrow keys move from day to day, which is told aloud; Enter shows the runs of one."""
    store = tmp_path / "store"
    with foldline.Run(store=store, name="of-today") as run:
        run.track(1.0, name="loss", step=0)
    page.goto(serve(store).url)
    page.wait_for("section", "1 run, 1 point in the last year")
    today = "[role=gridcell][tabindex='0']"
    assert (page.attribute(today, "aria-label") or "").startswith("1 run, 1 point on ")
    page.evaluate(f'document.querySelector("{today}").focus()')
    page.press("ArrowLeft")
    page.wait_for("section", "0 runs, 0 points on ")
    page.press("ArrowRight")
    page.wait_for("section", "1 run, 1 point on ")
    page.press("Enter")
    page.wait_for("[role=row]", "of-today")
    assert "run.created_at >= " in unquote(page.evaluate("location.search")).replace("+", " ")


def test_bad_names_are_shown_as_text(page: Page, serve: Serve, tmp_path: Path) -> None:
    """What looks like HTML in a name, a tag or an alert is shown as it is, and does nothing."""
    store, evil = tmp_path / "store", '<img src=x onerror="window.harmed=1">'
    with foldline.Run(store=store, name=evil, experiment=evil, tags=[evil]) as run:
        run.track(1.0, name=evil, step=0)
        run.alert(evil, text=evil)
    page.goto(serve(store).url)
    page.wait_for("td", evil)
    page.wait_for("aside", evil)
    assert page.evaluate("window.harmed === undefined && !document.querySelector('main img')")
