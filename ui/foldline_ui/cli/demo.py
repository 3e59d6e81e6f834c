"""The command that shows what Foldline does."""

from __future__ import annotations

import argparse

from .exits import Exit

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Hand over to the demo, which reads its own arguments."""
    from ..demo import main  # it needs packages that nothing else does

    status: int = main(arguments.rest)
    return status or Exit.DONE
