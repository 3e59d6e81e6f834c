"""Aim's import path of Context."""

from __future__ import annotations

from ..contexts import Context

__all__ = ["Context"]
