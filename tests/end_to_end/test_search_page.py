"""The page of the search, used as a person would.

The page is every test's last argument: the tab is closed before its server ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import pytest

import foldline
from tests.browser.page import Page
from tests.patience import wait_for

from .conftest import Serve, Served

# Prints, and has code: "quokka" is a word of the console alone, "zebra" one of the code.
PRINTER = """
import foldline

def weigh_the_zebra():
    return 1

run = foldline.Run(id="printer001", name="printer", experiment="said", tags=["loud"])
for number in range(150):
    print("a quo" + "kka is seen" if number == 100 else f"line {number} of the console", flush=True)
run.finish()
"""
RUNS = 25  # more than the page shows at first


@pytest.fixture(scope="module")
def served(lasting: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Serve a run of every kind of words, and many that say one thing."""
    return all_said(lasting, tmp_path_factory.mktemp("said"))


@pytest.fixture
def own(serve: Serve, tmp_path: Path) -> Served:
    """Serve such runs to one test, which logs one more."""
    return all_said(serve, tmp_path)


def all_said(serve: Serve, folder: Path) -> Served:
    store = folder / "store"
    (folder / "train.py").write_text(PRINTER)
    told = {"FOLDLINE_STORE": str(store), "FOLDLINE_CAPTURE": "console,sources"}
    subprocess.run(
        [sys.executable, "train.py"], cwd=folder, env={**os.environ, **told},
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    with foldline.Run(
        id="talker0001", name="talker", experiment="said", store=store,
        params={"hparams": {"animal": "axolotl"}}, notes="the **wombat** slept",
    ) as run:  # fmt: skip
        for number in range(40):
            run.log_warning(f"the numbat ran {number}")
        run.track(foldline.Text("one ibex ate"), name="story", step=7)
    for number in range(RUNS):
        with foldline.Run(
            id=f"crowd{number:05}", name=f"one of {RUNS}", experiment="crowd", store=store,
            tags=["even" if number % 2 == 0 else "odd"], params={"number": number},
        ) as run:  # fmt: skip
            run.log_info("the flamingo stands")
    server = serve(store)

    def is_found() -> bool:
        with suppress(HTTPError):
            return all(
                found(server, word) == count
                for word, count in (("flamingo", RUNS), ("quokka", 1), ("zebra", 1), ("ibex", 1))
            )
        return False

    wait_for(is_found, "everything to be found")
    return server


def found(server: Served, word: str) -> int:
    """Return in how many runs a word is found."""
    return int(json.loads(server.get(f"api/v1/search?q={word}"))["total"])


def ask(page: Page, words: str) -> None:
    """Type into the field in the place of what is in it."""
    page.wait_for(".field input")
    page.press("/")
    page.wait_until("document.activeElement.matches('.field input')")
    page.evaluate("document.activeElement.select()")
    page.type(words)


def test_answers_come_while_one_types_and_lead_to_the_place(served: Served, page: Page) -> None:
    """Words are marked as they are typed; a click shows the very line, message, text or code."""
    page.goto(f"{served.url}search")
    page.wait_until("document.activeElement.matches('.field input')")
    page.type("quokk")
    page.wait_for("a.hit mark", "quokka")
    page.press("Enter")
    page.wait_until("document.activeElement.matches('a.hit')")
    page.press("Enter")
    page.wait_for(".line.chosen", "a quokka is seen")
    assert page.address().endswith("#L101")
    page.evaluate("history.back()")
    page.wait_for("a.hit mark", "quokka")
    for word, seen, text in (
        ("numbat 39", "li.jumped", "the numbat ran 39"),
        ("zebra", ".chosen", "weigh_the_zebra"),
        ("ibex", "main", "one ibex ate"),
        ("wombat", "#notes", "wombat"),
        ("axolotl", "main", "axolotl"),
    ):
        page.goto(f"{served.url}search?q={word.replace(' ', '+')}")
        page.wait_for("a.hit mark", word.split()[0])
        page.click("a.hit")
        page.wait_for(seen, text)


def test_a_search_is_narrowed_by_what_is_counted(served: Served, page: Page) -> None:
    """Counts are of all runs found, not of those shown; a choice narrows, stays in the address."""
    page.goto(f"{served.url}search?q=flamingo")
    page.wait_for(".count", f"Showing 20 of {RUNS} runs")
    page.wait_for(".narrowing button", "even 13")
    page.wait_for(".narrowing button", f"crowd {RUNS}")
    page.wait_for(".narrowing button", f"Messages {RUNS}")
    page.click_text(".narrowing button", "even")
    page.wait_for(".count", "Showing 13 of 13 runs")
    assert "tag=even" in page.address()
    page.wait_for(".narrowing button", "odd 12")  # choosing it too would find these
    page.click_text(".narrowing button", "odd")
    page.wait_for(".count", f"Showing 20 of {RUNS} runs")
    page.click_text(".end button", "Show more runs")
    page.wait_for(".count", f"Showing {RUNS} of {RUNS} runs")
    page.evaluate("history.back()")
    page.wait_for(".count", "Showing 13 of 13 runs")
    page.click_text(".narrowing button", "Reset")
    page.wait_for(".count", f"Showing 20 of {RUNS} runs")
    page.goto(f"{served.url}search?q=flamingo&where=line")
    page.wait_for("h2", "Nothing found")
    page.goto(f"{served.url}search?q=flamingo&after=1h")
    page.wait_for(".count", f"of {RUNS} runs")
    page.goto(f"{served.url}search?q=flamingo&before=2001-01-01")
    page.wait_for("h2", "Nothing found")
    page.click_text(".notice button", "Search all runs")
    page.wait_for(".count", f"of {RUNS} runs")


def test_what_is_said_meanwhile_is_told(own: Served, tmp_path: Path, page: Page) -> None:
    """Hits stay where they are while more is said; a key or a click shows it as well."""
    page.goto(f"{own.url}search?q=flamingo")
    page.wait_for(".count", f"of {RUNS} runs")
    with foldline.Run(name="late", store=tmp_path / "store") as run:
        run.log_info("the flamingo sits")
    page.wait_for(".newer", "There is more by now")
    assert f"of {RUNS} runs" in page.text(".found > .count")
    # The run is there before its message is, and either of them is more.
    wait_for(lambda: found(own, "flamingo") == RUNS + 1, "what it said to be found")
    page.click(".newer")
    page.wait_for(".count", f"of {RUNS + 1} runs")


def test_a_query_chooses_the_runs(served: Served, page: Page) -> None:
    """Beside the words a query says in which runs; what is wrong with either is said beside it."""
    page.goto(f"{served.url}search?q=flamingo")
    page.wait_for(".count", f"of {RUNS} runs")
    page.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.goto(f"{served.url}search?q=flamingo&in=run.number+%3C+3")
    page.wait_for(".count", "Showing 3 of 3 runs")
    page.click_text(".count a", "See them as a table")
    page.wait_for("[role=row]", f"one of {RUNS}")
    page.evaluate("history.back()")
    page.wait_for(".count", "Showing 3 of 3 runs")
    page.goto(f"{served.url}search?q=flamingo&in=run.")
    page.wait_for(".says.bad")
    page.goto(f"{served.url}search?q=flamingo+level:loud")
    page.wait_for("[role=alert] code", "level:loud")
    page.errors.clear()  # the browser reports each 400


def test_more_of_a_run_and_the_keys(served: Served, page: Page) -> None:
    """A run shows its best hits and more if asked; keys walk over them and back to the words."""
    page.goto(f"{served.url}search")
    ask(page, "numbat")
    page.wait_for("a.hit mark", "numbat")
    assert page.count("a.hit") == 4
    page.press("Enter")
    page.press("j")
    page.press("k")
    page.press("ArrowDown")
    assert page.evaluate("[...document.querySelectorAll('a.hit')].indexOf(document.activeElement)")
    page.click_text("button.more", "Show more of this run")
    page.wait_until("document.querySelectorAll('a.hit').length === 30")
    page.wait_for("p.more", "The best 30 are shown")
    for _ in range(2):
        page.press("k")
    page.press("/")
    page.wait_until("document.activeElement.matches('.field input')")
    page.press("Escape")
    page.wait_for("button", "numbat")  # what was searched for last
    page.press("Escape")
    page.click_text("dt button", "cuda memory")
    page.wait_for("h2", "Nothing found")


def test_a_search_without_a_server(served: Served, page: Page) -> None:
    """While the server is away or its views are made, the page says so; then it goes on."""
    page.goto(f"{served.url}search")
    page.wait_for(".field input")
    page.refuse("*/api/v1/search?*")
    ask(page, "flamingo")
    page.wait_for("main [role=alert]", "The server does not answer")
    page.unstub()
    page.click_text("main [role=alert] button", "Try again")
    page.wait_for(".count", f"of {RUNS} runs")
    body = {"code": "store_busy", "message": "not made yet", "hint": None, "at": None}
    page.reply("*/api/v1/search?*", 503, json.dumps({"error": body}).encode())
    ask(page, "quokka")
    page.wait_for("main [role=status]", "Being made from the log")
    assert not page.count("main [role=alert]")
    page.unstub()
    page.wait_for("a.hit mark", "quokka")  # by itself
    page.errors.clear()  # the browser reports what was refused
