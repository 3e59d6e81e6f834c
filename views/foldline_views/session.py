"""One transaction of the fold, as a view sees it."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from foldline.layout import SegmentName
from foldline_ingest.view import Replay

__all__ = ["Session"]


class Session(NamedTuple):
    """The open transaction, its revision, its row ids, and a way back into the log."""

    db: sqlite3.Connection
    revision: int  # rises with each commit: rows changed since a revision can be found again
    runs: dict[str, int]
    segments: dict[SegmentName, int]
    replay: Replay
