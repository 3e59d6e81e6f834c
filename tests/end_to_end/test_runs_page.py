"""The Runs page, used as a person would."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import Request, urlopen

import pytest

import foldline
from tests.browser.page import Page

from .conftest import Serve, Served

RUNS = 30
OPTIMIZERS = ["adam", "sgd", "lion"]
# Whatever a script may call a run, it is shown as it is written.
NAUGHTY = '<img src=x onerror="document.title=1"><script>document.title=2</script>'

ROWS = """
[...document.querySelectorAll('.grid-row:not([hidden])')]
  .sort((a, b) => a.dataset.index - b.dataset.index)
"""
NAMES = f"{ROWS}.map(row => row.querySelector('[data-kind=name] a')?.textContent ?? '')"
COUNTED = "document.querySelector('.strip .count')?.innerText"
HEADINGS = "[...document.querySelectorAll('[role=columnheader] .name')].map(e => e.innerText)"


def fill(store: Path, runs: int = RUNS) -> None:
    """Write runs with a loss that grows with their number, of three optimizers in turn."""
    for number in range(runs):
        with foldline.Run(
            experiment="digits",
            name=f"run-{number:02d}",
            store=store,
            params={
                "hparams": {"lr": 0.1 / (number + 1), "optimizer": OPTIMIZERS[number % 3]},
                "fixed": 7,
            },
            tags=["even"] if number % 2 == 0 else [],
        ) as run:
            for step in range(5):
                run.track(number + step / 10, name="loss", step=step, context={"subset": "val"})


@pytest.fixture(scope="module")
def shop(lasting: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Serve a store of thirty runs."""
    store = tmp_path_factory.mktemp("shop")
    fill(store)
    return lasting(store)


@pytest.fixture
def own(serve: Serve, tmp_path: Path) -> Served:
    """Serve thirty runs to one test, which changes them."""
    fill(tmp_path / "store")
    return serve(tmp_path / "store")


def opened(page: Page, server: Served, query: str = "") -> None:
    page.goto(f"{server.url}runs{query}")
    page.wait_for(".grid-row", "run-")


def address(page: Page) -> dict[str, list[str]]:
    """Return the parts of the address's query string."""
    return parse_qs(urlsplit(page.evaluate("location.href")).query)


def cell(row: int, heading: str) -> str:
    """Return an expression: the text of a cell, by its row and the words of its heading."""
    return f"""(() => {{
      const at = [...document.querySelectorAll('[role=columnheader]')]
        .find(e => e.innerText.replaceAll('\\n', ' ').includes({json.dumps(heading)}));
      return document.getElementById(`cell-{row}-${{at?.ariaColIndex - 1}}`)?.innerText;
    }})()"""


def told(server: Served, run: str, known: Callable[[dict[str, Any]], bool]) -> bool:
    """Return whether a condition holds for what the server says of the run of this name."""
    asked = {"query": f"run.name == {json.dumps(run)} and run.deleted in (True, False)"}
    request = Request(
        f"{server.url}api/v1/runs/search",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=30) as answer:
        rows: Sequence[dict[str, Any]] = json.loads(answer.read())["rows"]
    return any(known(row) for row in rows)


def test_a_click_on_a_heading_sorts_and_another_turns_it(page: Page, shop: Served) -> None:
    """The order is in the address, so that reload and the back button keep it."""
    opened(page, shop)
    assert page.evaluate(NAMES)[0] == "run-29"  # the newest first
    page.click("[data-heading='run.name']")
    page.wait_until(f"{NAMES}[0] === 'run-00'")
    page.click("[data-heading='run.name']")
    page.wait_until(f"{NAMES}[0] === 'run-29'")
    assert address(page)["sort"] == ["-run.name"]
    page.evaluate("history.back()")
    page.wait_until(f"{NAMES}[0] === 'run-00'")
    page.reload()
    page.wait_until(f"{NAMES}[0] === 'run-00'")


def test_cells_are_what_the_runs_have(page: Page, shop: Served) -> None:
    """Params, metrics by the chosen figure, tags and times stand in their columns."""
    words = ['run.metrics["loss", {"subset": "val"}].mean', "run.hparams.optimizer"]
    opened(page, shop, "?sort=run.name&" + "&".join(f"col={quote(word)}" for word in words))
    page.wait_until(f"{cell(3, 'loss')} === '3.2000'")
    assert page.evaluate(cell(3, "optimizer")) == "adam"
    assert "mean" in page.text("[role=columnheader]:nth-child(2)")


def test_groups_have_figures_over_all_members_and_open(page: Page, shop: Served) -> None:
    """A group's mean is that of its ten runs; a click shows these, and the best one is named."""
    word = quote('run.metrics["loss", {"subset": "val"}].last')
    page.goto(f"{shop.url}runs?col={word}&by=run.hparams.optimizer&best={word}")
    page.wait_for(".grid-row.group", "adam")
    page.wait_until(f"{COUNTED} === '3 groups of 30 of 30 runs'")
    page.wait_until(f"{cell(0, 'loss')}?.startsWith('13.9')")  # of 0, 3, … 27, and 0.4 each
    assert "n = 10" in (page.attribute("#cell-0-1", "title") or "")
    page.wait_for(".grid-row.group .best", "best 0.4")
    page.click(".grid-row.group", at=(0.4, 0.5))
    page.wait_for(".grid-row.member", "run-27")
    assert page.count(".grid-row.member:not([hidden])") == 10
    page.reload()
    page.wait_for(".grid-row.member", "run-27")


def test_a_name_and_tags_are_changed_in_place_and_back(page: Page, own: Served) -> None:
    """F2 and a double click open a field; the change shows at once, and undo takes it back."""
    opened(page, own, "?sort=run.name&col=run.tags")
    page.press("j")
    page.press("F2")
    page.wait_for(".editor input")
    page.evaluate("document.querySelector('.editor input').select()")
    page.type("first of all")
    page.press("Enter")
    page.wait_until(f"{NAMES}[0] === 'first of all'")
    page.wait_for("body", "Renamed to first of all")
    page.wait_until("!document.querySelector('.editor')")
    assert told(own, "first of all", lambda run: run["tags"] == ["even"])
    page.press("Control+z")
    page.wait_until(f"{NAMES}[0] === 'run-00'")
    page.click("#cell-1-1", count=1)
    page.click("#cell-1-1", count=2)
    page.wait_for(".editor input")
    page.type("good, paper")
    page.press("Enter")
    page.wait_until(f"{cell(1, 'Tags')} === 'goodpaper'")
    page.wait_for("body", "Tagged")
    assert told(own, "run-01", lambda run: run["tags"] == ["good", "paper"])


def test_a_long_note_is_whole_where_it_is_changed(page: Page, serve: Serve, tmp_path: Path) -> None:
    """A cell shows a note's beginning; who changes it there has all of it, and loses nothing."""
    note = "word " * 400 + "end"
    with foldline.Run(name="run-00", store=tmp_path / "store", params={"lr": 0.1}) as run:
        run.notes = note
    shop = serve(tmp_path / "store")
    opened(page, shop, "?col=run.notes")
    page.wait_until(f"({cell(0, 'Notes')} ?? '').endsWith('…')")
    page.click("#cell-0-1", count=1)
    page.press("F2")
    page.wait_for(".editor textarea")
    page.wait_until(f"document.querySelector('.editor textarea').value === {json.dumps(note)}")
    page.press("End")
    page.type(" more")
    page.press("Enter")
    page.wait_for("body", "Noted on")
    (uid,) = [path.name for path in (tmp_path / "store" / "runs").iterdir()]
    with urlopen(f"{shop.url}api/v1/runs/{uid}", timeout=30) as answer:
        assert json.loads(answer.read())["notes"] == f"{note} more"


def test_rows_are_selected_by_keys_and_clicks(page: Page, shop: Served) -> None:
    """Space selects, shift stretches, and Ctrl+A means all that match: so many of so many."""
    opened(page, shop, "?sort=run.name")
    page.press("j")
    page.press("Space")
    page.wait_for(".bar .count", "1 of 30 selected")
    page.press("Shift+ArrowDown")
    page.press("Shift+ArrowDown")
    page.wait_for(".bar .count", "3 of 30 selected")
    page.click(".grid-row[data-index='5'] .box")
    page.wait_for(".bar .count", "4 of 30 selected")
    page.press("Control+a")
    page.wait_for(".bar .count", "30 of 30 selected")
    page.press("Escape")
    page.wait_until("!document.querySelector('.bar')")


def test_selected_runs_are_tagged_archived_and_deleted_with_an_undo(
    page: Page, own: Served
) -> None:
    """What is done to many runs is done to all of them, and can be taken back."""
    opened(page, own, "?sort=run.name")
    page.press("Control+a")
    page.click("[aria-label='Tag the selected runs']")
    page.wait_for("form input")
    page.evaluate("document.querySelector('form label input').focus()")
    page.type("even")
    page.press("Enter")
    page.wait_for("body", "30 runs: +even")
    assert told(own, "run-01", lambda run: run["tags"] == ["even"])
    page.press("Control+z")
    page.wait_until(f"{cell(1, 'Tags')} === ''")
    assert told(own, "run-00", lambda run: run["tags"] == ["even"])  # it had it before
    page.press("Escape")
    page.click(".grid-row[data-index='0'] .box")
    page.press("Delete")
    page.wait_until(f"{NAMES}[0] === 'run-01'")
    page.wait_until(f"{COUNTED}?.startsWith('Showing 29 of')")
    page.press("Control+z")
    page.wait_until(f"{NAMES}[0] === 'run-00'")


def test_two_runs_are_compared_by_what_differs(page: Page, shop: Served) -> None:
    """The comparison shows what differs, or all of it when asked, and is in the address."""
    opened(page, shop, "?sort=run.name")
    page.click(".grid-row[data-index='0'] .box")
    page.click(".grid-row[data-index='1'] .box")
    page.press("C")
    page.wait_for(".compare td", "adam")
    assert "fixed" not in page.text(".compare table")
    page.click(".compare label input")
    page.wait_for(".compare tbody th", "fixed")
    assert len(address(page)["compare"]) == 2
    page.reload()
    page.wait_for(".compare td", "sgd")
    page.press("Escape")
    page.wait_until("!document.querySelector('.compare')")


def test_columns_are_picked_moved_pinned_hidden_and_made_wider(page: Page, shop: Served) -> None:
    """Each change of the layout is in the address, and a reload shows the same table."""
    opened(page, shop, "?col=run.status&col=run.hparams.lr&col=run.hparams.optimizer")
    page.evaluate("document.querySelector(\"[data-heading='run.hparams.lr']\").focus()")
    page.click("[data-heading='run.hparams.lr']")  # the heading that keys belong to
    page.click("[aria-label='Menu of the column lr']")
    page.wait_for("[role=menuitem]", "Pinned at the left")
    pin = "[...document.querySelectorAll('[role=menuitem]')].find(e => /Pinned/.test(e.innerText))"
    page.evaluate(f"{pin}.click()")
    page.wait_until("new URL(location).searchParams.getAll('col').includes('p~run.hparams.lr')")
    page.drag("[data-heading='run.hparams.optimizer']", (0.5, 0.5), (-1.2, 0.5))
    page.wait_until(f"{HEADINGS}.indexOf('optimizer') < {HEADINGS}.indexOf('Status')")
    page.click("[aria-label$='columns']")
    page.wait_for("[role=option]", "Experiment")
    page.type("fixed")
    page.press("ArrowDown")
    page.click("[role=option]")
    page.press("Escape")
    page.wait_until(f"{HEADINGS}.includes('fixed')")
    before = page.evaluate(HEADINGS)
    page.reload()
    page.wait_until(f"{HEADINGS}.includes('fixed')")
    assert page.evaluate(HEADINGS) == before


def test_columns_in_which_runs_agree_are_left_out_when_asked(page: Page, shop: Served) -> None:
    """What all matching runs share says nothing about them."""
    opened(page, shop, "?col=run.hparams.lr&col=run.fixed")
    page.wait_until(f"{HEADINGS}.includes('fixed')")
    page.press("d")
    page.wait_until(f"!{HEADINGS}.includes('fixed')")
    page.wait_for(".strip", "1 left out")


def test_a_new_run_shows_at_the_top_and_moves_nothing_under_the_pointer(
    page: Page, own: Served, tmp_path: Path
) -> None:
    """Where nobody looks at a certain row it comes by itself; else it is announced."""
    opened(page, own)
    foldline.Run(name="run-new", store=tmp_path / "store").finish()
    page.wait_until(f"{NAMES}[0] === 'run-new'")
    page.press("j")
    foldline.Run(name="run-newer", store=tmp_path / "store").finish()
    page.wait_for(".strip button", "1 new run")
    assert page.evaluate(NAMES)[0] == "run-new"
    page.evaluate(
        "[...document.querySelectorAll('.strip button')]"
        ".find(e => /new run/.test(e.innerText)).click()"
    )
    page.wait_until(f"{NAMES}[0] === 'run-newer'")


def test_words_of_users_are_text_however_long(page: Page, serve: Serve, tmp_path: Path) -> None:
    """Markup is shown as it was written, a megabyte is cut, and a long name stays in its cell."""
    store = tmp_path / "store"
    metric = "m" * 2000
    with foldline.Run(
        name=NAUGHTY, store=store, params={"big": "x" * 1_000_000, NAUGHTY: 1}, tags=[NAUGHTY]
    ) as run:
        run.track(0.5, name=metric)
    server = serve(store)
    page.goto(f"{server.url}runs")
    page.wait_until(f"{NAMES}[0] === {json.dumps(NAUGHTY)}")
    page.wait_until("document.querySelectorAll('.grid-row:not([hidden]) .bone').length === 0")
    assert page.evaluate("document.title") not in {"1", "2"}
    assert page.count(".grid-row img, .grid-row script") == 0
    cells = "[...document.querySelectorAll('.grid-cell')].map(e => e.textContent.length)"
    assert page.evaluate(f"Math.max(...{cells})") < 2100
    page.wait_for(".tag", "<script>")


def test_ten_thousand_columns_are_had_as_they_come_into_view(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    """All of them can be shown and found; what is drawn, and asked for, is what is in view."""
    store = tmp_path / "store"
    params = {f"p{number:05d}": number for number in range(10_000)}
    foldline.Run(name="run-wide", store=store, params=params).finish()
    server = serve(store)
    page.goto(f"{server.url}runs?col=*")
    page.wait_until(f"{NAMES}[0] === 'run-wide'")
    page.wait_until("document.querySelector('.grid').scrollWidth > 700_000")
    page.wait_until(
        "(document.querySelector('.grid').scrollLeft = 1e9) && "
        "[...document.querySelectorAll('.grid-row:not([hidden]) .grid-cell:not([hidden])')]"
        ".some(e => /^99\\d\\d$/.test(e.textContent))"
    )
    assert page.count("[role=columnheader]") < 60
    assert page.count(".grid-cell") < 400
    page.click("[aria-label$='columns']")
    page.wait_for("[role=option]")
    page.type("p07777")
    page.wait_until("document.querySelectorAll('[role=option]').length === 1")
    page.wait_for("[role=option]", "p07777")


@pytest.mark.parametrize(
    "broken",
    [
        "?q=run.hparams.",
        "?sort=-&col=&by=&open=x",
        "?col=p140&col=run.metrics%5B%22los",
        "?by=run.metrics%5B&best=-",
        "?compare=nobody&diff=2&col=12~",
    ],
)
def test_half_an_address_is_a_message_or_a_table(page: Page, shop: Served, broken: str) -> None:
    """An address that was cut says what is wrong with it, or shows what is left: never nothing."""
    page.goto(f"{shop.url}runs{broken}")
    page.wait_until(
        "document.querySelector('.grid-row, .notice, .says.bad, [role=alert], .compare') !== null"
    )
    page.errors = [error for error in page.errors if "status of 400" not in error]
    assert page.errors == []


def test_the_rows_stay_while_the_server_is_gone(page: Page, serve: Serve, tmp_path: Path) -> None:
    """Without a server the page says so, and what it showed is still there to read."""
    fill(tmp_path / "store", 3)
    server = serve(tmp_path / "store")
    opened(page, server)
    server.process.terminate()
    server.process.wait()
    page.wait_until("/econnect|ffline/.test(document.body.innerText)")
    page.press("j")
    assert page.evaluate(NAMES) == ["run-02", "run-01", "run-00"]
    page.goto("about:blank")
    page.errors = [error for error in page.errors if "net::ERR" not in error]
