"""How much of the disk blobs take."""

from __future__ import annotations

import anyio
import anyio.to_thread

from foldline.disk import folder_bytes
from foldline.layout import Layout

__all__ = ["Usage"]

# Between two walks through all blobs: one through 100,000 of them takes half a second of a core.
MEASURED_S = 60.0


class Usage:
    """Measures when it is asked, and not too often; answers what it measured last."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.blobs
        self._bytes: int | None = None
        self._wanted = anyio.Event()

    def blobs_bytes(self) -> int | None:
        """Return what the blobs took when they were measured last, None before the first time."""
        self._wanted.set()
        return self._bytes

    async def run(self) -> None:
        """Measure again whenever somebody has asked, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            self._bytes = await anyio.to_thread.run_sync(folder_bytes, self._folder)
            await anyio.sleep(MEASURED_S)
