"""Many curves in one binary message.

All numbers are little-endian and columns are aligned to 8 bytes, so that a browser can use them
where they lie. `FRAMES.md` describes every byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from .curves import Curves

__all__ = ["LINEAR", "MAGIC", "encode"]

MAGIC = b"FOLDFRM1"
HEAD = Struct("<8sIIII")  # magic, JSON bytes, curves, points, explicit x
LINEAR = 0xFFFFFFFF  # in place of the first x: the x are x0 + i * dx
TABLE = np.dtype(
    [
        ("number", "<u4"),
        ("first", "<u4"),
        ("count", "<u4"),
        ("first_x", "<u4"),
        ("x0", "<f8"),
        ("dx", "<f8"),
    ]
)


def encode(
    curves: Curves,
    numbers: Sequence[int],
    columns: Mapping[str, NDArray[np.float32]],
    head: dict[str, Any],
) -> bytes:
    """Return the message: curves, what each is told under, values of all points, a head as JSON.

    The head names the columns in their order.
    """
    counts = curves.counts
    points = int(counts.sum())
    table = np.zeros(len(counts), TABLE)
    table["number"], table["first"], table["count"] = numbers, np.cumsum(counts) - counts, counts
    table["x0"], table["dx"] = curves.x0, curves.dx
    explicit = np.where(curves.linear, 0, counts)
    table["first_x"] = np.where(curves.linear, LINEAR, np.cumsum(explicit) - explicit)
    text = msgspec.json.encode(head)
    text = text.ljust(-(-len(text) // 8) * 8)
    parts: list[bytes | memoryview] = [
        HEAD.pack(MAGIC, len(text), len(counts), points, len(curves.x)),
        text,
    ]
    parts += [table.tobytes(), curves.x.tobytes()]
    for name in head["columns"]:
        assert len(columns[name]) == points, "each column has a value for each point"
        parts.append(np.ascontiguousarray(columns[name]).data)  # joined without another copy
        parts.append(bytes(4 * (points % 2)))
    return b"".join(parts)
