"""What a script reports of a run, beside its points."""

from __future__ import annotations

from .settings import Settings

__all__ = ["Reports"]


class Reports(Settings):
    """The part of a run that reports: messages, progress, alerts, summaries."""
