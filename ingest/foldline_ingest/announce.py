"""What the fold process tells the server after each commit.

Announcements travel over a pipe as u32 little-endian length + msgpack. They carry what a page
needs to stay live without asking, and are bounded: when more series changed than the bound, the
rest is left out and `truncated` says so.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .batch import Damage
from .view import SeriesDelta

__all__ = ["ANNOUNCED_SERIES_MAX", "LIVE_SHELF", "Announcement", "Decoder", "encode"]

# One screen shows a few hundred curves; past that a page fetches what it shows anyway.
ANNOUNCED_SERIES_MAX = 512

# The shelf whose changes pages follow as they happen; of others they hear which runs changed.
LIVE_SHELF = "catalog"


class Announcement(msgspec.Struct, omit_defaults=True):
    """The state of the fold of one shelf, and what its last commit changed."""

    watermark: int
    lag_bytes: int
    state: str  # "live", "catching_up" or "rebuilding"
    progress: float | None = None  # of catching up or rebuilding, 0 to 1
    message: str | None = None
    runs: list[str] = []
    series: list[SeriesDelta] = []
    truncated: bool = False
    reset: bool = False  # the views were replaced: what was read before is void
    damage: list[Damage] = []
    shelf: str = LIVE_SHELF


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Announcement)


def encode(announcement: Announcement) -> bytes:
    """Return the bytes of one announcement, framed."""
    payload = _encoder.encode(announcement)
    return len(payload).to_bytes(4, "little") + payload


class Decoder:
    """Cuts a stream of bytes into announcements."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Announcement]:
        """Yield the announcements that are whole now."""
        self._rest += data
        while len(self._rest) >= 4:
            end = 4 + int.from_bytes(self._rest[:4], "little")
            if len(self._rest) < end:
                return
            yield _decoder.decode(self._rest[4:end])
            self._rest = self._rest[end:]
