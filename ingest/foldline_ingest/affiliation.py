"""Which experiments shipped bytes say that they are of.

Who may ship runs of some experiments only is believed by nobody's word: the bytes are looked
through before they are logged. Whatever a reader could ever take for an event is looked at, behind
holes and damage too, as an event's head proves itself wherever it stands.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import msgspec
import numpy as np

from foldline.cell import (
    CELL_BYTES,
    EVENT,
    EVENT_HEAD,
    HEADER_BYTES,
    decode_event,
    decode_header,
    event_length,
    padded,
)
from foldline.errors import CorruptRecord, SegmentRejected, TruncatedRecord
from foldline.events import FieldsSet, decode
from foldline.layout import Layout, SegmentName
from foldline.settings import EXPERIMENT_DEFAULT

from .stored import open_segment

__all__ = ["Affiliations", "stated"]

SEGMENTS_MAX = 20_000  # that are remembered, some 500 bytes each; others are read from their start
OPEN_MAX = 64  # events of a segment whose end has not come yet: a writer writes one at a time
READ_BYTES = 4 << 20  # of a segment that is not remembered, at a time


@dataclass
class _Looked:
    """How far a segment was looked through."""

    salt: int
    until: int = HEADER_BYTES  # all cells before it
    open: list[int] = field(default_factory=list)  # offsets of events that are not whole yet


class Affiliations:
    """Looks through the segments of a store that are shipped; for any number of threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._segments: OrderedDict[SegmentName, _Looked] = OrderedDict()

    def heed(
        self, name: SegmentName, allowed: Callable[[str], bool], logged: int, data: bytes
    ) -> None:
        """Look through bytes that would be logged of a segment from `logged` on.

        Raises SegmentRejected if they say that the run is of an experiment that is not `allowed`.
        One segment at a time: whoever ships it has its turn.
        """
        path = f"{name.run}/{name.writer}"
        with self._lock:
            looked = self._segments.pop(name, None)
        held = _Held(self._layout, name, logged, data)
        # What was looked through and not kept then, on a full disk, may be sent otherwise now.
        if looked is None or looked.until > max(logged, HEADER_BYTES):
            try:
                looked = _Looked(decode_header(held.read(0, HEADER_BYTES), path).salt)
            except (CorruptRecord, TruncatedRecord):
                return  # no segment: it is refused as such, or waits for its first bytes
        while looked.until + CELL_BYTES <= held.end:
            block = held.read(looked.until, READ_BYTES)
            block = block[: len(block) - len(block) % CELL_BYTES]
            if not block:
                raise SegmentRejected(f"{path} was cut short here", hint="send it once more")
            looked.open += _heads(block, looked, path)
            looked.until += len(block)
        if len(looked.open) > OPEN_MAX:
            raise SegmentRejected(
                f"{path} has too many events that do not end", hint="ship the log as it was written"
            )
        waiting = []
        for offset in looked.open:
            experiments = _stated(held, looked.salt, offset, path)
            if experiments is None:
                waiting.append(offset)
                continue
            for experiment in experiments:
                if not allowed(experiment):
                    raise SegmentRejected(
                        f"the run {name.run} says that it is of the experiment {experiment!r}, "
                        "which your token is not for",
                        hint="foldline token create --scope ingest --experiment ..., on the server",
                    )
        looked.open = waiting
        with self._lock:
            self._segments[name] = looked
            while len(self._segments) > SEGMENTS_MAX:
                self._segments.popitem(last=False)


def stated(layout: Layout, name: SegmentName, data: bytes) -> str | None:
    """Return the experiment that the first bytes of a segment state, the last one; None if none."""
    path = f"{name.run}/{name.writer}"
    try:
        looked = _Looked(decode_header(data[:HEADER_BYTES], path).salt)
    except (CorruptRecord, TruncatedRecord):
        return None
    block = data[HEADER_BYTES : len(data) - len(data) % CELL_BYTES]
    held = _Held(layout, name, 0, data)
    found = None
    for offset in _heads(block, looked, path) if block else ():
        for experiment in _stated(held, looked.salt, offset, path) or ():
            found = experiment
    return found


class _Held:
    """The bytes of a segment as they will be: those that are logged, and those that come."""

    def __init__(self, layout: Layout, name: SegmentName, logged: int, data: bytes) -> None:
        self._layout, self._name = layout, name
        self._logged, self._data = logged, data
        self.end = logged + len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from an offset on."""
        end = min(offset + length, self.end)
        found = b""
        if offset < self._logged:
            path = self._layout.segment(self._name)
            with closing(open_segment(self._name, path)) as there:
                found = there.pread(min(end, self._logged) - offset, offset)
        fresh = self._data[max(0, offset - self._logged) : max(0, end - self._logged)]
        return found + fresh


def _heads(block: bytes, looked: _Looked, path: str) -> Iterator[int]:
    """Yield where events begin in whole cells that set words of a run."""
    kinds = np.frombuffer(block, np.uint8)[::CELL_BYTES]
    for at in (np.flatnonzero(kinds == EVENT) * CELL_BYTES).tolist():
        offset = looked.until + at
        _, _, number, *_ = EVENT_HEAD.unpack_from(block, at)
        if number == FieldsSet.TYPE:
            with suppress(CorruptRecord):  # a text that looks like a head
                event_length(block, at, salt=looked.salt, offset=offset, path=path)
                yield offset


def _stated(held: _Held, salt: int, offset: int, path: str) -> list[str] | None:
    """Return the experiments that an event states, one or none; None if it is not whole yet."""
    head = held.read(offset, CELL_BYTES)
    size = CELL_BYTES + padded(event_length(head, 0, salt=salt, offset=offset, path=path))
    if offset + size > held.end:
        return None
    try:
        found = decode_event(held.read(offset, size), 0, salt=salt, offset=offset, path=path)
    except CorruptRecord:
        return []  # nobody will ever read it
    try:
        event = decode(found.type, found.payload)
    except msgspec.MsgspecError:
        return []
    if not isinstance(event, FieldsSet) or "experiment" not in event.fields:
        return []
    return [str(event.fields["experiment"] or EXPERIMENT_DEFAULT)]
