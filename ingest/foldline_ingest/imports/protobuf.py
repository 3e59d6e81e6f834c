"""Messages of Protocol Buffers, read without their descriptions.

The wire format is public: https://protobuf.dev/programming-guides/encoding. A message is a row of
fields, each a varint `number << 3 | type` and a value: of type 0 a varint, of 1 eight bytes, of 2
a varint that is a length and so many bytes, of 5 four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Message"]

VARINT_BITS_MAX = 64  # of the largest integer that there is; more would never end
FIXED_BYTES = {1: 8, 5: 4}  # by type


class Message:
    """The fields of a message by their numbers.

    A field that is missing, or of another type than is asked for, has its type's default: so it is
    with messages of a later version too. Of one that is repeated the last one counts.
    """

    def __init__(self, data: bytes = b"") -> None:
        """Take a message apart. Raises ValueError where it is none."""
        self._fields: dict[int, list[int | bytes]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        """Whether there is such a field."""
        return number in self._fields

    def integer(self, number: int) -> int:
        """Return an int32, int64, bool or enum."""
        return _signed(self._last(number, int) or 0)

    def real(self, number: int) -> float:
        """Return a double or a float."""
        data = self._last(number, bytes) or b""
        found: float = struct.unpack(f"<{'d' if len(data) == 8 else 'f'}", data or bytes(4))[0]
        return found

    def data(self, number: int) -> bytes:
        """Return bytes."""
        return self._last(number, bytes) or b""

    def text(self, number: int) -> str:
        """Return a text."""
        return self.data(number).decode("utf-8", "replace")

    def message(self, number: int) -> Message:
        """Return a message within."""
        return Message(self.data(number))

    def each(self, number: int) -> list[bytes]:
        """Return the bytes of a field that is repeated."""
        return [one for one in self._fields.get(number, []) if isinstance(one, bytes)]

    def texts(self, number: int) -> list[str]:
        """Return texts."""
        return [one.decode("utf-8", "replace") for one in self.each(number)]

    def messages(self, number: int) -> list[Message]:
        """Return messages."""
        return list(map(Message, self.each(number)))

    def reals(self, number: int, kind: str = "<f8") -> NDArray[np.float64]:
        """Return doubles, or floats with kind "<f4", packed or not."""
        return np.frombuffer(b"".join(self.each(number)), kind).astype(np.float64)

    def integers(self, number: int) -> list[int]:
        """Return integers, packed or not."""
        found = []
        for one in self._fields.get(number, []):
            if isinstance(one, int):
                found.append(_signed(one))
                continue
            at = 0
            while at < len(one):
                value, at = _varint(one, at)
                found.append(_signed(value))
        return found

    def _last(self, number: int, kind: type) -> Any:
        found = self._fields.get(number)
        return found[-1] if found and isinstance(found[-1], kind) else None


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at, end = 0, len(data)
    while at < end:
        key, at = (data[at], at + 1) if data[at] < 128 else _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind != 2:
            length = FIXED_BYTES.get(kind, -1)
        elif at < end and data[at] < 128:  # as most are
            length, at = data[at], at + 1
        else:
            length, at = _varint(data, at)
        if not 0 <= length <= end - at:
            raise ValueError("no message of Protocol Buffers")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while at < len(data) and shift < VARINT_BITS_MAX:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found & (1 << 64) - 1, at
        shift += 7
    raise ValueError("no message of Protocol Buffers")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
