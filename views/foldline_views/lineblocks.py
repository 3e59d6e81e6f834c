"""Up to 64 console lines as one blob.

Block n of a writer holds its lines 64 n to 64 n + 63, so whoever has a line's number knows where
it is. LINES.md says what a blob is, to the byte.
"""

from __future__ import annotations

import re
import threading
from itertools import chain, groupby, repeat
from typing import NamedTuple

import msgspec
import zstandard

__all__ = [
    "BLOCK_LINES", "Block", "Place", "colourless", "may_hold", "moment", "pack", "unpack",
]  # fmt: skip

# What the text index finds is a block, and who shows a line unpacks one: 15 µs of work. Larger
# ones are a fifth smaller at four times this, and slower to look through.
BLOCK_LINES = 64

# All that a captured line keeps of a terminal's codes. Whoever looks for words does not see them.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")

# Of zstd: 3 was measured to be no smaller, and zlib to be a third larger and half as fast.
PACK_LEVEL = 1


class Place(NamedTuple):
    """Where and when a line was printed."""

    stream: str
    time: float  # unix seconds, of the event that first named it
    begun: float  # the same, but never before that of the line above it
    ended: bool = True  # else it may still be written over: a progress bar, a prompt


class Block:
    """Lines by their place in the block; of those that nobody printed, all is None."""

    def __init__(self, places: list[Place | None], texts: list[str | None]) -> None:
        self.places = places
        self.texts = texts

    @classmethod
    def empty(cls) -> Block:
        """Return a block with no lines yet."""
        return cls([None] * BLOCK_LINES, [None] * BLOCK_LINES)

    @property
    def begun(self) -> float:
        """When its first line was begun. A block in a view has one."""
        return next(place.begun for place in self.places if place is not None)


NOBODYS = Place("", -1.0, -1.0)  # in a blob, where a line is missing


class _Zstd(threading.local):
    """What packs and unpacks, for each thread: to make it anew costs three times its work."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=PACK_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[list[tuple[int, str, float, float, bool]], str])


def pack(block: Block) -> bytes:
    """Return the blob of a block."""
    stretches = [(len(list(lines)), *(place or NOBODYS)) for place, lines in groupby(block.places)]
    text = "\n".join(text for text in block.texts if text is not None)
    return _zstd.compress(_encoder.encode((stretches, text)))


def unpack(data: bytes) -> Block:
    """Return the block of a blob. Raises msgspec.DecodeError if it is damaged."""
    stretches, text = _decoder.decode(_plain(data))
    places = list(
        chain.from_iterable(
            repeat(None if begun < 0 else Place(stream, time, begun, ended), count)
            for count, stream, time, begun, ended in stretches
        )
    )
    texts: list[str | None] = list(text.split("\n"))
    if len(texts) < BLOCK_LINES:  # some lines are missing: at the end, or by damage
        printed = iter(texts)
        texts = [None if place is None else next(printed) for place in places]
    return Block(places, texts)


def colourless(text: str) -> str:
    """Return a line, or several, without the colours in which they were printed."""
    return _COLOURS.sub("", text) if "\x1b" in text else text


def may_hold(data: bytes, wanted: str) -> bool:
    """Say whether a line of a blob may hold a text in small letters: a quick look at it."""
    return wanted in colourless(_plain(data).decode("utf-8", "replace")).lower()


def _plain(data: bytes) -> bytes:
    try:
        return _zstd.decompress(data)
    except zstandard.ZstdError as error:
        # Of the same kind as what a row says that unpacks, and is damaged all the same.
        raise msgspec.DecodeError(f"a block of lines can't be unpacked: {error}") from error


def moment(time: float) -> float:
    """Return a time by which lines can be ordered: 0 for what is none."""
    return time if 0.0 < time < float("inf") else 0.0
