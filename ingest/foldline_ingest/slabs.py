"""A slab: a stretch of a segment, compressed without loss.

Points are numbers, and numbers of one series resemble their neighbours. So the cells that look
like points are taken apart into columns, each number is replaced by its distance from the one
before, the bytes of a column are put together by their rank, and only then zstd sees them. What
comes back is the same to the byte, whatever the bytes were: `PACK.md` in `foldline` has the rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from foldline.cell import CELL_BYTES, POINT
from foldline.packs import SLAB_BYTES

__all__ = ["compress", "decompress", "differences", "sums", "transposed"]

# zstd's default: after the columns are taken apart, 9 saves nothing more and takes four times as
# long.
LEVEL = 3
# What a slab becomes before zstd: its table may take eight bytes for each four points.
BODY_BYTES_MAX = 2 * SLAB_BYTES  # so that damage can't ask for gigabytes
# A shorter run of points costs more to take apart than it saves.
POINTS_RUN_MIN = 4

# Head (kind, flags, epoch, series), value, step, time: each as the integer of its eight bytes.
HEAD, VALUE, STEP, TIME = range(4)
_ONE = np.uint64(1)
_SIGN = np.uint64(63)
Words = NDArray[np.uint64]


def compress(data: bytes) -> bytes:
    """Return the slab of at most SLAB_BYTES of a segment, from a multiple of 32 on."""
    parts = _parts(data)
    table = np.array([len(parts), *(length for part in parts for length in part)], dtype="<u4")
    plain, cells, at = [], [], 0
    for plain_bytes, points in parts:
        plain.append(data[at : at + plain_bytes])
        at += plain_bytes
        cells.append(data[at : at + points * CELL_BYTES])
        at += points * CELL_BYTES
    body = b"".join((table.tobytes(), *plain, _planes(b"".join(cells))))
    return zstandard.ZstdCompressor(level=LEVEL).compress(body)


def decompress(slab: bytes) -> bytes:
    """Return the bytes of a slab. Raises ValueError if it is none."""
    try:
        if not 0 <= zstandard.frame_content_size(slab) <= BODY_BYTES_MAX:
            raise ValueError("it says that it is larger than a slab can be")
        body = zstandard.ZstdDecompressor().decompress(slab)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    if len(body) < 4 or len(body) < 4 + 8 * (count := int.from_bytes(body[:4], "little")):
        raise ValueError("its table is cut short")
    table = np.frombuffer(body, "<u4", 2 * count, 4).reshape(count, 2).astype(np.int64)
    plain_bytes, points = table.sum(axis=0).tolist() if count else (0, 0)
    start = 4 + 8 * count
    if len(body) != start + plain_bytes + points * CELL_BYTES:
        raise ValueError("its table does not fit its bytes")
    cells = _cells(body[start + plain_bytes :])
    found, taken, plain = [], 0, start
    for plain_length, length in table.tolist():
        found.append(body[plain : plain + plain_length])
        found.append(cells[taken : taken + length * CELL_BYTES])
        plain += plain_length
        taken += length * CELL_BYTES
    return b"".join(found)


def _parts(data: bytes) -> list[tuple[int, int]]:
    """Return how many bytes stay as they are and how many points follow them, in turns."""
    count = len(data) // CELL_BYTES
    kinds = np.frombuffer(data, np.uint8, count * CELL_BYTES)[::CELL_BYTES]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], kinds == POINT, [0]))))
    parts, end = [], 0
    for first, stop in edges.reshape(-1, 2).tolist():
        if stop - first >= POINTS_RUN_MIN:
            parts.append((first * CELL_BYTES - end, stop - first))
            end = stop * CELL_BYTES
    parts.append((len(data) - end, 0))
    return parts


def _planes(cells: bytes) -> bytes:
    """Return cells as columns of differences, the bytes of each column by their rank."""
    words = np.frombuffer(cells, "<u8").reshape(-1, 4)
    head = words[:, HEAD]
    order = _by_series(head)
    columns = (
        head,
        differences(words[order, VALUE]),
        differences(words[order, STEP]),
        differences(words[:, TIME]),
    )
    return b"".join(transposed(column).tobytes() for column in columns)


def _cells(planes: bytes) -> bytes:
    count = len(planes) // CELL_BYTES
    flat = np.frombuffer(planes, np.uint8).reshape(4, 8, count)
    columns = [np.ascontiguousarray(column.T).view("<u8").ravel() for column in flat]
    words = np.empty((count, 4), dtype="<u8")
    words[:, HEAD] = columns[HEAD]
    order = _by_series(columns[HEAD])
    words[order, VALUE] = sums(columns[VALUE])
    words[order, STEP] = sums(columns[STEP])
    words[:, TIME] = sums(columns[TIME])
    return words.tobytes()


def _by_series(head: NDArray[Any]) -> NDArray[np.intp]:
    """Return the order in which the points of one series follow one another."""
    return np.argsort((head >> np.uint64(32)).astype(np.uint32), kind="stable")


def differences(words: NDArray[Any]) -> Words:
    """Return each number's distance from the one before; a small one of either sign is small."""
    difference = words.astype(np.uint64)
    difference[1:] -= difference[:-1].copy()
    return (difference << _ONE) ^ (np.uint64(0) - (difference >> _SIGN))


def sums(words: Words) -> Words:
    """Return the numbers that have these distances."""
    difference = (words >> _ONE) ^ (np.uint64(0) - (words & _ONE))
    return np.cumsum(difference, dtype=np.uint64)


def transposed(column: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the first bytes of all numbers, then their second ones, and so on."""
    planes = np.ascontiguousarray(column, dtype="<u8").view(np.uint8).reshape(-1, 8)
    return np.ascontiguousarray(planes.T)
