"""What a check of the whole log finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from foldline.errors import CorruptRecord
from foldline.layout import SEGMENT_SUFFIX, Layout, SegmentName
from foldline.packs import packed_names, unreadable

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


def verify(
    layout: Layout,
    progress: Callable[[float], None] | None = None,
    *,
    each: Callable[[Batch], None] | None = None,
) -> Report:
    """Read every record of every segment, with its checksums; `progress` hears 0 to 1.

    `each` is given what was read, batch by batch. Nothing is changed, and a log that is being
    written may be verified too.
    """
    report = Report()
    files = layout.runs.glob(f"*/log/*{SEGMENT_SUFFIX}")
    found = {SegmentName(file.parent.parent.name, file.stem) for file in files}
    names = sorted(found | packed_names(layout))
    report.damage += _damaged_packs(layout)
    for done, name in enumerate(names):
        reader = SegmentReader(name, layout.segment(name))
        report.segments += 1
        finished = False
        try:
            while not finished:
                batch = reader.read(final=True)
                report.add(batch)
                if each is not None:
                    each(batch)
                finished = batch.finished
                if not batch.bytes:
                    break
        except CorruptRecord as error:
            damage = Damage(f"{name.run}/{name.writer}", error.offset, error.length, error.reason)
            report.damage.append(damage)
        except FileNotFoundError:  # behind a link, or a pipe; or its run was freed just now
            reason = "it is no file of this store: a link, perhaps"
            report.damage.append(Damage(f"{name.run}/{name.writer}", 0, 0, reason))
        finally:
            reader.close()
        if not finished:
            report.torn.append(f"{name.run}/{name.writer}")
        if progress is not None:
            progress((done + 1) / len(names))
    return report


def _damaged_packs(layout: Layout) -> Iterator[Damage]:
    """Yield the packs whose index can't be read: what is in them is in no other answer."""
    for error in unreadable(layout):
        name = Path(error.path).name
        yield Damage(f"packs/{name}", error.offset, error.length, error.reason)
