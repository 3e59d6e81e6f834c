"""Points of neighbouring series as compressed bytes.

`POINTS.md` describes every byte. Nothing is lost: what comes back is the same to the bit.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

from foldline.errors import ViewDamaged
from foldline_ingest.batch import Points
from foldline_ingest.slabs import differences, sums, transposed

__all__ = ["PIECE_POINTS", "Piece", "decode", "encode", "split"]

# Points of a piece. Fewer compress worse, at 4,096 by a tenth; of more, too many are unpacked for
# a series of which a piece has few.
PIECE_POINTS = 8192
# zstd's default; 9 saves nothing more after the columns are taken apart.
LEVEL = 3

# What a piece becomes: 41 bytes a point at most, so that damage can't ask for gigabytes.
BODY_BYTES_MAX = 1024 * 1024

HEAD = Struct("<III")  # series, points, whether there are epochs
COLUMN_BYTES = 8


class Piece(NamedTuple):
    """Some points, and what is asked of them before they are unpacked."""

    first: int  # the smallest series number
    last: int  # the largest one
    low: float  # the smallest step
    high: float
    data: bytes


def split(points: Points) -> list[Piece]:
    """Return points as pieces: series by series, each in the order in which it was tracked."""
    ordered = points.where(np.argsort(points.series, kind="stable"))
    starts = range(0, len(points), PIECE_POINTS)
    return [_piece(ordered.where(slice(at, at + PIECE_POINTS))) for at in starts]


def _piece(points: Points) -> Piece:
    return Piece(
        int(points.series[0]),
        int(points.series[-1]),
        float(points.step.min()),
        float(points.step.max()),
        encode(points),
    )


def encode(points: Points) -> bytes:
    """Return points that are in the order of their series as bytes."""
    series, counts = np.unique(points.series, return_counts=True)
    with_epochs = not np.isnan(points.epoch).all()
    columns = [points.step, points.value, points.time]
    if with_epochs:
        columns.append(points.epoch)
    body = [
        HEAD.pack(len(series), len(points), with_epochs),
        np.stack((series, counts), axis=1).astype("<u4").tobytes(),
        *(transposed(differences(_words(column))).tobytes() for column in columns),
    ]
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    return compressor.compress(b"".join(body))


def decode(data: bytes) -> Points:
    """Return the points of a piece. Raises ViewDamaged if it is none."""
    try:
        if not 0 <= zstandard.frame_content_size(data) <= BODY_BYTES_MAX:
            raise ValueError("they say that they are more than a piece can have")
        body = zstandard.ZstdDecompressor().decompress(data)
        series_count, count, with_epochs = HEAD.unpack_from(body)
        table = np.frombuffer(body, "<u4", 2 * series_count, HEAD.size).reshape(-1, 2)
        at = HEAD.size + table.nbytes
        columns = []
        for _ in range(4 if with_epochs else 3):
            planes = np.frombuffer(body, np.uint8, COLUMN_BYTES * count, at)
            at += COLUMN_BYTES * count
            words = np.ascontiguousarray(planes.reshape(COLUMN_BYTES, count).T).view("<u8").ravel()
            columns.append(sums(words).view(np.float64))
        series = np.repeat(table[:, 0].astype(np.uint32), table[:, 1])
        if len(series) != count:
            raise ValueError("its table does not fit its points")
    except (zstandard.ZstdError, ValueError, OverflowError) as error:
        raise ViewDamaged(
            f"points can't be unpacked: {error}",
            hint="nothing is lost: they are made again from the log; ask again in a moment",
        ) from error
    step, value, time, *more = columns
    return Points(series, step, value, time, more[0] if more else np.full(count, np.nan))


def _words(column: NDArray[np.float64]) -> NDArray[Any]:
    return np.ascontiguousarray(column, dtype="<f8").view("<u8")
