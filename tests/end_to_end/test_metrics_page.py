"""Curves as a person works with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

import foldline
from tests.browser.page import Page
from tests.patience import wait_for

from .conftest import Served, up

STEPS = 2_000  # more than a chart of many lines is sent, so that zooming has something to bring
RUNS = 5
SERIES = 2_100  # of one name: more than are drawn
CHART = '[data-testid="chart"]'
SURFACE = ".u-over"
LOSS = 'metric.name == "val/loss"'
READY = (
    "document.querySelectorAll('[data-testid=chart][data-points]').length > 0"
    " && !document.querySelector('.progress.busy')"
)
# What is downloaded is kept, since a test can't look into a downloads folder.
CAPTURE = """
window.saved = {};
let made;
const make = URL.createObjectURL.bind(URL);
URL.createObjectURL = (blob) => make(made = blob);
HTMLAnchorElement.prototype.click = function () { window.saved[this.download] = made; };
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs of two optimizers, one of them broken, and a run with very many series."""
    path = tmp_path_factory.mktemp("metrics") / "store"
    for number, (optimizer, level) in enumerate(
        [("adam", 0.25), ("adam", 0.75), ("sgd", 1.0), ("sgd", 3.0)]
    ):
        with foldline.Run(
            store=path,
            name=f"run-{number}" if number else "<b>run-0</b>",
            params={"hparams": {"optimizer": optimizer, "seed": number}},
            group="even" if number % 2 == 0 else "odd",
            capture=False,
        ) as run:
            for step in range(STEPS):
                value = level + (step == 777 and number == 2) * 50.0
                run.track(value, name="val/loss", step=step, epoch=step // 100)
                run.track(level / 2, name="train/loss", step=step, epoch=step // 100)
                run.track(step * 64.0, name="train/tokens", step=step)
            run.track(float("nan"), name="val/loss", step=STEPS)
    with foldline.Run(store=path, name="many", capture=False) as run:
        for number in range(SERIES):
            run.track(float(number), name="many", step=0, context={"part": number})
    return path


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Served]:
    """One server of that store for all tests: none of them writes to its log."""
    with ExitStack() as processes:
        served = up(store, processes)
        wait_for(lambda: is_folded(served), "the runs to be folded")
        yield served


def is_folded(server: Served) -> bool:
    """Say whether the pages show all that was logged."""
    health = json.loads(server.get("api/v1/health"))
    return bool(health["lag_bytes"] == 0 and health["runs"]["total"] == RUNS)


def explore(page: Page, server: Served, query: str = LOSS, **words: str) -> None:
    """Open the explorer and wait until its charts are drawn."""
    page.goto(f"{server.url}metrics?{urlencode({'q': query, **words})}")
    page.wait_until(READY)


def test_each_metric_has_a_panel_without_a_query(page: Page, server: Served) -> None:
    """Panels stand in sections by prefix, are found by patterns, and lead to the explorer."""
    page.goto(f"{server.url}metrics")
    page.wait_for('section[aria-label="train"] [data-panel="train/loss"]')
    page.wait_for('[data-panel="val/loss"]', "4 lines")
    page.wait_until('document.querySelector(\'[data-panel="val/loss"] [data-lines="4"]\') !== null')
    page.wait_for('[data-panel="many"]', "newest 100 of 2,100 lines")
    page.click('input[aria-label="Search metrics"]')
    page.type("val/*")
    page.wait_until("document.querySelectorAll('[data-panel]').length === 1")
    assert page.evaluate("new URLSearchParams(location.search).get('find')") == "val/*"
    page.click('[data-panel="val/loss"] h3 a')
    page.wait_for("article h2", "val/loss")
    assert page.evaluate("new URLSearchParams(location.search).get('q')").endswith(LOSS)


def test_panels_out_of_sight_are_not_loaded(page: Page, server: Served) -> None:
    """A panel asks for its lines when it is scrolled near, and not before."""
    page.resize(1000, 420)
    page.goto(f"{server.url}metrics?size=l")
    page.wait_until(f"document.querySelector('{CHART}') !== null")
    last = "[...document.querySelectorAll('[data-panel]')].at(-1)"
    assert page.evaluate(f"{last}.querySelector('{CHART}') === null")
    page.evaluate(f"{last}.scrollIntoView()")
    page.wait_until(f"{last}.querySelector('{CHART}[data-lines=\"4\"]') !== null")


def test_groups_are_worked_out_over_all_members(page: Page, server: Served) -> None:
    """Colours go by a param; the legend tells each group's centre and band of all its members."""
    explore(page, server, color="run.hparams.optimizer", agg="mean,min-max")
    page.wait_for("aside .row", "0.500")
    rows = page.evaluate("[...document.querySelectorAll('aside .row')].map(row => row.innerText)")
    assert [row.split("\n")[:2] for row in rows] == [["adam", "0.500"], ["sgd", "2"]]
    assert "0.250 … 0.750" in rows[0] or "± 0.250" in rows[0]
    page.evaluate("document.querySelector('[aria-label^=\"Aggregate\"]').click()")
    page.click('[aria-label="Line of a group"] button:nth-child(4)')
    page.wait_for("aside .row", "0.250")
    assert page.evaluate("new URLSearchParams(location.search).get('agg')") == "min,min-max"


def words(page: Page, key: str) -> list[str]:
    """Return what the address says by one key."""
    found: list[str] = page.evaluate(f"new URLSearchParams(location.search).getAll('{key}')")
    return found


def legend(page: Page) -> list[str]:
    """Return the names of the groups beside the charts."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('aside .row b')].map(name => name.innerText)"
    )
    return found


def test_colours_go_by_several_fields_in_their_order(page: Page, server: Served) -> None:
    """Fields are added, moved and taken away; legend, table and address follow their order."""
    explore(page, server, color="run.hparams.optimizer")
    page.click('[aria-label^="Color:"]')
    page.click('button[aria-label="And seed"]')
    page.wait_for("aside .row", "adam · 0")
    assert words(page, "color") == ["run.hparams.optimizer", "run.hparams.seed"]
    page.click('button[aria-label="Move seed forward"]')
    page.wait_for("aside .row", "0 · adam")
    assert sorted(legend(page)) == ["0 · adam", "1 · adam", "2 · sgd", "3 · sgd"]
    page.wait_for("tr.group", "3 · sgd")
    page.click('button[aria-label="Remove seed"]')
    page.wait_until("document.querySelectorAll('tr.group').length === 2")
    assert words(page, "color") == ["run.hparams.optimizer"]
    page.press("Escape")
    page.evaluate("history.back()")
    page.wait_for("aside .row", "0 · adam")


def test_colours_go_by_fields_that_are_no_params(page: Page, server: Served) -> None:
    """A field of the run is offered beside params, and groups lines and bands as one would."""
    explore(page, server, agg="mean,min-max")
    page.click('[aria-label^="Color:"]')
    page.wait_for('.popover [title="run.group"]')
    page.wait_until("document.activeElement.matches('.popover button')")
    for _ in range(page.count(".popover .one")):
        page.press("ArrowDown")
    page.wait_until("document.activeElement.title === 'run.group'")  # the last one
    page.press("Enter")
    page.wait_for("aside .row", "odd")
    assert sorted(legend(page)) == ["even", "odd"]
    page.wait_for("aside .row", "0.625")  # the mean of 0.25 and 1, the runs 0 and 2
    page.wait_for("tr.group", "even")
    explore(page, server, color="run.optimizer")
    page.wait_for(".says.warn", "but perhaps run.hparams.optimizer")
    explore(page, server, color="run.tags.odd")
    page.wait_for(".says.warn", "None of these series has run.tags.odd")
    page.errors.clear()  # the browser reports that the column was refused


def test_charts_stand_in_rows_and_columns_and_are_kept(page: Page, server: Served) -> None:
    """Of two fields one goes down and one across; a bookmark brings all of it back."""
    explore(
        page,
        server,
        'metric.name in ("val/loss", "train/loss")',
        facet="metric.name",
        stroke="none",
    )
    page.click('[aria-label^="Facet:"]')
    page.click('button[aria-label="And optimizer"]')
    page.wait_for("article h2", "val/loss · sgd")
    page.press("Escape")
    page.click('[aria-label="Axes and layout"]')
    page.click('[aria-label="Charts side by side"] button:last-child')
    places = (
        "[...document.querySelectorAll('article')].map(card => card.style.gridArea"
        ".replaceAll(' ', '')).join()"
    )
    page.wait_until(f"{places} === '1/1,1/2,2/1,2/2'")
    page.press("Escape")
    page.press("b")
    page.wait_until("document.activeElement.matches('[role=dialog] input')")
    page.evaluate("document.activeElement.select()")
    page.type("Losses by optimizer")
    page.press("Enter")
    page.wait_for(".toast", "Saved as Losses by optimizer")
    page.goto(f"{server.url}bookmarks")
    page.click("main li a")
    page.wait_until(f"{places} === '1/1,1/2,2/1,2/2'")
    assert words(page, "facet") == ["metric.name", "run.hparams.optimizer"]


def test_the_table_shows_the_params_that_were_picked(page: Page, server: Served) -> None:
    """Params are picked for the table, and the page chooses again when it is told to."""
    explore(page, server)
    heads = "[...document.querySelectorAll('.pane th')].map(head => head.innerText.trim())"
    page.wait_until(f"{heads}.includes('optimizer') && {heads}.includes('seed')")
    page.click('[title="Columns of the table"]')
    page.click('.popover button[title="hparams.optimizer"]')
    page.wait_until(f"!{heads}.includes('optimizer')")
    assert words(page, "col") == ["hparams.seed"]
    page.click('.popover button[title="chosen by the page"]')
    page.wait_until(f"{heads}.includes('optimizer')")
    assert words(page, "col") == []


def test_the_address_is_the_whole_state(page: Page, server: Served) -> None:
    """A reload shows the same page, and the back button undoes a choice."""
    explore(page, server, color="run.hparams.optimizer", log="1", cols="1")
    page.click("aside .row .press")
    page.wait_for("aside .row.off", "adam")
    page.wait_until(f"document.querySelector('{CHART}').dataset.lines === '2'")
    page.goto(page.evaluate("location.href"))
    page.wait_for("aside .row.off", "adam")
    page.wait_for('button[aria-pressed="true"]', "Log Y")
    page.evaluate("history.back()")
    page.wait_until("document.querySelectorAll('aside .row.off').length === 0")


def test_zooming_ends_in_exact_points(page: Page, server: Served) -> None:
    """A drag over a part brings its points as they were tracked; Escape shows all again."""
    explore(page, server)
    whole = int(page.attribute(CHART, "data-points") or 0)
    page.drag(SURFACE, (0.5, 0.3), (0.52, 0.32))
    page.wait_until("new URLSearchParams(location.search).has('zoom')")
    low, high = (
        float(end)
        for end in page.evaluate("new URLSearchParams(location.search).get('zoom')").split(",")
    )
    exact = (high - low) * 4  # a point for each step and line
    page.wait_until(f"Number(document.querySelector('{CHART}').dataset.points) >= {exact} - 8")
    page.wait_until(f"Number(document.querySelector('{CHART}').dataset.points) <= {exact} + 16")
    page.press("Escape")
    page.wait_until(f"document.querySelector('{CHART}').dataset.points === '{whole}'")


def test_a_zoom_is_moved_along(page: Page, server: Served) -> None:
    """The middle button drags what is visible sideways, as wide as it was, and pins nothing."""
    explore(page, server, zoom="500,1000")
    page.drag(SURFACE, (0.75, 0.5), (0.25, 0.5), button="middle")
    page.wait_until("new URLSearchParams(location.search).get('zoom') !== '500,1000'")
    low, high = (float(end) for end in words(page, "zoom")[0].split(","))
    assert (round(low), round(high)) == (750, 1250)
    assert words(page, "pin") == []


def test_the_keyboard_reads_and_zooms_a_chart(page: Page, server: Served) -> None:
    """Arrows walk along a line and between lines and are spoken; plus zooms, Escape leaves."""
    explore(page, server)
    page.evaluate(f"document.querySelector('{CHART}').focus()")
    spoken = "[...document.querySelectorAll('.sr-only[aria-live]')].map(e => e.textContent).join()"
    page.press("Home")
    page.press("Home")
    page.wait_until(f"{spoken}.includes('step 0')")
    page.press("ArrowRight")
    page.wait_until(f"/step [1-9]/.test({spoken})")
    first = page.evaluate(spoken)
    page.press("ArrowDown")
    page.wait_until(f"{spoken} !== {json.dumps(first)}")
    page.press("+")
    page.wait_until("new URLSearchParams(location.search).has('zoom')")
    page.press("Escape")
    page.wait_until("!new URLSearchParams(location.search).has('zoom')")


def test_several_points_stay_pinned(page: Page, server: Served) -> None:
    """A click pins a point's card; several stay, also after a reload, and each can be let go."""
    explore(page, server)
    for part in (0.3, 0.6):
        page.hover(SURFACE, at=(part, 0.5))
        page.wait_for(".tip:not(.pinned)")
        page.click(SURFACE, at=(part, 0.5))
    page.wait_until("document.querySelectorAll('.tip.pinned').length === 2")
    page.goto(page.evaluate("location.href"))
    page.wait_until("document.querySelectorAll('.tip.pinned').length === 2")
    page.evaluate("document.querySelector('.tip.pinned button').click()")
    page.wait_until("document.querySelectorAll('.tip.pinned').length === 1")


def test_runs_are_compared_with_a_baseline(page: Page, server: Served) -> None:
    """The table tells how far each run is from the one that was chosen."""
    explore(page, server, 'metric.name == "train/loss"', sort="name")
    page.hover('[data-run] a[href^="runs/"]')
    page.wait_until("document.querySelector('[aria-label=\"Compare with run-1\"]') !== null")
    page.evaluate("document.querySelector('[aria-label=\"Compare with run-1\"]').click()")
    page.wait_for("th", "Δ baseline")
    deltas = "[...document.querySelectorAll('td.delta')].map(cell => cell.innerText)"
    page.wait_until(f"{deltas}.length === 4")
    assert page.evaluate(deltas) == ["-0.2500", "baseline", "+0.1250", "+1.1250"]


def test_expressions_are_curves(page: Page, server: Served) -> None:
    """Arithmetic over series is a chart of its own; what is wrong with it is said beside it."""
    expression = 'metric["val/loss"] / metric["train/loss"]'
    explore(page, server)
    page.evaluate("document.querySelector('[aria-label^=\"Curve\"]').click()")
    page.click('input[aria-label="Expression"]')
    page.type(expression)
    page.press("Enter")
    page.wait_for("article h2", expression)
    page.wait_until(f"document.querySelectorAll('{CHART}[data-lines=\"4\"]').length === 2")
    page.wait_for("td", "2")
    page.click('input[aria-label="Expression"]')
    page.type("train_loss +")
    page.press("Enter")
    page.wait_for('[role="alert"]')
    page.errors.clear()  # the refusal is the server's, and was meant


def test_what_is_not_drawn_is_told(page: Page, server: Served) -> None:
    """Beyond 2,000 series the page says how many there are, and of what its figures are."""
    explore(page, server, 'metric.name == "many"', color="none", stroke="none")
    page.wait_for(".answer", "2,000 of 2,100 series")
    page.wait_for(".cut", "2,000 of 2,100 series")
    page.wait_for("aside", "Of what is drawn")


def test_colours_can_be_chosen(page: Page, server: Served) -> None:
    """A group keeps the colour that somebody gave it, in the address."""
    explore(page, server, color="run.hparams.optimizer")
    page.click(".paint-swatch")
    page.click('[aria-label="Colour #009e73"]')
    page.wait_until("new URLSearchParams(location.search).get('paint') === 'adam%23009e73'")
    page.wait_until(
        "getComputedStyle(document.querySelector('.paint-swatch i')).backgroundColor"
        " === 'rgb(0, 158, 115)'"
    )


def test_what_is_on_screen_can_be_saved(page: Page, server: Served) -> None:
    """As a picture, a drawing, and the points in two forms."""
    explore(page, server, 'metric.name == "train/loss"')
    page.evaluate(CAPTURE)
    for number in range(1, 5):
        page.evaluate("document.querySelector('[aria-label=\"Export\"]').click()")
        page.click(f".popover .menu button:nth-child({number})")
    page.wait_until("Object.keys(window.saved).length === 4")
    read = "window.saved['foldline-metrics.%s'].text()"
    rows = page.evaluate(read % "csv").splitlines()
    assert rows[0] == "run,name,metric,context,step,value,min,max,smoothed"
    assert rows[1].endswith(",<b>run-0</b>,train/loss,,0,0.125,0.125,0.125,") or "run-" in rows[1]
    told = json.loads(page.evaluate(read % "json"))
    assert {line["metric"] for line in told} == {"train/loss"}
    assert len(told) == 4
    drawing = page.evaluate(read % "svg")
    assert drawing.startswith("<svg")
    assert "&lt;b&gt;run-0&lt;/b&gt;" in drawing
    assert page.evaluate("window.saved['foldline-metrics.png'].size") > 1000


def test_groups_are_saved_with_their_members_counted(page: Page, server: Served) -> None:
    """An export of groups has a line for each: its centre, its band, and how many stand behind."""
    explore(page, server, color="run.hparams.optimizer", agg="mean,min-max", members="0")
    page.wait_for("aside .row", "2 lines")
    page.evaluate(CAPTURE)
    page.click('[aria-label="Export"]')
    page.click(".popover .menu button:nth-child(3)")
    page.wait_until("'foldline-metrics.csv' in window.saved")
    rows = page.evaluate("window.saved['foldline-metrics.csv'].text()").splitlines()
    assert rows[0] == (
        "run,name,metric,context,run.hparams.optimizer,step,value,min,max,smoothed,members"
    )
    assert rows[1] == ",adam,val/loss,,adam,0,0.5,0.25,0.75,,2"
    assert {row.split(",")[4] for row in rows[1:]} == {"adam", "sgd"}


def test_the_query_is_completed_while_it_is_typed(page: Page, server: Served) -> None:
    """Names of params and their values are offered, walked by arrows and taken by Tab or Enter."""
    explore(page, server)
    page.press("/")
    page.evaluate("document.activeElement.setSelectionRange(1e3, 1e3)")
    page.type(" and run.hparams.op")
    page.wait_for('[role="option"]', "run.hparams.optimizer")
    page.press("Tab")
    page.wait_until("document.querySelector('[role=combobox]').value.endsWith('.optimizer')")
    page.type(" == ")
    page.wait_for('[role="option"]', '"sgd"')
    page.press("ArrowDown")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait_until("/== \"(sgd|adam)\"$/.test(document.querySelector('[role=combobox]').value)")
    page.press("Enter")
    page.wait_for(".answer", "2 series")
    page.wait_until(f"document.querySelector('{CHART}').dataset.lines === '2'")


def test_curves_go_along_other_axes(page: Page, server: Served) -> None:
    """Epochs and other metrics are axes too, and both axes may be logarithmic."""
    explore(page, server, x="epoch", logx="sym", log="1")
    page.wait_until(f"document.querySelector('{CHART}').dataset.lines === '4'")
    page.hover(SURFACE, at=(0.5, 0.5))
    page.wait_for(".tip", "epoch")
    explore(page, server, x="metric:train/tokens", smooth="0.5")
    page.hover(SURFACE, at=(0.5, 0.5))
    page.wait_for(".tip", "smoothed")
    page.wait_for(".tip", "train/tokens")
