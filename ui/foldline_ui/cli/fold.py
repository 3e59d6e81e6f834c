"""The command that is the fold process of a server."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from foldline_views.folding import main

from ..logbook import open_logbook
from .exits import Exit

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> Exit:
    """Fold until the server closes our standard input."""
    # Ctrl+C reaches every process of a terminal; the server ends this one in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    open_logbook(arguments.log_format)
    main(Path(arguments.store))
    return Exit.DONE
