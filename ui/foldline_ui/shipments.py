"""What ships a log over HTTP: pieces and receipts.

A piece travels as the body; the address says where it belongs. Its size and its checksum are told
ahead, so that memory is reserved before it comes, and nothing is logged that the way has changed.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .wire import Request

__all__ = [
    "PIECE_BYTES_MAX",
    "BlobPiece",
    "BlobReceipt",
    "Digests",
    "Lacking",
    "Piece",
    "Place",
]

PIECE_BYTES_MAX = 16 << 20  # of a body, packed or not: half a million points, one commit of a fold
PLACE_MAX = 1 << 53  # beyond it JavaScript has no whole numbers
HOST_CHARS_MAX = 255  # what DNS has room for
RUN_CHARS_MAX = 16  # of an id
DIGESTS_MAX = 10_000  # of a request: 680 KB of JSON; an artifact of more files asks again

Offset = Annotated[int, Meta(ge=0, le=PLACE_MAX)]


class Piece(Request, frozen=True):
    """Where the bytes of a body belong, and what they are once unpacked."""

    offset: Offset
    size: Annotated[int, Meta(ge=0, le=PIECE_BYTES_MAX)]
    crc: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)] = 0  # CRC-32 as in zlib
    coding: Literal["", "gzip", "zstd"] = ""


class Place(Piece, frozen=True):
    """A piece of a segment."""

    host: Annotated[str, Meta(max_length=HOST_CHARS_MAX)] = ""
    ended: bool = False  # the writer is gone, and nothing follows these bytes
    whole: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)] | None = None  # then, the CRC-32 of all


class BlobPiece(Piece, frozen=True):
    """A piece of a blob."""

    whole: Offset = 0  # the size of the blob
    run: Annotated[str, Meta(max_length=RUN_CHARS_MAX)] = ""  # for which it is shipped


class BlobReceipt(msgspec.Struct, frozen=True):
    """How much of a blob is here; all of it only once it is whole and durable."""

    received: int


class Digests(Request, frozen=True):
    """Blobs that a sender has."""

    digests: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=DIGESTS_MAX)]


class Lacking(msgspec.Struct, frozen=True):
    """Those of them that are wanted."""

    lacking: list[str]
