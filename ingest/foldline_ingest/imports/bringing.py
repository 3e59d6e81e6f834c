"""A run of another tracker made into a segment.

The ids of the run and of its writer follow from what the run is there, so that who brings in a
folder twice has each run once. The segment appears whole or not at all.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator

import msgspec
import numpy as np

from foldline import spool
from foldline.cell import CELL_BYTES, EPOCH_MAX, FLAG_FLOAT_STEP, POINT, Header
from foldline.disk import sync_folder
from foldline.errors import StoreUnwritable, ValueRejected
from foldline.events import (
    AlertRaised,
    ConsolePrinted,
    Event,
    FieldsSet,
    GitCaptured,
    ParamsSet,
    PointTracked,
    SeriesDefined,
    SummarySet,
    ValuesTracked,
    WriterLost,
    WriterOpened,
    encode,
)
from foldline.ids import run_id
from foldline.layout import Layout, SegmentName
from foldline.packs import is_there
from foldline.secrets import mask_command, mask_param, mask_text
from foldline.segment import Segment, open_file
from foldline.version import VERSION

from ..reader import CELL
from ..statement import mark
from .foreign import ForeignRun, Item, Kept, LeftOut, Points, Told, unreadable

__all__ = ["Brought", "bring", "segment_of"]

CELLS_AT_ONCE = 128  # 4 KiB: what the end of a window may leave empty


class Brought(msgspec.Struct):
    """What was brought in of a run."""

    run: str
    name: str
    there: bool = False  # it had been brought in before, and nothing was done
    points: int = 0
    values: int = 0  # images, texts and the like
    left_out: dict[str, int] = {}  # in words, and how often


def segment_of(run: ForeignRun) -> SegmentName:
    """Return the segment that a run becomes."""
    named = f"{run.tracker} {run.key}"
    return SegmentName(run_id(named), run_id(f"brought {named}"))


def bring(layout: Layout, run: ForeignRun, experiment: str = "") -> Brought:
    """Bring in a run, unless it is there; `experiment` takes the place of its own.

    Raises StoreUnwritable, and ForeignUnreadable if its files can't be read; then nothing of it is
    in the store but perhaps blobs, which `foldline gc` frees.
    """
    name = segment_of(run)
    brought = Brought(name.run, run.name)
    if is_there(layout, name):
        brought.there = True
        return brought
    path = layout.segment(name)
    draft = path.with_suffix(".draft")
    try:
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        draft.unlink(missing_ok=True)
        writing = _Writing(layout, name, run, brought)
        try:
            writing.tell(run.began, FieldsSet(_words(run, experiment)))
            for item in _read(run):
                writing.take(item)
            writing.segment.close(durable=True)
        except BaseException:  # Ctrl+C too: half a run would never be brought in whole
            writing.segment.abandon()
            draft.unlink(missing_ok=True)
            raise
        draft.replace(path)
        for folder in (path.parent, path.parent.parent, layout.runs):
            sync_folder(folder)
        mark(layout, name)
    except OSError as error:
        raise StoreUnwritable(
            f"the run {run.name or run.key} can't be brought into {layout.root}: "
            f"{error.strerror or error}",
            hint="free some space, and type the same again: what is there is passed over",
        ) from error
    return brought


def _read(run: ForeignRun) -> Iterator[Item]:
    """Yield what a run says. Raises ForeignUnreadable."""
    try:
        yield from run.read()
    except (OSError, ValueError, OverflowError, sqlite3.Error) as error:
        yield from unreadable(run.tracker, run.files[0], str(error)).read()


def _words(run: ForeignRun, experiment: str) -> dict[str, str | bool | None]:
    words = {"name": run.name, "experiment": experiment or run.experiment}
    return {field: word for field, word in words.items() if word}


class _Writing:
    """A segment that is being written."""

    def __init__(self, layout: Layout, name: SegmentName, run: ForeignRun, to: Brought) -> None:
        self._now, self._writer = run.began, name.writer
        self._keep = spool.keeper(layout)
        self._brought = to
        self._series = 0
        opened = WriterOpened(
            run.host or "unknown", 0, foldline=VERSION, command=mask_command(run.command)
        )
        salt = int.from_bytes(os.urandom(8), "little")
        self.segment = Segment(
            open_file(layout.segment(name).with_suffix(".draft"), buffered=True),
            Header(name.run, name.writer, int(max(0.0, run.began) * 1e9), salt),
            (opened.TYPE, encode(opened)),
            lock=threading.RLock(),
            clock=lambda: self._now,
        )

    def take(self, item: Item) -> None:
        """Log one of the things that a run says."""
        match item:
            case Points():
                self._points(item)
            case Told(time, event):
                self.tell(time, event)
            case Kept():
                self._values(item)
            case LeftOut(what):
                self._leave_out(what)

    def tell(self, time: float, event: Event) -> None:
        """Log a fact; of a writer that was lost without a name, it is this one."""
        if isinstance(event, WriterLost):
            event = msgspec.structs.replace(event, writer=event.writer or self._writer)
        self._now = time
        event = _masked(event)
        self.segment.append_event(event.TYPE, encode(event))

    def _points(self, points: Points) -> None:
        self._series += 1
        event = SeriesDefined(self._series, points.name, points.context)
        self.segment.append_event(event.TYPE, encode(event))
        cells = np.zeros(len(points.steps), CELL)
        cells["kind"], cells["series"] = POINT, self._series
        cells["value"], cells["time"] = points.values, points.times
        cells["step"] = points.steps.view(np.int64)
        cells["flags"] = 0 if points.steps.dtype == np.int64 else FLAG_FLOAT_STEP
        fits = np.ones(len(cells), bool)
        if points.epochs is not None:
            told = ~np.isnan(points.epochs)
            fits = ~told | (np.isin(points.epochs, np.arange(EPOCH_MAX + 1)))
            cells["epoch"][told & fits] = points.epochs[told & fits] + 1
            for at in np.flatnonzero(~fits).tolist():
                self._point(points, at, points.epochs.item(at))
        data = cells[fits].tobytes()
        for at in range(0, len(data), CELLS_AT_ONCE * CELL_BYTES):
            self.segment.append(data[at : at + CELLS_AT_ONCE * CELL_BYTES])
        self._brought.points += len(cells)

    def _point(self, points: Points, at: int, epoch: float) -> None:
        """Log a point whose epoch does not fit a cell."""
        value, step, time = points.values, points.steps, points.times
        event = PointTracked(self._series, value.item(at), step.item(at), time.item(at), epoch)
        self.segment.append_event(event.TYPE, encode(event))

    def _values(self, kept: Kept) -> None:
        if not kept.values:
            return
        kind = kept.values[0].KIND
        try:
            raws = [value.raw() for value in kept.values]
        except ValueRejected as error:
            self._leave_out(f"{kind}: {error.message}")
            return
        said = (kind, kept.name, kept.step, kept.time)
        event = ValuesTracked(*said, [], kept.context, kept.epoch)
        outcome = spool.encode(spool.call_of(event, raws), raws, self._keep)
        for reason in outcome.refused:
            self._leave_out(f"{kind}: {reason}")
        if outcome.event.values:
            self.tell(kept.time, outcome.event)
            self._brought.values += len(outcome.event.values)

    def _leave_out(self, what: str) -> None:
        self._brought.left_out[what] = self._brought.left_out.get(what, 0) + 1


def _masked(event: Event) -> Event:
    """Return an event without what looks like a secret, as the SDK would have logged it."""
    match event:
        case ParamsSet(path, value) | SummarySet(path, value):
            return msgspec.structs.replace(event, value=mask_param(path, value))
        case FieldsSet(words):
            masked = {
                name: mask_text(word) for name, word in words.items() if isinstance(word, str)
            }
            return FieldsSet({**words, **masked})
        case ConsolePrinted(text=text) | AlertRaised(text=text):
            return msgspec.structs.replace(event, text=mask_text(text))
        case GitCaptured(remote=remote):
            return msgspec.structs.replace(event, remote=mask_text(remote))
        case _:
            return event
