"""What reads bytes and texts of strangers.

A target takes any bytes, and fails if something other than what is documented is raised, if
anything is accepted that no checksum proves, or if it does not come to an end.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import zstandard

from foldline.cell import CELL_BYTES, HEADER_BYTES
from foldline.errors import CorruptRecord, QueryError
from foldline.events import EVENTS
from foldline.layout import SegmentName
from foldline.packs import SLAB_BYTES
from foldline.shipper.tail import Tail
from foldline_ingest.batch import Batch, facts
from foldline_ingest.reader import SegmentReader
from foldline_ingest.slabs import compress, decompress
from foldline_views.query import Subject, parse
from foldline_views.text import question
from tests.segment_build import SegmentBuild
from tests.views.oracle import Row, RowTable

__all__ = ["SEEDS", "TARGETS"]

NAME = SegmentName("run1", "writer1")
TYPES = sorted(EVENTS)
ROWS = RowTable(
    [
        Row({("name",): "a", ("params", "lr"): 0.1, ("tags",): ["x"], ("created_at",): 1.7e9}),
        Row({("name",): None, ("params", "lr"): math.nan, ("params", "layers"): [1, "a", None]}),
    ]
)
ASKED_AT = 1_700_000_000.0  # by the clock of queries


class _Memory:
    """The bytes of a segment that lies nowhere."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)
        self.damaged: dict[int, int] = {}

    def pread(self, length: int, offset: int) -> bytes:
        return self._data[offset : offset + length]

    def close(self) -> None:
        pass


class _Reader(SegmentReader):
    def __init__(self, data: bytes) -> None:
        super().__init__(NAME, Path("memory"))
        self._bytes = _Memory(data)


def _built() -> SegmentBuild:
    build = SegmentBuild()
    build.define(1, "loss")
    for step in range(40):
        build.point(1, step, step / 3)
    build.wide(1, 40, 2.0)
    return build


def _segment_of(data: bytes) -> bytes:
    """Make a segment of a fuzzer's bytes: a right one that is damaged, or one with odd events."""
    if not data:
        return b""
    how, rest = data[0] % 4, data[1:]
    if how == 0:
        return rest
    build = _built()
    if how == 1:
        # Its checksums are right: what it says need not be.
        for at in range(0, len(rest), 24):
            part = rest[at : at + 24]
            build.raw(TYPES[part[0] % len(TYPES)], part[1:])
        return build.close() if len(rest) % 2 else build.killed(allocated=len(rest))
    if how == 2:
        build.foreign(rest.ljust(-(-len(rest) // CELL_BYTES) * CELL_BYTES, b"\0"))
        return build.close()
    whole = bytearray(build.close() if rest[:1] < b"\x80" else build.killed())
    for at in range(1, len(rest) - 2, 3):
        whole[int.from_bytes(rest[at : at + 2], "little") % len(whole)] ^= rest[at + 2]
    return bytes(whole)


def segment(data: bytes) -> None:
    """Read a segment to its end, live and dead."""
    whole = _segment_of(data)
    for final in (False, True):
        reader = _Reader(whole)
        try:
            for _ in range(len(whole) // CELL_BYTES + 2):
                before = reader.offset
                batch = reader.read(final=final, limit=2048)
                assert before == batch.start <= batch.end == reader.offset <= len(whole)
                _check(batch, whole)
                if not batch.bytes:
                    break
            else:
                raise AssertionError("the walk does not end")
        except CorruptRecord:
            assert not reader.offset


def _check(batch: Batch, whole: bytes) -> None:
    list(facts(batch))  # passes over what is not what its type says, and raises nothing
    points = batch.points
    assert len(points.series) == len(points.step) == len(points.value) == len(points.time)
    for damage in batch.damage:
        assert damage.offset >= 0 and damage.length > 0 and damage.reason
    for at in batch.offsets.tolist():
        assert whole[at] in {1, 2}, "a point where none is"


def tail(data: bytes) -> None:
    """Find which bytes of a growing segment are final; more of them never make it fewer."""
    whole = _segment_of(data)
    end = 0
    for size in sorted({len(whole) // 3, len(whole) // 2, len(whole)}):
        found = Tail(_Memory(whole[:size]).pread, "memory")
        found.advance()
        assert end <= found.end or not size
        assert found.end <= max(size, HEADER_BYTES)
        end = found.end


def slab(data: bytes) -> None:
    """Unpack a slab: what is packed comes back, and what is none is a ValueError."""
    packed = data[:SLAB_BYTES]
    assert decompress(compress(packed)) == packed
    for form in (data, zstandard.compress(data)):
        try:
            found = decompress(form)
        except ValueError:
            continue
        assert len(found) <= 2 * SLAB_BYTES


def query(data: bytes) -> None:
    """Parse and ask a query: it has an answer, or an error with a place in it."""
    text = data.decode("utf-8", "replace")
    subjects: tuple[Subject, ...] = ("run", "metric")
    for subject in subjects:
        places = (0, 0)
        try:
            mask = parse(text, subject).mask(ROWS, now=ASKED_AT, search=lambda _: [])
            assert mask.dtype == np.bool_
        except QueryError as error:
            places = error.at
        assert 0 <= places[0] <= places[1] <= len(text) + 1


def search(data: bytes) -> None:
    """Understand a question of the search: there are words to look for, or an error says why."""
    text = data.decode("utf-8", "replace")
    places = (0, 0)
    try:
        question.parse(text, now=ASKED_AT)
    except QueryError as error:
        places = error.at
    assert 0 <= places[0] <= places[1] <= len(text)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "segment": segment,
    "tail": tail,
    "slab": slab,
    "query": query,
    "search": search,
}


def _seeds() -> dict[str, list[bytes]]:
    chance = random.Random(1)
    build = _built()
    whole = build.close()
    events = bytes([1]) + b"".join(
        bytes([number]) + payload[:23].ljust(23, b"\xc0") for number, payload in build.events
    )
    segments = [b"\0" + whole, events, b"\2" + whole[64:], b"\3" + chance.randbytes(30)]
    table = (2).to_bytes(4, "little") + b"".join(
        number.to_bytes(4, "little") for number in (5, 1, 3, 1)
    )
    queries = [
        'run.hparams.lr > 0.01 and run.experiment == "mnist" and "sweep" in run.tags',
        'run.metrics["loss", {"subset": "val"}].min < 0.1 and run.duration > 3600',
        'metric.name == "loss" and metric.context.subset == "val"',
        "run.created_at > datetime(2026, 1, 1) - timedelta(days=1) or not run.archived",
        "any(x > 1 for x in run.layers if x != 'a') and -run.lr ** 2 // 3 % 2 <= abs(run.n)",
    ]
    questions = ['"out of memory" experiment:mnist', "loss -nan after:2h level:error lr<0.1", "a*"]
    return {
        "segment": segments,
        "tail": segments,
        "slab": [whole, table + b"plain" + b"abc" + bytes(64), compress(whole)],
        "query": [text.encode() for text in queries],
        "search": [text.encode() for text in questions],
    }


SEEDS = _seeds()
