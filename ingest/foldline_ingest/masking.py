"""A secret masked in logged bytes, length for length.

What is masked keeps its length, so that no offset, no seal and no entry of a pack moves. Texts stay
UTF-8, events msgpack, and JSON JSON; checksums that were right are right again, and those that were
wrong stay wrong: damage is never made to look whole.
"""

from __future__ import annotations

import heapq
import json
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from mmap import mmap
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import msgspec

from foldline.capture.terminal import LINE_CHARS_MAX
from foldline.cell import (
    BLOCK_BYTES,
    CELL_BYTES,
    HEADER_BYTES,
    POINT,
    SEAL_CELL,
    crc_start,
    decode_header,
    decode_seal,
    event_length,
    padded,
)
from foldline.errors import CorruptRecord, SecretRejected, TruncatedRecord
from foldline.events import EVENTS, ConsolePrinted, StoredFile, Value, decode
from foldline.shipper.tail import DIGEST

__all__ = ["Masks", "cut", "forms_of", "gathered", "patches"]

SECRET_BYTES_MIN = 6  # of a text, or of one of its lines: shorter ones stand in other words
SECRET_BYTES_MAX = 1 << 20  # of a file with a secret: a key with all its certificates has 10 KB

PIECE_BYTES = 1 << 20  # read, or written, in one go
Bytes = bytes | mmap
Hear = Callable[[int, bytes], None]
"""Is told the type, 0 where it is none, and the payload of what is about to be masked."""

# Events of these words could not be understood any more.
_KINDS: tuple[type[msgspec.Struct], ...] = (*EVENTS.values(), Value, StoredFile)
_WORDS = frozenset(field for kind in _KINDS for field in kind.__struct_fields__) | {
    "archived", "companion", "deleted", "description", "distribution", "experiment", "failed",
    "finished", "maximize", "minimize", "points3d", "server", "stderr", "stdout",
}  # fmt: skip
_NUMBERS = frozenset("0123456789+-.,eE ")
_HEX = frozenset(b"0123456789abcdef")


def forms_of(text: str) -> list[bytes]:
    """Return all that a secret may look like in a store, each of its lines by itself.

    As it is, escaped as JSON and as Python do, and as it stands in addresses. Raises SecretRejected
    for what stands in too many other places.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = [_complaint(line) for line in lines]
    if not lines or (len(lines) == 1 and wrong[0]) or all(wrong):
        raise SecretRejected(
            f"the text can't be scrubbed: {wrong[0] if wrong else 'there is none'}",
            hint="give the whole secret; to get rid of a whole run, "
            "`foldline runs rm` and `foldline gc`",
        )
    forms: set[str] = set()
    for line, complaint in zip(lines, wrong, strict=True):
        if not complaint:
            forms |= _forms(line)
    return sorted((form.encode() for form in forms), key=lambda form: (-len(form), form))


def _complaint(line: str) -> str:
    if len(line.encode()) < SECRET_BYTES_MIN:
        return f"it has less than {SECRET_BYTES_MIN} bytes, and would be found in other words"
    if _NUMBERS.issuperset(line):
        return "it would be found in numbers that were tracked"
    if any(line in word for word in _WORDS):
        return f"{line!r} is a word that the log itself is written in"
    if not line.strip("*x"):
        return "it is a mask"
    return ""


def _forms(line: str) -> set[str]:
    escaped = {json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1], repr(line)[1:-1]}
    escaped |= {form.replace("/", "\\/") for form in escaped}
    quoted = {quote(line), quote(line, safe=""), quote_plus(line)}
    quoted |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in quoted}
    return {line} | escaped | quoted


class Masks:
    """Replaces the forms of a secret by asterisks, and digests of blobs by those of `renamed`."""

    def __init__(self, forms: list[bytes]) -> None:
        self.forms = forms
        self.renamed: dict[bytes, bytes] = {}
        halves = [(form[: len(form) // 2], form[len(form) // 2 :]) for form in forms]
        self._parts = {half for both in halves for half in both}
        self.reach_bytes = max(64, *map(len, forms))  # of what may be found
        # A word of 64 hexadecimal digits that happens to hold a short secret names a blob.
        self._short = {form for form in forms if len(form) < 64 and _HEX.issuperset(form)}

    def may_hold(self, data: Bytes) -> bool:
        """Say whether bytes may hold the secret, or one half of it: another cut of it may follow.

        It is false only if there is nothing to be masked.
        """
        if any(data.find(part) >= 0 for part in self._parts):
            return True
        return bool(self.renamed) and not self.renamed.keys().isdisjoint(self.digests(data))

    def digests(self, data: Bytes) -> set[bytes]:
        """Return all that may name blobs."""
        return set(DIGEST.findall(data))

    def places(self, data: Bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where the secret stands between two offsets: from where to where."""
        following = {form: data.find(form, start, end) for form in self.forms}
        while found := [(at, -len(form), form) for form, at in following.items() if at >= 0]:
            at, _, form = min(found)
            stop = at + len(form)
            if form in self._short and _is_digest(data, at, stop):
                stop = at + 1
            else:
                yield at, stop
            for other, place in following.items():
                if 0 <= place < stop:
                    following[other] = data.find(other, stop, end)

    def count(self, data: Bytes) -> int:
        """Return how often the secret is there."""
        if not any(data.find(form) >= 0 for form in self.forms):
            return 0
        return sum(1 for _ in self.places(data, 0, len(data)))

    def apply(self, data: bytes, *, names: bool = True) -> bytes:
        """Return the same number of bytes without the secret; `names` replaces digests too."""
        while True:
            masked = b"".join(self.pieces(data, names=names))
            if masked == data:
                return data
            data = masked  # asterisks that meet may make it once more, if it has some itself

    def pieces(self, data: Bytes, *, names: bool, mask: bytes = b"*") -> Iterator[bytes]:
        """Yield bytes, in pieces, as they are after one look through them."""
        found = (
            (start, end, mask * (end - start)) for start, end in self.places(data, 0, len(data))
        )
        named = (
            (*word.span(), self.renamed[word[0]])
            for word in (DIGEST.finditer(data) if names and self.renamed else ())
            if word[0] in self.renamed
        )
        at = 0
        for start, end, fresh in heapq.merge(found, named):
            if start >= at:
                yield from cut(data, at, start)
                yield fresh
                at = end
        yield from cut(data, at, len(data))


def _is_digest(data: Bytes, start: int, end: int) -> bool:
    """Say whether a stretch is part of a word of 64 hexadecimal digits."""
    while start and end - start <= 64 and data[start - 1] in _HEX:
        start -= 1
    while end < len(data) and end - start <= 64 and data[end] in _HEX:
        end += 1
    return end - start == 64


def cut(data: Bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield bytes from one offset to another, in pieces."""
    for at in range(start, end, PIECE_BYTES):
        yield data[at : min(at + PIECE_BYTES, end)]


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield small pieces together: a text may have a thousand masks, and a write is a call each."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def patches(data: Bytes, masks: Masks, heard: Hear) -> dict[int, bytes]:
    """Return what is to be written over a whole segment, by its offset.

    `heard` is told of each event that changes. Raises SecretRejected if an event could not be
    understood any more.
    """
    try:
        salt = decode_header(data[:HEADER_BYTES], "").salt
    except (CorruptRecord, TruncatedRecord):  # nobody reads it; and it is not to be read again
        return dict(_loose(data, 0, len(data), masks, heard))
    kinds = data[::CELL_BYTES]
    records = list(_records(data, kinds, salt))
    cuts = list(_cuts(data, records, masks))
    changed: dict[int, bytes] = {}
    after = HEADER_BYTES
    for record in records:
        changed.update(_loose(data, after, record.at, masks, heard))
        after = record.end
        payload = data[record.start : record.start + record.length]
        inside = [(start - record.start, end - record.start) for start, end in cuts
                  if record.start <= start < record.end]  # fmt: skip
        whole = _is_whole(data, record, payload, salt)
        fresh = _masked(payload, masks, inside, whole=whole)
        if fresh != payload:
            heard(record.type, payload)
            head = data[record.at : record.start]
            if whole:
                _understand(record.type, payload, fresh)
                head = _headed(head, fresh, crc_start(salt, record.at))
            changed[record.at] = head + fresh
    changed.update(_loose(data, after, len(data), masks, heard))
    return changed | _seals(data, kinds, salt, records, changed)


class _Record(NamedTuple):
    """An event whose head is proven by its checksum."""

    at: int
    type: int
    length: int  # of the payload; the file may end before it does

    @property
    def start(self) -> int:
        return self.at + CELL_BYTES

    @property
    def end(self) -> int:
        return self.start + padded(self.length)


_HEADS = re.compile(rb"[\x02\x05-\xff]")  # kinds of cells that are shaped as an event's head
_SEALS = re.compile(rb"\x04")


def _records(data: Bytes, kinds: bytes, salt: int) -> Iterator[_Record]:
    after = HEADER_BYTES
    for found in _HEADS.finditer(kinds):
        at = found.start() * CELL_BYTES
        if at < after or at + CELL_BYTES > len(data):
            continue
        try:
            head = data[at : at + CELL_BYTES]
            length = event_length(head, 0, salt=salt, offset=at, path="")
        except CorruptRecord:
            continue
        yield (record := _Record(at, int.from_bytes(head[2:4], "little"), length))
        after = record.end


def _loose(
    data: Bytes, start: int, end: int, masks: Masks, heard: Hear
) -> Iterator[tuple[int, bytes]]:
    """Yield what is masked where no event is: in what was damaged, or torn as it was written."""
    for first, last in masks.places(data, start, end):
        if data[first // CELL_BYTES * CELL_BYTES] != POINT:  # else it is a number
            heard(0, data[first:last])
            yield first, b"*" * (last - first)


def _is_whole(data: Bytes, record: _Record, payload: bytes, salt: int) -> bool:
    """Say whether a payload is what it was when it was logged."""
    told = int.from_bytes(data[record.at + 8 : record.at + 12], "little")
    right = told == zlib.crc32(payload, crc_start(salt, record.at))
    return right and len(payload) == record.length


def _masked(payload: bytes, masks: Masks, cuts: list[tuple[int, int]], *, whole: bool) -> bytes:
    """Return a payload whose texts and bytes are masked; its numbers and lengths are not.

    Of one that is not `whole` nobody knows which are which.
    """
    if not cuts and not masks.may_hold(payload):
        return payload
    fresh = bytearray(payload)
    for start, end in cuts:
        fresh[start:end] = b"*" * (end - start)
    spans = [(0, len(payload))]
    if whole:
        with suppress(IndexError):  # of a later version, perhaps, and no msgpack
            spans = list(_spans(payload))
    for start, end in spans:
        fresh[start:end] = masks.apply(bytes(fresh[start:end]))
    return bytes(fresh)


# Of msgpack: how many bytes follow a first byte, and how many of them are the length of a text, of
# bytes, or of an extension (whose type is one byte more).
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
          0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17, 0xDC: 2, 0xDD: 4, 0xDE: 2,
          0xDF: 4}  # fmt: skip
_LENGTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4}
_EXTENSIONS = range(0xC7, 0xCA)


def _spans(payload: bytes) -> Iterator[tuple[int, int]]:
    """Yield from where to where each text, and each row of bytes, of msgpack lies.

    What holds others needs no look: its parts follow its head. Raises IndexError for what is none.
    """
    at = 0
    while at < len(payload):
        first = payload[at]
        at += 1
        if first in _LENGTHS:
            size = _LENGTHS[first]
            length = int.from_bytes(payload[at : at + size], "big")
            at += size + (first in _EXTENSIONS)
        elif 0xA0 <= first < 0xC0:
            length = first & 0x1F
        else:
            at += _FIXED.get(first, 0)
            continue
        if at + length > len(payload):
            raise IndexError("it is cut short")
        yield at, at + length
        at += length


def _headed(head: bytes, payload: bytes, start: int) -> bytes:
    """Return the head of an event with the checksums of another payload."""
    fresh = bytearray(head)
    fresh[8:16] = zlib.crc32(payload, start).to_bytes(4, "little") + bytes(4)
    fresh[12:16] = zlib.crc32(fresh, start).to_bytes(4, "little")
    return bytes(fresh)


def _understand(number: int, payload: bytes, fresh: bytes) -> None:
    """Raise SecretRejected if an event could be understood before it was masked, and not after."""
    if _is_understood(number, payload) and not _is_understood(number, fresh):
        raise SecretRejected(
            "the text can't be scrubbed: an event could not be understood without it",
            hint="it is a word that the log itself is written in: give the whole secret",
        )


def _is_understood(number: int, payload: bytes) -> bool:
    try:
        decode(number, payload)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _cuts(data: Bytes, records: list[_Record], masks: Masks) -> Iterator[tuple[int, int]]:
    """Yield the parts of a secret that stand at the end of a line, and go on elsewhere.

    A line that was said before it ended is said again, whole; one that is too long goes on in the
    next line of its stream.
    """
    begun: dict[int, tuple[int, bytes]] = {}  # line -> where its text is, and the text
    full: dict[str, tuple[int, bytes]] = {}  # stream -> likewise
    for event, start in _printed(data, records):
        at, lines = start, event.text.encode().split(b"\n")
        for number, line in enumerate(lines, event.first):
            after = at + len(line) + 1
            if number in begun:
                yield from _begun_of(masks.forms, *begun.pop(number), line)
            if event.stream in full:
                above, head = full.pop(event.stream)
                for first, last in masks.places(both := head + line, 0, len(both)):
                    if first < len(head) < last:
                        yield above + first, above + len(head)
                        yield at, at + last - len(head)
            if len(line) >= LINE_CHARS_MAX:
                full[event.stream] = at, line
            elif not event.ended and number == event.first + len(lines) - 1:
                begun[number] = at, line
            at = after


def _printed(data: Bytes, records: list[_Record]) -> Iterator[tuple[ConsolePrinted, int]]:
    """Yield what was printed, and where its text is in the segment."""
    for record in records:
        if record.type != ConsolePrinted.TYPE:
            continue
        payload = data[record.start : record.start + record.length]
        try:
            event = decode(record.type, payload)
            if isinstance(event, ConsolePrinted):
                spans = list(_spans(payload))
                key = next(n for n, (a, b) in enumerate(spans) if payload[a:b] == b"text")
                start, end = spans[key + 1]
                if payload[start:end] == event.text.encode():
                    yield event, record.start + start
        except (msgspec.MsgspecError, RecursionError, LookupError):
            continue  # it is damaged, or not ours


def _begun_of(forms: list[bytes], at: int, begun: bytes, line: bytes) -> Iterator[tuple[int, int]]:
    """Yield the end of a line that was begun, if there the secret begins that the line has."""
    for form in forms:
        for length in range(min(len(form) - 1, len(begun)), 0, -1):
            place = len(begun) - length
            if begun.endswith(form[:length]) and line.startswith(form, place):
                yield at + place, at + len(begun)


def _seals(
    data: Bytes, kinds: bytes, salt: int, records: list[_Record], changed: dict[int, bytes]
) -> dict[int, bytes]:
    """Return the seals of blocks that change, those left out that were wrong before."""
    if not changed:
        return {}
    starts = [record.at for record in records]
    places = sorted(changed)
    fresh: dict[int, bytes] = {}
    for found in _SEALS.finditer(kinds):
        at = found.start() * CELL_BYTES
        before = bisect_right(starts, at)
        if at + CELL_BYTES > len(data) or (before and at < records[before - 1].end):
            continue  # bytes of a payload that look like one
        seal = decode_seal(data[at : at + CELL_BYTES], 0)
        end = seal.first + seal.length
        if not 0 <= seal.length <= BLOCK_BYTES or end > at:
            continue
        block = bytearray(data[seal.first : end])
        start = crc_start(salt, seal.first)
        if zlib.crc32(block, start) != seal.crc:
            continue
        # An event may have begun in the block before.
        for place in places[max(0, bisect_right(places, seal.first) - 1) :]:
            if place >= end:
                break
            _write_over(block, changed[place], place - seal.first)
        if (crc := zlib.crc32(block, start)) != seal.crc:
            kind, flags, zero, _, *rest = SEAL_CELL.unpack_from(data, at)
            fresh[at] = SEAL_CELL.pack(kind, flags, zero, crc, *rest)
    return fresh


def _write_over(block: bytearray, text: bytes, at: int) -> None:
    """Write as much of a text into a block as falls into it."""
    start, end = max(at, 0), min(at + len(text), len(block))
    if start < end:
        block[start:end] = text[start - at : end - at]
