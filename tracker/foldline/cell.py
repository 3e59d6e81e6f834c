"""The bytes of a segment: header, points, events, seals.

Pure functions between values and bytes; `SEGMENT.md` beside this file describes every byte and
is tested against it. Checksums are CRC-32 (zlib's), started from the file's random salt and the
absolute offset, so that bytes which a user logged can never pass for a record of ours.
"""

from __future__ import annotations

import zlib
from struct import Struct
from typing import NamedTuple

from .errors import CorruptRecord, TruncatedRecord

__all__ = [
    "BLOCK_BYTES",
    "CELL_BYTES",
    "EPOCH_MAX",
    "EVENT",
    "FLAG_AUTO_STEP",
    "FLAG_FLOAT_STEP",
    "FLAG_LAST_SEAL",
    "HEADER_BYTES",
    "MAGIC",
    "PAD",
    "POINT",
    "SEAL",
    "VERSION",
    "EventHead",
    "Header",
    "Seal",
    "crc_start",
    "decode_event",
    "decode_header",
    "decode_pad",
    "decode_seal",
    "encode_event",
    "encode_header",
    "encode_pad",
    "encode_seal",
    "event_length",
    "padded",
]

MAGIC = b"FOLDLOG\n"  # ends in a newline, so that a transfer in text mode shows at once
VERSION = 1
HEADER_BYTES = 64
CELL_BYTES = 32  # divides 512 and 4,096: a cell never straddles a sector or a page
BLOCK_BYTES = 64 * 1024  # what one seal covers: damage is contained to it

# Kinds of cell: byte 0. Zero means "not written yet".
POINT = 1
EVENT = 2
PAD = 3
SEAL = 4

FLAG_AUTO_STEP = 1  # of a point: the SDK counted the step
FLAG_FLOAT_STEP = 2  # of a point: the step field holds an f64, not an i64
FLAG_LAST_SEAL = 1  # of a seal: the segment is finished and ends here

EPOCH_MAX = 0xFFFE  # a point's cell holds epochs 0..EPOCH_MAX; others travel as events

HEADER = Struct("<8sI16s16sQQI")  # magic version run writer created_ns salt crc
POINT_INT = Struct("<BBHIdqd")  # kind flags epoch+1 series value step time
POINT_FLOAT = Struct("<BBHIddd")  # the same with a fractional step
EVENT_HEAD = Struct("<BBHIIIqd")  # kind codec type length payload_crc head_crc seq time
PAD_CELL = Struct("<BBHIQqd")  # kind 0 0 crc continue_at 0 time
SEAL_CELL = Struct("<BBHIQqd")  # kind flags 0 crc first length time
_SALT = Struct("<QQ")


class Header(NamedTuple):
    """What the first 64 bytes of a segment say."""

    run: str
    writer: str
    created_ns: int
    salt: int


class EventHead(NamedTuple):
    """One event as it lies in a segment: its type, its order, its time, its payload."""

    type: int
    seq: int
    time: float
    payload: bytes


class Seal(NamedTuple):
    """A checksum over `length` bytes from the absolute offset `first`."""

    first: int
    length: int
    crc: int
    last: bool


def padded(length: int) -> int:
    """Return `length` rounded up to whole cells."""
    return -(-length // CELL_BYTES) * CELL_BYTES


def crc_start(salt: int, offset: int) -> int:
    """Return the CRC-32 that a checksum at `offset` of a file with this salt starts from."""
    return zlib.crc32(_SALT.pack(salt, offset))


def encode_header(header: Header) -> bytes:
    """Return the 64 bytes that open a segment."""
    run, writer = header.run.encode("ascii"), header.writer.encode("ascii")
    body = HEADER.pack(MAGIC, VERSION, run, writer, header.created_ns, header.salt, 0)
    return body[:-4] + zlib.crc32(body[:-4]).to_bytes(4, "little")


def decode_header(data: bytes, path: str) -> Header:
    """Return the header of the segment at `path` from its first bytes.

    Raises TruncatedRecord while fewer than 64 bytes (or only zeros) are there, and CorruptRecord
    if they are not a header that this version reads.
    """
    if len(data) < HEADER_BYTES or not any(data[:HEADER_BYTES]):
        raise TruncatedRecord(path, 0)
    magic, version, run, writer, created_ns, salt, crc = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise CorruptRecord(path, 0, HEADER_BYTES, "it does not start with the segment magic")
    if crc != zlib.crc32(data[: HEADER_BYTES - 4]):
        raise CorruptRecord(path, 0, HEADER_BYTES, "the header's checksum does not match")
    if version > VERSION:
        raise CorruptRecord(path, 0, HEADER_BYTES, f"version {version} is newer than {VERSION}")
    return Header(run.rstrip(b"\0").decode(), writer.rstrip(b"\0").decode(), created_ns, salt)


def encode_event(event: EventHead, *, salt: int, offset: int) -> bytes:
    """Return the head cell and the padded payload of an event that will lie at `offset`."""
    start, length = crc_start(salt, offset), len(event.payload)
    payload_crc = zlib.crc32(event.payload, start)
    fields = (EVENT, 0, event.type, length, payload_crc)
    head = EVENT_HEAD.pack(*fields, 0, event.seq, event.time)
    head = EVENT_HEAD.pack(*fields, zlib.crc32(head, start), event.seq, event.time)
    return head + event.payload.ljust(padded(length), b"\0")


def event_length(data: bytes, at: int, *, salt: int, offset: int, path: str) -> int:
    """Return the payload bytes of the event whose head is the cell at `data[at]`.

    The head has a checksum of its own, so that a damaged payload costs that event alone. Raises
    CorruptRecord, for the head cell only, if the head is damaged.
    """
    kind, codec, number, length, payload_crc, crc, seq, time = EVENT_HEAD.unpack_from(data, at)
    head = EVENT_HEAD.pack(kind, codec, number, length, payload_crc, 0, seq, time)
    if crc != zlib.crc32(head, crc_start(salt, offset)):
        raise CorruptRecord(path, offset, CELL_BYTES, "the event head's checksum does not match")
    return int(length)


def decode_event(data: bytes, at: int, *, salt: int, offset: int, path: str) -> EventHead:
    """Return the event whose head lies at `data[at]`, which is byte `offset` of the file.

    Raises TruncatedRecord if `data` ends first, and CorruptRecord if a checksum is wrong. At the
    growing tail of a file a wrong checksum may also be an event that is still being copied: the
    reader, which sees what follows, decides.
    """
    if at + CELL_BYTES > len(data):
        raise TruncatedRecord(path, offset)
    length = event_length(data, at, salt=salt, offset=offset, path=path)
    size = CELL_BYTES + padded(length)
    if at + size > len(data):
        raise TruncatedRecord(path, offset)
    _, _, number, _, payload_crc, _, seq, time = EVENT_HEAD.unpack_from(data, at)
    payload = bytes(data[at + CELL_BYTES : at + CELL_BYTES + length])
    if payload_crc != zlib.crc32(payload, crc_start(salt, offset)):
        raise CorruptRecord(path, offset, size, "the event payload's checksum does not match")
    return EventHead(number, seq, time, payload)


def encode_pad(continue_at: int, *, salt: int, offset: int, time: float) -> bytes:
    """Return the cell at `offset` that sends a reader on to the absolute offset `continue_at`."""
    cell = PAD_CELL.pack(PAD, 0, 0, 0, continue_at, 0, time)
    crc = zlib.crc32(cell, crc_start(salt, offset))
    return PAD_CELL.pack(PAD, 0, 0, crc, continue_at, 0, time)


def decode_pad(data: bytes, at: int, *, salt: int, offset: int, path: str) -> int:
    """Return the offset at which the walk continues after the pad at `data[at]`.

    Raises CorruptRecord if the pad is damaged, or would not lead forward.
    """
    _, _, _, crc, continue_at, _, time = PAD_CELL.unpack_from(data, at)
    cell = PAD_CELL.pack(PAD, 0, 0, 0, continue_at, 0, time)
    if crc != zlib.crc32(cell, crc_start(salt, offset)) or continue_at < offset + CELL_BYTES:
        raise CorruptRecord(path, offset, CELL_BYTES, "the pad's checksum does not match")
    return int(continue_at)


def encode_seal(data: bytes, *, salt: int, first: int, last: bool, time: float) -> bytes:
    """Return the cell that seals `data`, the bytes of the file from offset `first` on."""
    crc = zlib.crc32(data, crc_start(salt, first))
    flags = FLAG_LAST_SEAL if last else 0
    return SEAL_CELL.pack(SEAL, flags, 0, crc, first, len(data), time)


def decode_seal(data: bytes, at: int) -> Seal:
    """Return the seal that lies at `data[at]`."""
    _, flags, _, crc, first, length, _ = SEAL_CELL.unpack_from(data, at)
    return Seal(first, length, crc, bool(flags & FLAG_LAST_SEAL))
