"""What surrounds every page."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import foldline
from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.patience import wait_for

from .conftest import START_S, Serve, Served, end

PAGES = ("", "runs", "metrics", "search?q=memory", "bookmarks", "tags", "settings", "no/such/page")
USED = {
    "button", "checkbox", "combobox", "link", "option", "radio", "searchbox", "slider",
    "spinbutton", "switch", "tab", "textbox",
}  # fmt: skip
PHONE_PX = 360  # the narrowest phones that are still sold


def make_runs(store: Path) -> None:
    """Log two runs, of which one says why it failed."""
    for name, words in (("lucid-koala", "cuda is out of memory"), ("calm-wren", "all is well")):
        with foldline.Run(store=store, name=name, experiment="zoo", tags=["sweep"]) as run:
            run.log_info(words)
            for step in range(5):
                run.track(1 / (step + 1), name="loss", step=step)


@pytest.fixture(scope="module")
def served(lasting: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Serve a store with two runs."""
    return zoo(lasting, tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def own(serve: Serve, tmp_path: Path) -> Served:
    """Serve such a store to one test, which may do with it what it likes."""
    return zoo(serve, tmp_path / "store")


def zoo(serve: Serve, store: Path) -> Served:
    make_runs(store)
    server = serve(store)
    wait_for(lambda: folded(server), "every shelf to be folded")
    return server


def folded(server: Served) -> bool:
    """Return whether whatever was logged can be found, in the text index too."""
    health = json.loads(server.get("api/v1/health"))
    shelves = {shelf["name"]: shelf["watermark"] for shelf in health["shelves"]}
    return "text" in shelves and set(shelves.values()) == {health["watermark"]}


def run_of(served: Served) -> str:
    """Return the id of the run that began last."""
    return str(json.loads(served.get("api/v1/home?limit=1"))["recent"][0]["id"])


def here(page: Page) -> str:
    """Return the path and query that the address bar shows."""
    path, query = urlsplit(page.evaluate("location.href"))[2:4]
    return f"{path}?{query}" if query else path


def focused(page: Page) -> str:
    """Return which element has the keyboard, by its name for screen readers or its text."""
    return str(
        page.evaluate(
            "document.activeElement.ariaLabel || document.activeElement.textContent.trim()"
        )
    )


def test_keys_lead_to_every_page_and_back(page: Page, served: Served) -> None:
    """Two keys go to a page, the title says which, and the back button undoes each step."""
    page.goto(served.url)
    page.wait_for("h1", "Home")
    for key, name in (("r", "Runs"), ("m", "Metrics"), ("t", "Tags"), ("s", "Search")):
        page.press("g")
        page.press(key)
        page.wait_for("h1", name)
        page.wait_until(f"document.title.startsWith('{name}')")
        assert page.text("nav [aria-current=page]").startswith(name)
    page.evaluate("history.go(-3)")
    page.wait_for("h1", "Runs")


def test_the_sheet_lists_the_keys_of_the_page(page: Page, served: Served) -> None:
    """What the sheet lists is what is bound just now: a page's own keys come and go with it."""
    page.goto(f"{served.url}settings")
    page.wait_for("h2", "Look")
    page.press("?")
    page.wait_for("[role=dialog]", "Bookmark this page")
    assert "Edit the query" not in page.text("[role=dialog]")
    page.press("Escape")
    page.wait_until("!document.querySelector('[role=dialog]')")
    page.goto(f"{served.url}runs")
    page.wait_for("[role=row]", "lucid-koala")
    page.press("?")
    page.wait_for("[role=dialog]", "Edit the query")


def test_the_palette_finds_what_was_said_and_goes_there(page: Page, served: Served) -> None:
    """Words are found as they are typed and marked; the arrow keys and Enter open the place."""
    page.goto(served.url)
    page.wait_for("h1", "Home")
    page.press("Control+k")
    page.wait_until("document.activeElement.role === 'combobox'")
    page.type("memor")
    page.wait_for("[role=option] mark", "memory")
    page.press("ArrowDown")
    page.press("ArrowUp")
    active = page.evaluate("document.activeElement.getAttribute('aria-activedescendant')")
    assert page.attribute(f"#{active}", "aria-selected") == "true"
    assert "lucid-koala" in page.text(f"#{active}")
    page.press("Enter")
    page.wait_for("h1", "lucid-koala")
    assert "/logs?view=messages" in here(page)


def test_the_palette_opens_runs_by_name_and_does_what_keys_do(page: Page, served: Served) -> None:
    """A run is found by a part of its name, an action by its words; Escape gives focus back."""
    page.goto(f"{served.url}runs")
    page.wait_for("[role=row]", "calm-wren")
    page.press("Control+k")
    page.wait_until("document.activeElement.role === 'combobox'")
    page.type("wre")
    page.wait_for("[role=option]", "calm-wren")
    page.press("Escape")
    page.wait_until("!document.querySelector('.palette')")
    page.press("Control+k")
    page.wait_until("document.activeElement.role === 'combobox'")
    assert page.evaluate("document.activeElement.value") == ""
    page.type("light dark")
    page.wait_for("[role=option][aria-selected=true]", "Light or dark")
    before = page.attribute("html", "data-theme")
    page.press("Enter")
    page.wait_until(f"document.documentElement.dataset.theme !== '{before}'")
    page.press("Control+k")
    page.wait_until("document.activeElement.role === 'combobox'")
    page.type("wren")
    page.wait_for("[role=option]", "calm-wren")
    page.click("[role=option] .dot")
    page.wait_for("h1", "calm-wren")


def test_the_palette_says_what_is_wrong(page: Page, served: Served) -> None:
    """A question that can't be answered says why in the palette, and the actions stay."""
    page.goto(served.url)
    page.wait_for("h1", "Home")
    body = {"code": "x", "message": "the text is being read", "hint": "wait a bit", "at": None}
    page.reply("*/api/v1/search?*", 503, json.dumps({"error": body}).encode())
    page.press("Control+k")
    page.wait_until("document.activeElement.role === 'combobox'")
    page.type("settings")
    page.wait_for("[role=alert]", "The text is being read")
    page.wait_for("[role=option]", "Settings")
    page.press("Enter")
    page.wait_for("h1", "Settings")
    page.errors.clear()  # the browser reports the 503 that was asked for


def test_a_page_is_bookmarked_for_everybody(page: Page, chromium: Chromium, own: Served) -> None:
    """A name keeps the state of a page; another tab sees it at once; undo takes it back."""
    other = Page(chromium)
    other.goto(f"{own.url}settings")
    other.wait_for("h2", "Look")
    address = "runs?q=run.name+%3D%3D+%22calm-wren%22"
    page.goto(f"{own.url}{address}")
    page.wait_for("[role=row]", "calm-wren")
    page.press("b")
    page.wait_until("document.activeElement.matches('[role=dialog] input')")
    page.evaluate("document.activeElement.select()")
    page.type("Only the wren")
    page.press("Enter")
    page.wait_for("[role=status] .toast", "Saved as Only the wren")
    page.wait_for("nav a", "Only the wren")
    page.wait_for("h1", "Only the wren")
    other.wait_for("nav a", "Only the wren")
    other.click('nav a[href^="runs?q="]')
    other.wait_for("[role=row]", "calm-wren")
    assert here(other).endswith(address)
    page.press("Control+z")
    page.wait_until(
        "![...document.querySelectorAll('nav a')].some(e => /wren/.test(e.textContent))"
    )
    other.wait_until(
        "![...document.querySelectorAll('nav a')].some(e => /wren/.test(e.textContent))"
    )
    assert not other.errors
    other.close()


def test_settings_have_effect_at_once_and_last(page: Page, served: Served) -> None:
    """A choice changes what is shown, survives a reload, and can be taken back."""
    page.goto(f"{served.url}settings")
    page.click("label:has(input[name=Theme]):nth-of-type(3)")
    page.click("label:has(input[name=Density]):nth-of-type(2)")
    page.click("label:has(input[name='Time zone']):nth-of-type(2)")
    page.wait_for("p", "UTC.")
    assert page.attribute("html", "data-theme") == "dark"
    row = "getComputedStyle(document.documentElement).getPropertyValue('--row')"
    assert page.evaluate(row) == "24px"
    page.goto(f"{served.url}settings")
    page.wait_until("document.documentElement.dataset.density === 'compact'")
    assert page.attribute("html", "data-theme") == "dark"
    page.click("section:last-of-type .setting:last-of-type button")
    page.wait_until("document.documentElement.dataset.density === 'comfortable'")
    page.click(".toast .undo")
    page.wait_until("document.documentElement.dataset.density === 'compact'")


def test_nothing_is_cut_off_on_a_phone(page: Page, served: Served) -> None:
    """No page is wider than a narrow phone, and all are reached by the bar at its foot."""
    page.resize(PHONE_PX, 640)
    for path in PAGES:
        page.goto(f"{served.url}{path}")
        page.wait_for("h1")
        page.wait_until("!document.querySelector('main [aria-busy=true]')")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_PX, path
    page.goto(f"{served.url}runs/{run_of(served)}")
    page.wait_for("h3", "Processes")
    assert page.evaluate("document.querySelector('#run-tab').scrollWidth") <= PHONE_PX
    page.click('nav a[href="metrics"]')
    page.wait_for("h1", "Metrics")


def test_whatever_can_be_used_has_a_name(page: Page, served: Served) -> None:
    """A screen reader finds a name for every link, button and field of every page."""
    for path in PAGES:
        page.goto(f"{served.url}{path}")
        page.wait_for("h1")
        page.wait_until("!document.querySelector('main [aria-busy=true]')")
        nameless = [node for node in page.accessibility() if node[0] in USED and not node[1]]
        assert not nameless, f"/{path}: {nameless}"


def test_a_wrong_or_cut_address_is_a_page_too(page: Page, served: Served) -> None:
    """An address that is none says so, and the way on is one click."""
    for path in ("no/such/page", "runs/%E4%B"):
        page.goto(f"{served.url}{path}")
        page.wait_for("h1", "Not found")
        page.click('nav a[href="runs"]')
        page.wait_for("[role=row]", "calm-wren")


def test_a_page_that_breaks_is_never_blank(page: Page, served: Served) -> None:
    """An answer that makes no sense breaks its page, which says so; all others still work."""
    page.reply("*/api/v1/home?*", 200, b"{}")
    page.goto(served.url)
    page.wait_for("main [role=alert]", "Try again")
    page.click('nav a[href="runs"]')
    page.wait_for("[role=row]", "calm-wren")
    page.errors.clear()  # the page logs what was thrown


def test_a_server_that_goes_and_comes_is_told(
    page: Page, own: Served, tmp_path: Path, processes: ExitStack
) -> None:
    """While the server is gone the page says so and keeps what it shows; then it goes on."""
    page.goto(f"{own.url}runs")
    page.wait_for("[role=row]", "calm-wren")
    page.wait_for("header", "Live")
    end(own.process)
    page.wait_for("header", "Reconnecting")
    page.wait_for("[role=row]", "calm-wren")
    port = str(urlsplit(own.url).port)
    command = [sys.executable, "-m", "foldline_ui", "up", "--json", "--port", port, "--store"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
    )
    processes.callback(end, process)
    page.wait_for("header", "Live", deadline_s=START_S)
    page.errors.clear()  # the browser reports each try to connect meanwhile


def test_the_keyboard_alone_is_enough(page: Page, served: Served) -> None:
    """The first Tab offers to skip the rail, and what has the focus is always seen."""
    page.goto(f"{served.url}runs")
    page.wait_for("[role=row]", "calm-wren")
    page.press("Tab")
    assert focused(page) == "Skip to the page"
    page.press("Enter")
    page.wait_until("document.activeElement.id === 'main'")
    page.press("?")
    page.wait_for("[role=dialog]")
    for _ in range(3):
        page.press("Tab")
        assert page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
    page.press("Escape")
    page.wait_until("!document.querySelector('[role=dialog]')")


def test_each_panel_opens_and_closes_by_the_keyboard(page: Page, served: Served) -> None:
    """Enter opens what a button has, Escape closes it and gives the focus back to the button."""
    buttons = "[...document.querySelectorAll('[aria-haspopup]')].filter(e => e.checkVisibility())"
    shown = "document.querySelector('.popover:focus-within, [role=menu]') !== null"
    run = run_of(served)
    loss = "metrics?q=metric.name+%3D%3D+%22loss%22"
    for path in ("runs", loss, "search?q=memory", "tags", f"runs/{run}/params", f"runs/{run}/logs"):
        page.goto(f"{served.url}{path}")
        page.wait_for("h1")
        page.wait_until("!document.querySelector('main [aria-busy=true]')")
        page.wait_until(f"{buttons}.length > 2")  # those of the rail are everywhere
        for number in range(page.evaluate(f"{buttons}.length")):
            page.evaluate(f"(window.button = {buttons}[{number}]).focus()")
            page.press("Enter")
            page.wait_until(shown)
            page.press("Escape")
            page.wait_until(f"!({shown}) && document.activeElement === window.button")


def test_all_works_below_a_prefix(page: Page, tmp_path: Path, processes: ExitStack) -> None:
    """Behind a proxy that adds a prefix, links, requests and live changes stay below it."""
    make_runs(tmp_path / "store")
    command = [sys.executable, "-m", "foldline_ui", "up", "--json", "--port", "0", "--prefix"]
    process = subprocess.Popen(
        [*command, "/lab/line", "--store", str(tmp_path / "store")],
        stdout=subprocess.PIPE,
        text=True,
    )
    processes.callback(end, process)
    assert process.stdout
    url = json.loads(process.stdout.readline())["url"]
    assert urlsplit(url).path == "/lab/line/"
    page.goto(f"{url}runs")
    page.wait_for("[role=row]", "calm-wren")
    page.wait_for("header", "Live")
    page.click('nav a[href="./"]')
    page.wait_for("tbody a", "calm-wren")
    assert urlsplit(here(page)).path == "/lab/line/"
    page.click("tbody a")
    page.wait_for("h1")
    assert here(page).startswith("/lab/line/runs/")
    page.press("g")
    page.press("m")
    page.wait_for("h1", "Metrics")
    assert urlsplit(here(page)).path == "/lab/line/metrics"
