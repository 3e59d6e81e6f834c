"""Aim's import path of Context."""

from __future__ import annotations

__all__: list[str] = []
