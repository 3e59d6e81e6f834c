"""Values that were tracked and wait to be encoded.

A spool file holds one call of `track`: what it said, and the raw bytes of its values. It is written
by the caller's thread into the page cache, so that it survives the process, and goes when its
event is in the log. Whoever finds files of a writer that is gone finishes them: `finish`.

    0   8  magic, "FOLDSPL1"
    8   4  length of the words
   12   4  CRC-32 of words, parts and the two lengths
   16   8  length of the file; one that is shorter belongs to a call that never returned
   24      the words, a msgpack map as `Call` has it; then all parts of all values
"""

from __future__ import annotations

import errno
import mmap
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from . import blobs
from .disk import private
from .errors import CorruptRecord, FoldlineError, StoreUnwritable, TruncatedRecord, ValueRejected
from .events import Event, PointsDropped, Value, ValuesTracked
from .layout import Layout, SegmentName
from .links import open_file

if TYPE_CHECKING:
    from .values.value import Encoded, Keep, Raw

__all__ = [
    "Call",
    "Outcome",
    "TooLarge",
    "call_of",
    "encode",
    "finish",
    "keeper",
    "read",
    "reason_of",
    "waiting",
    "write",
]

INLINE_BYTES_MAX = 4_096  # of a value kept in its event: a file of its own takes a block anyway
INLINE_TOTAL_BYTES_MAX = 65_536  # of all values of one event, which readers pass over
GATHERED_MAX = 1_000  # parts written by one system call, which takes 1,024
GATHERED_BYTES_MAX = 1 << 30  # written by one system call, which takes just under 2 GiB

_BINARY = getattr(os, "O_BINARY", 0)  # Windows
_MAGIC = b"FOLDSPL1"
_HEAD = Struct("<8sIIQ")
_LENGTHS = Struct("<IQ")


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a call of `track` said, and the header and the sizes of the parts of each value."""

    kind: str
    name: str
    step: int | float
    time: float
    values: list[tuple[dict[str, Any], list[int]]]
    context: dict[str, Any] = {}
    epoch: float | None = None


class Outcome(NamedTuple):
    """What became of a call."""

    event: ValuesTracked  # without values if none of them could be kept
    notes: list[str]  # what had to be changed to keep them
    refused: list[str]  # why a value could not be kept, of each such


class TooLarge(Exception):
    """Raised in place of keeping a blob, where there is no time for one."""


_encode = msgspec.msgpack.encode
_decoder = msgspec.msgpack.Decoder(Call)


def call_of(event: ValuesTracked, raws: Iterable[Raw]) -> Call:
    """Return the words of a call, from the event that it will be without its values."""
    return Call(
        event.kind,
        event.name,
        event.step,
        event.time,
        [(raw.header, [_size(part) for part in raw.parts]) for raw in raws],
        event.context,
        event.epoch,
    )


def write(path: Path, call: Call, raws: Sequence[Raw]) -> int:
    """Write a spool file; return its size in bytes. Raises OSError, and leaves nothing then."""
    words = _encode(call)
    sizes = [size for _, each in call.values for size in each]
    parts = [part for raw in raws for part in raw.parts]
    held = [part for part in parts if not isinstance(part, Path)]
    total = _HEAD.size + len(words) + sum(sizes)
    try:
        if len(held) == len(parts) <= GATHERED_MAX and total <= GATHERED_BYTES_MAX:
            _write_at_once(path, words, held, total)
        else:
            _write_by_parts(path, words, list(zip(parts, sizes, strict=True)), total)
    except BaseException:  # whatever it is, it goes on; half a file must not stay
        path.unlink(missing_ok=True)
        raise
    return total


def _write_at_once(path: Path, words: bytes, parts: list[Any], total: int) -> None:
    # Few calls: after each a thread that computes may keep the interpreter for 5 ms.
    crc = zlib.crc32(words)
    for part in parts:
        crc = zlib.crc32(part, crc)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, 0o600)
    try:
        pieces = [_head(words, crc, total), words, *parts]
        if hasattr(os, "writev"):
            written = os.writev(descriptor, pieces)
        else:
            written = sum(os.write(descriptor, piece) for piece in pieces)
    finally:
        os.close(descriptor)
    if written != total:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _write_by_parts(path: Path, words: bytes, parts: list[tuple[Any, int]], total: int) -> None:
    with open(path, "xb", buffering=0, opener=private) as file:
        file.seek(_HEAD.size)
        crc = _put(file, words, 0)
        for part, size in parts:
            if isinstance(part, Path):
                crc = _put_file(file, part, size, crc)
            else:
                crc = _put(file, part, crc)
        file.seek(0)
        file.write(_head(words, crc, total))


def _head(words: bytes, crc: int, total: int) -> bytes:
    crc = zlib.crc32(_LENGTHS.pack(len(words), total), crc)
    return _HEAD.pack(_MAGIC, len(words), crc, total)


def read(path: Path) -> tuple[Call, list[Raw]]:
    """Return a call and its values, whose parts are views of the mapped file.

    Raises TruncatedRecord for a file that is not whole, CorruptRecord, and OSError.
    """
    from .values.value import Raw

    with os.fdopen(open_file(path), "rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or head[:8] != _MAGIC:
            raise TruncatedRecord(path, 0)
        _, length, crc, total = _HEAD.unpack(head)
        size = os.fstat(file.fileno()).st_size
        if size < total:
            raise TruncatedRecord(path, size)
        if size > total:
            raise CorruptRecord(path, 0, size, "the file is longer than it says")
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if zlib.crc32(_LENGTHS.pack(length, total), zlib.crc32(view[_HEAD.size :])) != crc:
        raise CorruptRecord(path, 0, total, "its checksum is wrong")
    at = _HEAD.size + length
    call = _decoder.decode(view[_HEAD.size : at])
    raws = []
    for header, sizes in call.values:
        parts = []
        for size in sizes:
            parts.append(view[at : at + size])
            at += size
        raws.append(Raw(header, tuple(parts)))
    return call, raws


def encode(call: Call, raws: Iterable[Raw], keep: Keep) -> Outcome:
    """Return what a call becomes, its bytes kept with `keep`.

    Raises StoreUnwritable or TooLarge, as `keep` does, ValueRejected for an unknown kind, and
    MemoryError.
    """
    from .values.kinds import kind_of

    kind = kind_of(call.kind)
    values: list[Value] = []
    notes: list[str] = []
    refused: list[str] = []
    inline = 0
    for raw in raws:
        try:
            encoded = kind.encode(raw, keep)
            values.append(_value(encoded, keep, inline))
        except (StoreUnwritable, TooLarge, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a library raises at bad bytes
            refused.append(reason_of(error))
            continue
        inline += len(values[-1].inline)
        notes += [encoded.note] if encoded.note else []
    event = ValuesTracked(
        call.kind, call.name, call.step, call.time, values, call.context, call.epoch
    )
    return Outcome(event, notes, refused)


def keeper(layout: Layout) -> Keep:
    """Return a function that keeps a blob. It raises StoreUnwritable where the disk refuses."""

    def keep(data: bytes | memoryview) -> str:
        try:
            return blobs.put(layout, data)
        except OSError as error:
            raise StoreUnwritable(
                f"a value can't be kept in {layout.blobs}: {error.strerror or error}",
                hint="free some space: what waits in the spool is kept then",
            ) from error

    return keep


def waiting(layout: Layout) -> set[SegmentName]:
    """Return the writers that have files in the spool, alive or not."""
    return {name for name, _, _ in _files(layout)}


def finish(layout: Layout, run: str, writer: str, emit: Callable[[Event], None]) -> int:
    """Keep what a writer that is gone has left in the spool; return how many calls that were.

    Each becomes the event that the writer would have logged, and is given to `emit`. What can't be
    encoded is told as dropped; what is damaged too, and its file stays under another name. Where
    the disk refuses, the rest stays for another time. Two processes may finish one writer.
    """
    count = 0
    keep = keeper(layout)
    files = [file for file in _files(layout) if file[0] == SegmentName(run, writer)]
    for _, _, path in sorted(files, key=lambda file: file[1]):
        with _claimed(path) as ours:
            if not ours:
                continue
            try:
                outcome = encode(*read(path), keep)
            except TruncatedRecord:  # its call never returned, so nothing was promised
                path.unlink(missing_ok=True)
                continue
            except CorruptRecord as error:
                emit(PointsDropped(1, f"a value in the spool is damaged: {error.reason}"))
                path.replace(path.with_name(f"{path.name}.damaged"))
                continue
            except (StoreUnwritable, OSError, MemoryError):
                break
            except Exception as error:  # noqa: BLE001  # of a newer version, or bytes that lie
                emit(PointsDropped(1, reason_of(error)))
                path.replace(path.with_name(f"{path.name}.damaged"))
                continue
            for reason in outcome.refused:
                emit(PointsDropped(1, reason))
            if outcome.event.values:
                emit(outcome.event)
            path.unlink(missing_ok=True)
            count += 1
    return count


def reason_of(error: Exception) -> str:
    """Return why a value can't be kept, in a line."""
    said = error.message if isinstance(error, FoldlineError) else str(error)
    return said if isinstance(error, ValueRejected) else f"{type(error).__name__}: {said}"


def _value(encoded: Encoded, keep: Keep, inline: int) -> Value:
    media_type, data, attributes, _ = encoded
    size = len(data)
    if size <= INLINE_BYTES_MAX and inline + size <= INLINE_TOTAL_BYTES_MAX:
        return Value(media_type, size, inline=bytes(data), attributes=attributes)
    return Value(media_type, size, keep(data), attributes=attributes)


def _size(part: Any) -> int:
    return part.stat().st_size if isinstance(part, Path) else len(part)


def _put(file: Any, data: Any, crc: int) -> int:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    return zlib.crc32(data, crc)


def _put_file(file: Any, source: Path, size: int, crc: int) -> int:
    """Copy a file whose size is known. Raises OSError if it has changed."""
    with source.open("rb", buffering=0) as other:
        while chunk := other.read(blobs.CHUNK_BYTES):
            crc = _put(file, chunk, crc)
            size -= len(chunk)
    if size:
        raise OSError(0, f"{source} changed while it was read")
    return crc


def _files(layout: Layout) -> Iterator[tuple[SegmentName, int, Path]]:
    """Yield the files of the spool: whose, their number, and where."""
    try:
        names = [file.name for file in layout.spool.iterdir()]
    except OSError:
        return
    for name in names:
        run, _, rest = name.partition(".")
        writer, _, number = rest.partition(".")
        if number.isdecimal():
            yield SegmentName(run, writer), int(number), layout.spool / name


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Hold a file against others that finish it; say whether it is ours and still there."""
    try:
        file = os.fdopen(open_file(path), "rb")  # closed below
    except OSError:
        yield False
        return
    with file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows: what two processes tell twice, readers show once
            pass
        except OSError:
            yield False
            return
        yield os.fstat(file.fileno()).st_nlink > 0
