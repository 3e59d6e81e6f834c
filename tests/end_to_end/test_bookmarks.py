"""Bookmarks and tags, used as a person would.

The page is every test's last argument: the tab is closed before its server ends.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

import foldline
from tests.browser.page import Page
from tests.patience import wait_for

from .conftest import Serve, Served


def post(server: Served, path: str, body: object) -> None:
    """Send JSON, as the page would."""
    headers = {"Content-Type": "application/json"}
    request = Request(f"{server.url}api/v1/{path}", json.dumps(body).encode(), headers)
    with urlopen(request, timeout=30) as answer:
        answer.read()


def tags_of(server: Served) -> dict[str, int]:
    """Return on how many runs each tag is."""
    rows = json.loads(server.get("api/v1/tags"))["tags"]
    return {row["tag"]: row["runs"] for row in rows}


@pytest.fixture
def served(serve: Serve, tmp_path: Path) -> Served:
    """Serve five runs with tags, and two bookmarks."""
    for number in range(5):
        tags = ["all", "even" if number % 2 == 0 else "odd"]
        with foldline.Run(name=f"run {number}", tags=tags, store=tmp_path / "store") as run:
            run.track(number, name="loss", step=0)
    server = serve(tmp_path / "store")
    wait_for(lambda: tags_of(server).get("all") == 5, "the runs to be folded")
    query = "runs?q=run.name+%3D%3D+%22run+3%22"
    post(server, "bookmarks", {"name": "Third", "page": "runs", "url": query, "pinned": True})
    post(
        server, "bookmarks",
        {"name": "Losses", "page": "metrics", "url": "metrics?q=metric.name+%3D%3D+%22loss%22",
         "note": "after the warm-up"},
    )  # fmt: skip
    return server


def press_named(page: Page, name: str) -> None:
    """Click the button of this name for screen readers."""
    page.click(f'button[aria-label="{name}"]')


def fill(page: Page, selector: str, text: str) -> None:
    """Type into a field in the place of what is in it."""
    page.wait_for(selector)
    page.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
    page.type(text)


def test_bookmarks_are_put_in_order(served: Served, page: Page) -> None:
    """A bookmark shows its query; it is opened, renamed, pinned and removed, and all undone."""
    page.goto(f"{served.url}bookmarks")
    page.wait_for("li code", 'run.name == "run 3"')
    page.wait_for("li .note", "after the warm-up")
    press_named(page, "Pin Losses")
    page.wait_until("document.querySelectorAll('main h2').length === 1")
    page.wait_for(".toast", "Pinned Losses")
    page.press("Control+z")
    page.wait_for("main h2", "Others")
    press_named(page, "Rename Losses")
    page.wait_until("document.activeElement.matches('[role=dialog] input')")
    fill(page, "[role=dialog] input", "Curves of the loss")
    page.press("Enter")
    page.wait_for("main li a", "Curves of the loss")
    press_named(page, "Remove Curves of the loss")
    page.wait_until("document.querySelectorAll('main li').length === 1")
    page.wait_for(".toast", "Removed Curves of the loss")
    page.press("Control+z")
    page.wait_for("main li a", "Curves of the loss")
    page.wait_for("li .note", "after the warm-up")
    page.press("j")
    page.press("j")
    page.press("k")
    page.press("Enter")
    page.wait_for("[role=row]", "run 3")
    page.evaluate("history.back()")
    page.wait_for("main li a", "Third")
    page.press("/")
    page.type("warm")
    page.wait_until("document.querySelectorAll('main li').length === 1")
    assert "find=warm" in str(page.evaluate("location.search"))


def test_a_tag_has_a_colour_and_a_meaning(served: Served, page: Page) -> None:
    """What is said of a tag is seen wherever it is shown, and lasts."""
    page.goto(f"{served.url}tags")
    page.wait_for("tbody .tag", "odd")
    press_named(page, "Colour of odd")
    press_named(page, "Vermilion")
    page.wait_until("document.querySelector('.tag[style*=\"--tag\"]')?.textContent === 'odd'")
    page.click('input[aria-label="What odd means"]')
    page.type("not even")
    page.press("Enter")
    page.wait_for(".toast", "Changed odd")
    page.goto(f"{served.url}tags")
    page.wait_until("document.querySelector('input[aria-label=\"What odd means\"]')?.value")
    page.click("tbody tr:last-child a.tag")
    page.wait_for("[role=row]", "run 3")
    page.wait_for("[role=row] .tag[style*='--tag']", "odd")
    page.click("[role=row] a")
    page.wait_for("main .tag[style*='--tag']", "odd")
    assert page.attribute("main .tag[style*='--tag']", "title") == "not even"


def test_tags_are_renamed_merged_and_removed(served: Served, page: Page) -> None:
    """Renaming changes all runs and can be undone; merging and removing ask before."""
    page.goto(f"{served.url}tags")
    page.wait_for("tbody .tag", "odd")
    press_named(page, "Rename odd")
    page.wait_until("document.activeElement.matches('[role=dialog] input')")
    fill(page, "[role=dialog] input", "uneven")
    page.wait_for("[role=dialog]", "2 runs are changed")
    page.press("Enter")
    page.wait_for("tbody .tag", "uneven")
    page.wait_for(".toast", "2 runs changed")
    page.press("Control+z")
    page.wait_until(
        "[...document.querySelectorAll('tbody .tag')].some(e => e.textContent === 'odd')"
    )
    for tag in ("odd", "even"):
        page.click(f'input[aria-label="Pick {tag}"]')
    page.evaluate("[...document.querySelectorAll('.strip button')][0].click()")
    page.wait_for("[role=dialog]", "instead")
    fill(page, "[role=dialog] input", "any")
    page.press("Enter")
    page.wait_for("tbody .tag", "any")
    wait_for(lambda: tags_of(served) == {"all": 5, "any": 5}, "the tags to be one")
    press_named(page, "Remove all")
    page.wait_for("[role=dialog]", "is taken off 5")
    page.click("[role=dialog] button[type=submit]")
    wait_for(lambda: tags_of(served) == {"any": 5}, "the tag to be gone")
    page.wait_until("document.querySelectorAll('tbody tr').length === 1")


def test_empty_loading_and_broken_pages_say_so(serve: Serve, tmp_path: Path, page: Page) -> None:
    """Without bookmarks or tags a page says how they come; an error is told where they would be."""
    server = serve(tmp_path / "store")
    for path, title in (("bookmarks", "No bookmarks yet"), ("tags", "No tags yet")):
        page.goto(f"{server.url}{path}")
        page.wait_for("h2", title)
        page.refuse(f"*/api/v1/{path}")
        page.goto(f"{server.url}{path}")
        page.wait_for("main [role=alert]", "The server does not answer")
        page.unstub()
        page.hold(f"*/api/v1/{path}")
        page.goto(f"{server.url}{path}")
        page.wait_for("main [aria-busy=true]")
        page.unstub()
    page.errors.clear()  # the browser reports what was refused
