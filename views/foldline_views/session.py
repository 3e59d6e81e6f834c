"""One transaction of the fold, as a view sees it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from foldline.layout import SegmentName
from foldline_ingest.view import Replay, SeriesDelta

__all__ = ["Session", "Told"]


@dataclass
class Told:
    """What those who watch are told of a commit; views add to it."""

    runs: dict[str, None] = field(default_factory=dict)  # ids, in order, each once
    series: list[SeriesDelta] = field(default_factory=list)
    truncated: bool = False  # more series changed than `series` tells


class Session(NamedTuple):
    """The open transaction, its revision, its row ids, and a way back into the log."""

    db: sqlite3.Connection
    revision: int  # rises with each commit: rows changed since a revision can be found again
    runs: dict[str, int]
    segments: dict[SegmentName, int]
    replay: Replay
    told: Told
    file: Path = Path()  # that holds the rows: what a view keeps beside them is in its folder
