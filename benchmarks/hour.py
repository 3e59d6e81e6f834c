"""What an hour of live points leaves in a browser's heap.

A page shows ten charts of ten runs that grow, a hundred points a second all together.
"""

from __future__ import annotations

from .browser import add_heap, chromium
from .report import Report, scratch
from .servers import foldline_server

__all__ = ["measure"]

MINUTES = 60.0


def measure() -> Report:
    """Open the page, and look at its heap for an hour."""
    report = Report("hour", "A page of ten live charts, for an hour")
    with (
        scratch("hour") as folder,
        chromium() as browser,
        foldline_server(folder / "live") as (_, client),
    ):
        client.ask("health")
        add_heap(report, browser, client, folder / "live", MINUTES)
    return report
