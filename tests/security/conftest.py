"""What the tests of the security rules share."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The server runs on asyncio, as aiohttp does."""
    return "asyncio"
