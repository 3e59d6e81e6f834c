"""Columns of numbers as compressed bytes.

Each column stands by itself in the row of its slot; those of many slots are unpacked together.
`LEVELS.md` describes every byte.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from foldline.errors import ViewDamaged
from foldline_ingest.slabs import differences, transposed

__all__ = ["pack", "pack_times", "unpack", "unpack_times"]

# The fastest that still finds what repeats: 3 was measured to save nothing more.
LEVEL = 1

WORD_BYTES = 8
ONE, SIGN = np.uint64(1), np.uint64(63)


class _Held(threading.local):
    """What each thread has for itself: it takes longer to make than a column to compress."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_held = _Held()


def pack(column: NDArray[Any]) -> bytes:
    """Return a column's own bytes as one frame of zstd."""
    return _held.compressor.compress(column.tobytes())


def pack_times(times: NDArray[np.float64], counts: Sequence[int] | None = None) -> list[bytes]:
    """Return the times of each slot as the distances between them, their bytes by rank.

    They lie end to end, and `counts` says how many are each slot's; without, all are of one.
    """
    words = np.ascontiguousarray(times, dtype="<f8").view("<u8")
    ends = np.cumsum([len(words)] if counts is None else counts)
    begins = np.append(0, ends[:-1])
    distances, first = differences(words), words[begins]
    distances[begins] = (first << ONE) ^ (np.uint64(0) - (first >> SIGN))
    planes = transposed(distances)
    places = zip(begins.tolist(), ends.tolist(), strict=True)
    return [pack(planes[:, begin:end]) for begin, end in places]


def unpack(data: bytes, packed: Sequence[int], sizes: Sequence[int]) -> Iterator[bytes]:
    """Yield columns that were packed one by one, of these sizes before and after.

    Raises ViewDamaged if they are not.
    """
    decompressor = _held.decompressor
    at = 0
    try:
        for length, size in zip(packed, sizes, strict=True):
            frame = data[at : at + length]
            at += length
            if zstandard.frame_content_size(frame) != size:
                raise ValueError("a column has another size than its row says")
            yield decompressor.decompress(frame)
    except (zstandard.ZstdError, ValueError) as error:
        raise ViewDamaged(
            f"a series can't be unpacked: {error}",
            hint="nothing is lost: it is made again from the log; ask again in a moment",
        ) from error


def unpack_times(data: bytes, packed: Sequence[int], counts: Sequence[int]) -> NDArray[np.float64]:
    """Return so many times of each slot, end to end. Raises ViewDamaged if they are not there."""
    ends = np.cumsum(counts, dtype=np.int64)
    planes = np.empty((sum(counts), WORD_BYTES), dtype=np.uint8)
    columns = unpack(data, packed, [WORD_BYTES * count for count in counts])
    for end, count, column in zip(ends.tolist(), counts, columns, strict=True):
        planes[end - count : end] = np.frombuffer(column, np.uint8).reshape(WORD_BYTES, count).T
    # As `slabs.sums`, in place: fresh memory for each step would be most of the time.
    words = planes.view("<u8").ravel()
    signs = words & ONE
    words >>= ONE
    words ^= np.negative(signs, out=signs)
    if len(ends):
        # Each column begins from 0 again, modulo 2^64.
        words[ends[:-1]] -= np.add.reduceat(words, ends - counts)[:-1]
    return np.cumsum(words, out=words).view(np.float64)
