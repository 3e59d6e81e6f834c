"""What a check of the whole log finds."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from foldline.errors import CorruptRecord
from foldline.layout import SEGMENT_SUFFIX, Layout, SegmentName

from .batch import Batch, Damage
from .reader import SegmentReader

__all__ = ["Report", "verify"]


class Report(msgspec.Struct):
    """The figures of a log, and what in it can't be trusted."""

    segments: int = 0
    bytes: int = 0
    events: int = 0
    points: int = 0
    damage: list[Damage] = []
    # Segments, as "<run>/<writer>", that end without their last seal: still written, or killed.
    torn: list[str] = []

    def add(self, batch: Batch) -> None:
        """Count what a batch holds."""
        self.bytes += batch.bytes
        self.events += len(batch.events)
        self.points += len(batch.points)
        self.damage += batch.damage


def verify(layout: Layout, progress: Callable[[float], None] | None = None) -> Report:
    """Read every record of every segment, with its checksums; `progress` hears 0 to 1.

    Nothing is changed, and a log that is being written may be verified too.
    """
    report = Report()
    files = sorted(layout.runs.glob(f"*/log/*{SEGMENT_SUFFIX}"))
    for done, file in enumerate(files):
        name = SegmentName(file.parent.parent.name, file.stem)
        reader = SegmentReader(name, file)
        report.segments += 1
        finished = False
        try:
            while not finished:
                batch = reader.read(final=True)
                report.add(batch)
                finished = batch.finished
                if not batch.bytes:
                    break
        except CorruptRecord as error:
            damage = Damage(f"{name.run}/{name.writer}", error.offset, error.length, error.reason)
            report.damage.append(damage)
        finally:
            reader.close()
        if not finished:
            report.torn.append(f"{name.run}/{name.writer}")
        if progress is not None:
            progress((done + 1) / len(files))
    return report
