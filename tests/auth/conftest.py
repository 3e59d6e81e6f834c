"""What the tests of who is let in share."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from foldline.layout import Layout
from tests.auth.tenants import fold, tenants


@pytest.fixture
def anyio_backend() -> str:
    """The server runs on asyncio, as aiohttp does."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Return a folded store of two tenants, which nobody changes."""
    layout = tenants(tmp_path_factory.mktemp("tenants") / "store")
    anyio.run(fold, layout)
    return layout


@pytest.fixture
def store(tmp_path: Path) -> Layout:
    """Return a folded store of two tenants of one's own."""
    layout = tenants(tmp_path / "store")
    anyio.run(fold, layout)
    return layout
