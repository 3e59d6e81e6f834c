"""Runs in TensorBoard's event files.

A run is a folder that holds files named `events.out.tfevents.…`, and a file is a row of records:

    8  length of the message, little endian
    4  masked CRC-32C of these eight bytes
    n  the message, an `Event` of tensorflow/core/util/event.proto
    4  masked CRC-32C of the message

A mask is the checksum turned right by 15 bits, plus 0xA282EAD8. A tag's plugin is said with its
first value only. Every point is read: TensorBoard itself keeps a sample of a thousand.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from foldline.errors import CorruptRecord
from foldline.events import ParamsSet, WriterClosed
from foldline.values.audio import Audio
from foldline.values.distribution import BINS_MAX, Distribution
from foldline.values.image import Image
from foldline.values.text import Text
from foldline.values.value import Tracked

from .castagnoli import crc32c
from .foreign import ForeignRun, Gathered, Item, Kept, LeftOut, Told, unreadable
from .protobuf import Message

__all__ = ["NAMES", "records", "runs"]

NAMES = "*tfevents*"  # of event files
TRACKER = "tensorboard"
RECORD_BYTES_MAX = 1 << 30  # of a message; a larger length is damage
MASK = 0xA282EAD8
HEAD = struct.Struct("<QI")
SESSION_START = 1
# `add_hparams` of torch and tensorboardX writes params into a folder of its own, named by the time.
HPARAMS_FOLDER = re.compile(r"\d{9,}(\.\d+)?")

# The kinds of numbers that a tensor may hold, and the field that has them if it is not field 4.
NUMBERS = {1: ("<f4", 5), 2: ("<f8", 6), 3: ("<i4", 7), 9: ("<i8", 10)}
SESSION_FAILED = 2


def runs(folder: Path, files: list[Path]) -> Iterator[ForeignRun]:
    """Yield the runs of these event files, which were found below a folder."""
    of_run: dict[Path, list[Path]] = {}
    for file in files:
        of_run.setdefault(file.parent, []).append(file)
    for run in sorted(of_run):
        if HPARAMS_FOLDER.fullmatch(run.name) and run.parent in of_run:
            of_run[run.parent] += of_run.pop(run)
    for run, there in of_run.items():
        # Names begin with the time; of an empty one the writer was made, and given nothing.
        there.sort(key=lambda file: (file.parent != run, file.name))
        own = [file for file in there if file.stat().st_size]
        if not own:
            continue
        try:
            began = _began(own[0])
        except (CorruptRecord, ValueError) as error:
            yield unreadable(TRACKER, own[0], str(error))
            continue
        yield ForeignRun(
            TRACKER,
            str(run.resolve()),
            began,
            partial(_read, own),
            own,
            name=run.relative_to(folder).as_posix() if run != folder else folder.resolve().name,
            experiment=folder.resolve().name,
            host=_host(own[0]),
        )


def records(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Yield messages; one that is not whole at the end is still being written.

    Raises CorruptRecord at damage, behind which no message can be found.
    """
    at = 0
    while len(head := file.read(HEAD.size)) == HEAD.size:
        length, crc = HEAD.unpack(head)
        if crc != _masked(head[:8]) or length > RECORD_BYTES_MAX:
            raise CorruptRecord(path, at, HEAD.size, "its length has another checksum")
        data = file.read(length + 4)
        if len(data) < length + 4:
            return
        if int.from_bytes(data[length:], "little") != _masked(data[:length]):
            raise CorruptRecord(path, at, len(data), "its checksum is wrong")
        yield data[:length]
        at += HEAD.size + length + 4


def _masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFF_FFFF


def _began(path: Path) -> float:
    """Return when the first record was written. Raises CorruptRecord or ValueError."""
    with path.open("rb") as file:
        for message in records(file, str(path)):
            return Message(message).real(1)
    raise ValueError("its first record was cut short")


def _host(path: Path) -> str:
    """Return the machine that a file names: events.out.tfevents.<time>.<host>[.<pid>.<n>][.v2]."""
    parts = path.name.partition("tfevents.")[2].split(".")[1:]
    while len(parts) > 1 and (parts[-1].isdecimal() or parts[-1] == "v2"):
        parts.pop()
    return ".".join(parts)


def _read(files: list[Path]) -> Iterator[Item]:
    return _Reading().read(files)


class _Reading:
    """A reading of one run's files."""

    def __init__(self) -> None:
        self._points = Gathered()
        self._plugins: dict[str, str] = {}  # by tag
        self._time = 0.0
        self._status = "finished"

    def read(self, files: list[Path]) -> Iterator[Item]:
        for path in files:
            with path.open("rb") as file:
                try:
                    for message in records(file, str(path)):
                        yield from self._event(Message(message))
                except (CorruptRecord, ValueError) as error:
                    yield LeftOut(f"what follows damage: {error}")
        yield from self._points.points()
        yield Told(self._time, WriterClosed(self._status))

    def _event(self, event: Message) -> Iterator[Item]:
        time, step = event.real(1), event.integer(2)
        self._time = max(self._time, time)
        if event.message(7).integer(1) == SESSION_START:
            self._points.forget(step)
        if 4 in event:
            yield LeftOut("a graph of a model")
        for value in event.message(5).messages(1):
            yield from self._value(value, step, time)

    def _value(self, value: Message, step: int, time: float) -> Iterator[Item]:
        tag = value.text(1)
        plugin = value.message(9).message(1)
        name = self._plugins.setdefault(tag, plugin.text(1))
        if name == "hparams":
            yield from self._hparams(plugin.message(2), time)
        elif 2 in value:
            self._points.add(tag, step, value.real(2), time)
        elif 8 in value:
            yield from self._tensor(name, tag, value.message(8), step, time)
        elif (kept := _old(value)) is not None:
            yield Kept(time, tag, step, [kept])

    def _tensor(
        self, plugin: str, tag: str, tensor: Message, step: int, time: float
    ) -> Iterator[Item]:
        strings, numbers = tensor.each(8), _numbers(tensor)
        values: list[Tracked] = []
        if plugin in {"scalars", ""} and len(numbers) == 1:
            self._points.add(tag, step, float(numbers[0]), time)
        elif plugin == "text":
            values = [Text(one.decode("utf-8", "replace"), "markdown") for one in strings]
            tag = tag.removesuffix("/text_summary")
        elif plugin == "images":  # the first two strings are the width and the height
            values = [Image(one) for one in strings[2:]]
        elif plugin == "audio":  # each has a label beside it
            values = [Audio(one) for one in strings[::2]]
        elif plugin == "histograms" and len(numbers) % 3 == 0:
            left, right, count = numbers.reshape(-1, 3).T
            values = [_distribution([*left, *right[-1:]], count)] if count.any() else []
        else:
            yield LeftOut(f"a value of the plugin {plugin!r}")
        if values:
            yield Kept(time, tag, step, values)

    def _hparams(self, said: Message, time: float) -> Iterator[Item]:
        if 3 in said:  # HParamsPluginData.session_start_info, and its hparams
            params = dict(map(_param, said.message(3).messages(1)))
            yield Told(time, ParamsSet(["hparams"], params))
        if said.message(4).integer(1) == SESSION_FAILED:
            self._status = "failed"


def _old(value: Message) -> Tracked | None:
    """Return a value as it was said before there were tensors: a picture, a sound, a histogram."""
    if 4 in value:
        return Image(value.message(4).data(4))
    if 6 in value:
        return Audio(value.message(6).data(4))
    return _histogram(value.message(5)) if 5 in value else None


def _param(entry: Message) -> tuple[str, str | float | bool | None]:
    """Return a name and what a google.protobuf.Value says."""
    value = entry.message(2)
    if 2 in value:
        return entry.text(1), value.real(2)
    if 3 in value:
        return entry.text(1), value.text(3)
    return entry.text(1), bool(value.integer(4)) if 4 in value else None


def _histogram(said: Message) -> Distribution | None:
    """Return a HistogramProto, whose limits are on the right of its buckets.

    The outermost lie far away: what is empty is left out, and the ends are the smallest and the
    largest of the numbers.
    """
    limits, counts = said.reals(6), said.reals(7)
    full = np.flatnonzero(counts)
    if not len(full) or len(limits) != len(counts):
        return None
    first, last = int(full[0]), int(full[-1])
    inner = limits[first:last].tolist()
    return _distribution([said.real(1), *inner, said.real(2)], counts[first : last + 1])


def _distribution(edges: Sequence[float], counts: NDArray[np.float64]) -> Distribution:
    each = -(-len(counts) // BINS_MAX)
    if each > 1:  # neighbours are counted together
        edges = [*edges[:-1:each], edges[-1]]
        counts = np.add.reduceat(counts, np.arange(0, len(counts), each))
    if not np.all(np.diff(edges) > 0):  # the same number again and again
        edges = np.linspace(edges[0] - 0.5, edges[0] + 0.5, len(counts) + 1).tolist()
    return Distribution(hist=counts, bin_edges=list(map(float, edges)))


def _numbers(tensor: Message) -> NDArray[np.float64]:
    """Return the numbers of a TensorProto, flat."""
    if tensor.integer(1) not in NUMBERS:
        return np.empty(0)
    kind, field = NUMBERS[tensor.integer(1)]
    if 4 in tensor:
        return np.frombuffer(tensor.data(4), kind).astype(np.float64)
    if kind in {"<i4", "<i8"}:
        return np.array(tensor.integers(field), np.float64)
    return tensor.reals(field, kind)
