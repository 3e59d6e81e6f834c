"""What every test may ask for."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Chromium
from tests.browser.page import Page

SCREENS = Path(__file__).parent / "screens"
_failed = pytest.StashKey[bool]()


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_the_user() -> Iterator[None]:
    """Keep all tests, and what they share, away from the settings of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        # A companion for each of a thousand runs costs minutes; tests/capture asks for its own.
        patch.setenv("FOLDLINE_CAPTURE", "none")
        for name in ("FOLDLINE_STORE", "FOLDLINE_MODE", "FOLDLINE_RUN"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _no_store_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give every test a store of its own."""
    monkeypatch.setenv("FOLDLINE_STORE", str(tmp_path / "store"))


@pytest.fixture(scope="session", autouse=True)
def _signals_as_at_a_terminal() -> None:
    """Let signals end processes, also where the tests run in the background or under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One browser for all tests; without one they fail."""
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture
def page(chromium: Chromium, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh tab; an error in its console, or a request to another host, fails the test."""
    tab = Page(chromium)
    yield tab
    if request.node.stash.get(_failed, False):
        tab.screenshot(SCREENS / f"{request.node.name}.png")
    tab.close()
    assert not tab.errors, "the page reported errors:\n" + "\n".join(tab.errors)
    strangers = {host for host in tab.hosts if not host.startswith(("127.0.0.1:", "localhost:"))}
    assert not strangers, f"the page asked other hosts: {strangers}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed, so that its page can be looked at afterwards."""
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report
