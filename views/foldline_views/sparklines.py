"""The series of one run, as pictures of a line's height.

They are read from the run's segments as these grow, without the views: a notebook has them where no
server runs, and nothing else of the store is folded for them.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from foldline.errors import CorruptRecord
from foldline.events import SeriesDefined
from foldline.layout import Layout, SegmentName
from foldline.packs import segments
from foldline.series import is_system
from foldline_ingest.batch import Batch, facts
from foldline_ingest.reader import SegmentReader

from . import buckets

__all__ = ["Sparkline", "Sparklines"]

LINES_MAX = 12  # what one reads at a glance; the page has the others
BUCKETS_MAX = 120  # of a line: there are not more columns of pixels
READ_S_MAX = 0.1  # of one look at the log: a notebook's cell waits for it no longer
WIDTH_PX, HEIGHT_PX = 160, 28

Key = tuple[str, str]


class Sparkline(NamedTuple):
    """One series: what it is called, its newest value, and its curve as inline SVG."""

    name: str
    context: dict[str, Any]
    last: float
    svg: str


class Sparklines:
    """Follows the first LINES_MAX series of a run."""

    def __init__(self, layout: Layout, run: str) -> None:
        self._layout = layout
        self._run = run
        self._segments: dict[SegmentName, tuple[SegmentReader, dict[int, Key]]] = {}
        self._lines: dict[Key, buckets.Level] = {}
        self.more = 0  # series that are not followed

    def read(self) -> list[Sparkline]:
        """Return the lines with what was logged since the last look, in the order of their start.

        What can't be read within READ_S_MAX is left for the next look.
        """
        end = time.monotonic() + READ_S_MAX
        for name in segments(self._layout, self._run):
            if name not in self._segments:
                self._segments[name] = SegmentReader(name, self._layout.segment(name)), {}
            reader, numbers = self._segments[name]
            # What is no segment holds nothing; the fold reports it.
            with suppress(CorruptRecord, FileNotFoundError):
                while time.monotonic() < end and (batch := reader.read()).bytes:
                    self._take(batch, numbers)
            reader.close()
        return [
            Sparkline(
                key[0], json.loads(key[1]), float(level.buckets[buckets.LAST, -1]), _svg(level)
            )
            for key, level in self._lines.items()
            if level.buckets.shape[1]
        ]

    def _take(self, batch: Batch, numbers: dict[int, Key]) -> None:
        for fact in facts(batch):
            event = fact.event
            if isinstance(event, SeriesDefined) and not is_system(event.name):
                key = (event.name, json.dumps(event.context, sort_keys=True))
                if key in self._lines or len(self._lines) < LINES_MAX:
                    self._lines.setdefault(key, buckets.EMPTY)
                    numbers[event.series] = key
                else:
                    self.more += 1
        for number, key in islice(numbers.items(), LINES_MAX):
            points = batch.points.where(batch.points.series == number)
            if len(points):
                width, known = self._lines[key]
                new = buckets.of_points(points.step, points.value, points.time)
                joined = buckets.coarsen(np.concatenate((known, new), axis=1), width)
                width = buckets.fit(joined, width, BUCKETS_MAX)
                self._lines[key] = buckets.Level(width, buckets.coarsen(joined, width))


def _svg(level: buckets.Level) -> str:
    """Return a line through the smallest and largest value of each bucket; NaN is a gap."""
    shown = level.buckets[:, level.buckets[buckets.COUNT] > 0]
    head = f'<svg width="{WIDTH_PX}" height="{HEIGHT_PX}" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}">'
    if not shown.shape[1]:
        return f"{head}</svg>"
    low, high = shown[buckets.MIN].min(), shown[buckets.MAX].max()
    first, last = level.buckets[buckets.STEP, 0], level.buckets[buckets.STEP_LAST, -1]
    pen, path = "M", []
    for bucket in level.buckets.T:
        if not bucket[buckets.COUNT]:
            pen = "M"
            continue
        x = _place(bucket[buckets.STEP], first, last) * (WIDTH_PX - 4) + 2
        for value in (bucket[buckets.MIN], bucket[buckets.MAX]):
            y = (1 - _place(value, low, high)) * (HEIGHT_PX - 4) + 2
            path.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
    return (
        f'{head}<path d="{"".join(path)}" fill="none" stroke="currentColor" stroke-width="1.5" '
        'stroke-linejoin="round" stroke-linecap="round"/></svg>'
    )


def _place(value: float, low: float, high: float) -> float:
    """Return where `value` lies between `low` and `high`, from 0 to 1."""
    # Halved first: the distance between two large floats may be none.
    span = high / 2 - low / 2
    return float((value / 2 - low / 2) / span) if span > 0 else 0.5
