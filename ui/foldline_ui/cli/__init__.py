"""The command line: its grammar, and a module for each command."""

from __future__ import annotations

from .parser import parser

__all__ = ["parser"]
