"""Aim's import path of what `foldline` has."""

from __future__ import annotations

from typing import Any

import foldline

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    """Return what `foldline` has by this name."""
    return getattr(foldline, name)
