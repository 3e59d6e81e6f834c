"""What a training process and its companion tell each other.

Orders are frames on a pipe: four bytes of length, then msgpack. Answers are single bytes.
"""

from __future__ import annotations

import msgspec

from .choice import Choice
from .subject import Subject

__all__ = [
    "ANSWER_DONE",
    "ANSWER_HERE",
    "ANSWER_KILLED",
    "Begin",
    "End",
    "Order",
    "Orders",
    "Ping",
    "frame",
]

FRAME_BYTES_MAX = 512 * 1024  # fits an enlarged pipe at once, so that the training never waits

ANSWER_DONE = b"d"  # all that was printed before End is handed on and logged
ANSWER_HERE = b"h"  # to a Ping
ANSWER_KILLED = b"x"  # the companion was killed: its shell hands on from now on


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """Whom to stand beside, and what to capture."""

    subject: Subject
    choice: Choice
    buffered: bool | None = None  # how its writer was told to write


class End(msgspec.Struct, frozen=True, tag="end"):
    """The run is ended here on purpose: all that was printed is in the pipes by now."""

    modules: list[str] = []  # as in Subject, once more: imports come late
    at_exit: bool = False  # the interpreter is ending, and its exit code is to be seen


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Asked for a sign of life."""


Order = Begin | End | Ping

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)


def frame(order: Order) -> bytes:
    """Return the bytes of an order."""
    body = _encoder.encode(order)
    return len(body).to_bytes(4, "little") + body


class Orders:
    """Puts orders together from what is read of them."""

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, data: bytes) -> list[Order]:
        """Return the orders that are whole with `data`."""
        self._waiting += data
        found = []
        while len(self._waiting) >= 4:
            end = 4 + int.from_bytes(self._waiting[:4], "little")
            if len(self._waiting) < end:
                break
            found.append(_decoder.decode(self._waiting[4:end]))
            self._waiting = self._waiting[end:]
        return found
