"""The page of one run, used as a person would.

The page is every test's last argument: the tab is closed before its server ends.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest

import foldline
from tests.browser.page import Page
from tests.patience import wait_for

from .conftest import Script, Serve, Served

# Prints as many lines as each line of its input says, and tracks a point with each.
TALKER = """
import sys
import foldline

run = foldline.Run(id="talker0001", name="talker", experiment="said")
printed = 0
for word in sys.stdin:
    for _ in range(int(word)):
        run.track(1 / (1 + printed), name="loss", step=printed)
        print(f"\\x1b[32mstep {printed}\\x1b[0m of many", flush=True)
        printed += 1
    sys.stdout.flush()
    print("asked", file=sys.stderr, flush=True)
run.log_warning("the loss rises", by=0.2)
run.finish()
"""

CODE = """
import foldline

run = foldline.Run(id="coded00001", name="coded", params={"lr": 0.1})
run.finish()
"""

EVIL = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script>'
HACKED = "window.hacked === true"


def talk(training: subprocess.Popen[str], lines: int) -> None:
    """Let the script print some more lines."""
    assert training.stdin
    training.stdin.write(f"{lines}\n")
    training.stdin.flush()


def folded(server: Served, run: str) -> Served:
    """Wait until a server knows a run: before it a browser logs that there is none."""

    def is_there() -> bool:
        with suppress(HTTPError):
            return bool(server.get(f"api/v1/runs/{run}"))
        return False

    wait_for(is_there, f"the run {run} to be folded")
    return server


@pytest.fixture(scope="module")
def settled(lasting: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Serve a store of two ended runs, one of them with everything but a console."""
    return two_ended(lasting, tmp_path_factory.mktemp("settled"))


@pytest.fixture
def own(serve: Serve, tmp_path: Path) -> Served:
    """Serve such runs to one test, which changes them."""
    return two_ended(serve, tmp_path / "store")


def two_ended(serve: Serve, store: Path) -> Served:
    with foldline.Run(id="other00001", name="the other", params={"lr": 0.2}, store=store) as run:
        run.track(0.5, name="loss", step=0)
    with foldline.Run(
        id="whole00001",
        name="the whole",
        experiment="said",
        params={"lr": 0.1, "model": {"depth": 2, "names": ["a"]}, "seed": 7},
        tags=["first"],
        store=store,
    ) as run:
        for step in range(0, 30, 10):
            run.track(1 / (1 + step), name="loss", step=step)
            pixels = np.full((8, 8), step * 8, np.uint8)
            run.track([foldline.Image(pixels, caption=f"at {step}")] * 3, name="digits", step=step)
            run.track(foldline.Text(f"said **{step}**", format="markdown"), name="told", step=step)
        run.log_artifact(__file__, name="script", block=True)
        run.alert("look here", "at step 20", level="error")
    return folded(serve(store), "whole00001")


def test_the_parts_of_a_run_are_addresses(settled: Served, page: Page) -> None:
    """Keys and clicks lead from tab to tab; the back button and a reload know which it was."""
    page.goto(f"{settled.url}runs/whole00001")
    page.wait_for("h2", "the whole")
    page.wait_for("section", "look here")
    page.wait_for("table", "loss")
    page.press("2")
    page.wait_for("[role=treeitem]", "depth")
    assert page.address() == "/runs/whole00001/params"
    page.click("a[role=tab]:last-child")
    page.wait_for("h3", "Words")
    page.evaluate("history.back()")
    page.wait_for("[role=treeitem]", "depth")
    page.goto(f"{settled.url}runs/whole00001/params")
    page.wait_for("[role=treeitem]", "depth")
    page.press("3")
    page.wait_for('[data-testid="chart"]')


def test_params_are_found_and_compared(settled: Served, page: Page) -> None:
    """A search lists params flat; beside another run those that differ are shown."""
    page.goto(f"{settled.url}runs/whole00001/params")
    page.wait_for("[role=treeitem]", "depth")
    page.press("/")
    page.type("dep")
    page.wait_until("document.querySelectorAll('[role=treeitem]').length === 1")
    assert "model.depth" in page.text("[role=treeitem]")
    assert page.address().endswith("?find=dep")
    page.click("[role=treeitem]")
    page.wait_for("aside pre", "2")
    page.press("Escape")
    page.goto(f"{settled.url}runs/whole00001/params?vs=other00001")
    page.wait_until("document.querySelectorAll('[role=treeitem]').length === 4")
    assert "0.1\n0.2" in page.text("[role=treeitem]").replace("\n\n", "\n")
    page.click_text("label", "Differing only")
    assert page.count("[role=treeitem]") == 4  # all of them differ


def test_media_move_with_the_step(settled: Served, page: Page) -> None:
    """Arrow keys move all that is shown to the next step there is; a click shows one large."""
    page.goto(f"{settled.url}runs/whole00001/media")
    page.wait_for("article", "said 20")
    page.wait_for("article figcaption", "at 20")
    page.press("ArrowLeft")
    page.wait_for("article", "said 10")
    page.wait_for("article figcaption", "at 10")
    assert page.address().endswith("?step=10")
    page.click("article figure button")
    page.wait_for("dialog[open]", "1 of 3")
    page.press("ArrowRight")
    page.wait_for("dialog[open]", "2 of 3")
    page.press("Escape")
    page.wait_until("!document.querySelector('dialog[open]')")
    page.press("End")
    page.wait_for("article", "said 20")


@pytest.fixture(scope="module")
def seen(lasting: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Serve a run of one street with all that lies over it, and of one cloud of points."""
    truth = np.zeros((40, 60), int)
    truth[:, :20], truth[:, 40:] = 300, 7  # no byte holds the first: its mask has 16 bits
    position = {"minX": 0.1, "minY": 0.1, "maxX": 0.3, "maxY": 0.9}
    boxes = [{"position": position, "class_id": 1, "box_caption": f"car {n}"} for n in range(90)]
    store = tmp_path_factory.mktemp("seen")
    with foldline.Run(id="seen000001", name="seen", store=store) as run:
        street = foldline.Image(
            np.full((40, 60, 3), 128, np.uint8),
            boxes={"guess": {"box_data": boxes}},
            masks={"truth": {"mask_data": truth, "class_labels": {300: "road", 7: "tree"}}},
        )
        run.track(street, name="street", step=0)
        for step in (0, 1):
            corners = np.array(list(np.ndindex(2, 2, 2, 2)), np.float32)
            corners[:, :3] *= step + 1
            run.track(foldline.Points3D(corners), name="cloud", step=step)
    return folded(lasting(store), "seen000001")


PIXEL = (
    "(() => {{ const c = document.querySelector({canvas!r}); if (!c) return null;"
    "return [...c.getContext('2d').getImageData({x} * c.width, {y} * c.height, 1, 1).data]; }})()"
)


def test_masks_and_boxes_lie_over_their_image(seen: Served, page: Page) -> None:
    """Each class has its colour, is hidden by a press, and is named under the pointer."""
    left = PIXEL.format(canvas="article canvas", x=0.1, y=0.5)
    middle = PIXEL.format(canvas="article canvas", x=0.5, y=0.5)
    page.goto(f"{seen.url}runs/seen000001/media?kind=image")
    page.wait_for(".layer button", "road")
    page.wait_until(f"({left} || [])[3] === 255")
    assert page.evaluate(middle)[3] == 0, "a background without a name is not drawn"
    assert page.count("article figure svg path:not(.edge)") == 1
    page.click_text(".layer button", "road")
    page.wait_until(f"{left}[3] === 0")
    page.reload()
    page.wait_for(".layer button[aria-pressed=false]", "road")
    page.click_text(".layer button", "road")
    page.click("[aria-label='Show large: street']")
    page.wait_for("dialog[open] .layer button", "33.3 %")
    page.wait_for("dialog[open] .layer button", "90")
    page.hover("dialog[open] .picture", at=(0.5, 0.05))
    assert page.count(".under") == 0
    page.hover("dialog[open] .picture", at=(0.27, 0.5))
    page.wait_for(".under", "truth: road")
    assert "car 0" in page.text(".under")
    assert "and 85 more" in page.text(".under")


def test_a_cloud_is_turned_and_its_classes_hidden(seen: Served, page: Page) -> None:
    """Arrows turn it and leave the step alone; the next step is seen from the same place."""
    canvas = "canvas[role=application]"
    image = f"document.querySelector({canvas!r}).toDataURL()"
    page.goto(f"{seen.url}runs/seen000001/media?kind=points3d")
    page.wait_for("article", "16 points")
    page.evaluate(f"document.querySelector({canvas!r}).focus()")
    before = page.evaluate(image)
    page.press("ArrowLeft")
    page.wait_until(f"{image} !== {json.dumps(before)}")
    assert "step" not in page.address()
    before = page.evaluate(image)
    page.drag(canvas, (0.5, 0.5), (0.6, 0.4))
    page.wait_until(f"{image} !== {json.dumps(before)}")
    page.click_text("[aria-label='Look from'] button", "top")
    page.hover(canvas)
    page.click_text(".classes button", "1")
    page.wait_for(".classes button[aria-pressed=false]", "8")
    before = page.evaluate(image)
    page.click("[aria-label='cloud: a step back']")
    page.wait_for("article header", "step 0")
    page.wait_until(f"{image} !== {json.dumps(before)}")


def test_notes_are_shown_as_they_are_written(own: Served, page: Page) -> None:
    """Markdown is previewed while it is typed, is kept, and never becomes HTML; undo takes back."""
    page.goto(f"{own.url}runs/whole00001")
    page.wait_for("#notes", "No notes yet")
    page.click_text("#notes button", "Write")
    page.wait_until("document.activeElement.tagName === 'TEXTAREA'")
    page.type(f"It **helps** [x](javascript:window.hacked=true) {EVIL}")
    page.wait_for("#notes strong", "helps")
    page.click_text("#notes button", "Save")
    page.wait_until("!document.querySelector('#notes textarea')")
    page.wait_for("#notes strong", "helps")
    assert page.count("#notes img, #notes script, #notes a[href]") == 0
    assert not page.evaluate(HACKED)
    page.press("Control+z")
    page.wait_for("#notes", "No notes yet")


def test_a_run_is_renamed_tagged_and_deleted(own: Served, page: Page) -> None:
    """What a person changes is shown at once; a deleted run says so, and can be restored."""
    page.goto(f"{own.url}runs/whole00001/settings")
    page.wait_for("h3", "Words")
    page.press("F2")
    page.wait_until("document.activeElement.ariaLabel === 'Name of the run'")
    page.type(EVIL)
    page.press("Enter")
    page.wait_for("h2", "<script>")
    page.click('[aria-label="Add a tag"]')
    page.type("second")
    page.press("Enter")
    page.wait_for("header .tag", "second")
    page.click('[aria-label="Take first off"]')
    page.wait_until("!document.querySelector('header').parentElement.innerText.includes('first')")
    page.click_text("li button", "Archive")
    page.wait_for("header .tag", "archived")
    page.click_text("li button", "Delete")
    page.wait_for("[role=status]", "This run was deleted")
    page.click_text("li button", "Restore")
    page.wait_until("!document.querySelector('.deleted')")
    assert not page.evaluate(HACKED)


def test_a_console_is_followed_searched_and_linked_to(
    serve: Serve,
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    page: Page,
) -> None:
    """New lines appear by themselves; a text is found, a line has an address, and a step."""
    monkeypatch.setenv("FOLDLINE_CAPTURE", "console,messages")
    server = serve(tmp_path / "store")
    training = script(TALKER)
    talk(training, 200)
    page.goto(f"{folded(server, 'talker0001').url}runs/talker0001")
    page.wait_for("h2", "talker")
    page.press("5")
    page.wait_for(".line", "step 199 of many")
    talk(training, 100)
    page.wait_for(".line", "step 299 of many")
    page.press("/")
    page.type("STEP 42 of")
    page.wait_for("[role=status]", "1")
    page.press("Enter")
    page.wait_for(".line.current", "step 42 of many")
    assert page.evaluate(
        "getComputedStyle(document.querySelector('.line.current .text span')).color"
    ) != page.evaluate("getComputedStyle(document.body).color")
    page.press("Escape")
    page.click(".line.current .number")
    page.wait_for("[role=region]", "step ")  # that was current when the line was seen
    place = page.address()
    assert place == "/runs/talker0001/logs#L43"
    page.goto(f"{server.url}{place.removeprefix('/')}")
    page.wait_for(".line.chosen", "step 42 of many")
    page.click("[role=region] a")
    page.wait_for('[data-testid="chart"]')
    assert "zoom=" in page.address()
    training.communicate("", timeout=60)
    page.goto(f"{server.url}runs/talker0001/logs?view=messages")
    page.wait_for("li", "the loss rises")
    page.wait_for("li", "by=0.2")
    page.click_text("button", "Errors")
    page.wait_for("h2", "No message is of this level")


def test_a_run_that_is_not_there_says_so(settled: Served, page: Page) -> None:
    """An id that no run has, and a tab that no run has, are told in words."""
    page.goto(f"{settled.url}runs/nobody0001/logs")
    page.wait_for("h2", "no such run")
    page.goto(f"{settled.url}runs/whole00001/nonsense")
    page.wait_for("h2", "no such tab")
    page.errors.clear()  # the browser logs every 404


def open_failing(page: Page, settled: Served, status: int, code: str) -> None:
    """Open the media of a run, which the server answers by an error."""
    body = json.dumps({"error": {"code": code, "message": "`values` is torn"}})
    page.reply("*/values*", status, body.encode())
    page.goto(f"{settled.url}runs/whole00001/media")


def test_a_part_that_fails_is_told_and_tried_again(settled: Served, page: Page) -> None:
    """A part that can't be read says why where it would have been; the rest stays."""
    open_failing(page, settled, 500, "internal")
    page.wait_for("[role=alert]", "is torn")
    page.wait_for("h2", "the whole")
    page.unstub()
    page.click_text("button", "Try again")
    page.wait_for("article", "said 20")
    page.errors.clear()  # the browser logs every 500


def test_a_part_that_is_being_made_comes_by_itself(settled: Served, page: Page) -> None:
    """A part whose views are being made says so calmly, and is there when they are."""
    open_failing(page, settled, 503, "view_damaged")
    page.wait_for("[role=status]", "It shows by itself")
    assert not page.count("[role=alert]")
    page.unstub()
    page.wait_for("article", "said 20")
    page.errors.clear()  # the browser logs every 503


def test_odd_runs_are_shown_safely(serve: Serve, tmp_path: Path, page: Page) -> None:
    """HTML in every name, a long param and thousands of params do no harm."""
    store = tmp_path / "store"
    params = {EVIL: EVIL, "long": "y" * 60_000, "many": {f"k{i}": i for i in range(5_000)}}
    with foldline.Run(
        id="odd0000001", name=EVIL, params=params, tags=[EVIL], notes=EVIL, store=store
    ) as run:
        run.track(1.0, name=EVIL, step=0, context={EVIL: EVIL})
        run.track(foldline.Text(EVIL, format="markdown"), name=EVIL, step=0)
        run.track(foldline.Text(EVIL), name="plain", step=0)
        run.track(foldline.Html(EVIL), name="page", step=0)
        box = {"position": {"minX": 0, "minY": 0, "maxX": 1, "maxY": 1}, "box_caption": EVIL}
        over = {EVIL: {"box_data": [box], "class_labels": {1: EVIL}}}
        ids = {EVIL: {"mask_data": np.ones((8, 8), int), "class_labels": {1: EVIL}}}
        run.track(foldline.Image(np.zeros((8, 8)), boxes=over, masks=ids), name=EVIL, step=0)
        run.track(foldline.Points3D(np.full((3, 3), np.nan)), name="nowhere", step=0)
    server = folded(serve(store), "odd0000001")
    for tab, seen in {
        "": "onerror",
        "/params": "5,002",
        "/metrics": "onerror",
        "/media": "onerror",
        "/settings": "Words",
    }.items():
        page.goto(f"{server.url}runs/odd0000001{tab}")
        page.wait_for("article", seen)
        assert not page.evaluate(HACKED), tab
    page.goto(f"{server.url}runs/odd0000001/media?kind=points3d")
    page.wait_for("article", "None of its points is anywhere")
    page.goto(f"{server.url}runs/odd0000001/media?kind=image&hide=%2F%%&opacity=half")
    page.wait_for(".layer button", "<script>")
    assert not page.evaluate(HACKED)
    page.goto(f"{server.url}runs/odd0000001/params?find=k4999")
    page.wait_for("[role=treeitem]", "many.k4999")
    # The frame of a page has no origin: the image that it asks for in vain is its own affair.
    page.errors.clear()


def test_code_and_changes_are_shown(
    serve: Serve,
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    page: Page,
) -> None:
    """The script, what git says of it and its packages are shown as they were when it ran."""
    monkeypatch.setenv("FOLDLINE_CAPTURE", "git,packages,sources,machine")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    (tmp_path / "train.py").write_text("pass\n")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "train.py"], check=True)
    subprocess.run([*git, "commit", "-qm", "Warm up longer"], check=True)
    (tmp_path / "train.py").write_text(CODE)
    server = serve(tmp_path / "store")
    trained = script("import runpy; runpy.run_path('train.py', run_name='__main__')")
    trained.communicate(timeout=60)
    page.goto(f"{folded(server, 'coded00001').url}runs/coded00001")
    page.wait_for("section", "Warm up longer")
    page.click('[aria-label="Find a package"]')
    page.type("msgsp")
    page.wait_for("[role=listitem]", "msgspec")
    page.press("Escape")
    page.press("Escape")  # the first one empties the field
    page.click_text("button", "Show changes")
    page.wait_for(".added", "import foldline")
    page.press("7")
    page.wait_for("section .line", "coded00001")
