"""How a browser is signed in, and what it sees.

The page is every test's last argument: the tab is closed before its server ends.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

import foldline
from foldline.layout import Layout
from foldline_ui import tokens
from foldline_ui.cli.tokens import login_address
from tests.browser.page import Page
from tests.canonical import points_folded
from tests.patience import wait_for

from .conftest import Served, up


@pytest.fixture
def guarded(processes: ExitStack, tmp_path: Path) -> tuple[Served, Layout]:
    """Serve a store with a run to whoever is signed in."""
    store = tmp_path / "store"
    with foldline.Run(id="guarded001", name="guarded", store=store, tags=["old"]) as run:
        run.track(0.5, name="loss", step=0)
    server = up(store, processes, "--auth")
    wait_for(lambda: points_folded(store) == 1, "the run to be folded")
    return server, Layout(store)


def test_a_token_signs_a_viewer_in_who_changes_nothing(
    guarded: tuple[Served, Layout], page: Page
) -> None:
    """Without a token there is nothing to see; a viewer sees all, and is told what they may not."""
    server, layout = guarded
    made = tokens.create(layout, "read", name="for reading")
    page.goto(f"{server.url}runs/guarded001")
    page.wait_for("h1", "This server asks who you are")
    page.wait_for("pre", "foldline token login")
    assert page.count("nav") == 0
    page.type("fld_wrong")
    page.press("Enter")
    page.wait_for("[role=alert]", "token")
    page.evaluate("document.querySelector('input').select()")
    page.type(made.text)
    page.press("Enter")
    page.wait_for("h2 button:disabled", "guarded")
    assert "viewer" in str(page.attribute("h2 button", "title"))
    page.press("F2")
    assert page.count("[aria-label='Name of the run']") == 0
    page.press("b")
    page.wait_for("body", "You are signed in as a viewer")
    page.goto(f"{server.url}settings")
    page.wait_for(".setting", "for reading")
    page.click_text("button", "Sign out")
    page.wait_for("h1", "signed out")
    page.errors.clear()  # the browser logs every 401


def test_an_address_signs_its_owner_in_and_other_tabs_with_them(
    guarded: tuple[Served, Layout], page: Page
) -> None:
    """An address from the server's machine opens the pages; who owns the store may all."""
    server, layout = guarded
    page.goto(f"{server.url}runs/guarded001")
    page.wait_for("h1", "This server asks who you are")
    address = login_address(layout, server.url)
    page.evaluate(f"fetch({address!r}).then(() => dispatchEvent(new Event('focus')))")
    page.wait_for("h2 button", "guarded")
    assert page.count("h2 button:disabled") == 0
    page.goto(f"{server.url}settings")
    page.wait_for(".setting", "May do everything (admin)")
    page.errors.clear()  # the browser logs every 401
