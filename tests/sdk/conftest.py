"""What tests of the SDK's surface share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foldline import session
from foldline.notices import Notices
from foldline_ingest.batch import Fact
from foldline_views.logged import read_facts


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The store that the environment names: see tests/conftest.py."""
    return tmp_path / "store"


@pytest.fixture(autouse=True)
def _no_session_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin each test without a current run, and with nothing said yet."""
    monkeypatch.setattr(session, "_notices", Notices())
    yield
    session.finish()


def facts(store: Path, run: str, *kinds: type) -> list[Fact]:
    """Return what the run logged of these kinds, in order."""
    from foldline.layout import Layout

    return read_facts(Layout(store), run, *kinds)
