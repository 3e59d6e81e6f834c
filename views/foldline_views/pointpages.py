"""The points of one series, as they were tracked.

An answer is an archive as `numpy.load` reads it (NEP 1), not compressed: the arrays `steps`,
`values`, `times` and `epochs`, f64 and equally long, in the order of the steps, and `total`, how
many points there are in the span, of which these are the ones from `first` on.
"""

from __future__ import annotations

import io
import math
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np

from .exact import ExactPoints

__all__ = ["PointsRequest", "points_page", "read_points_page"]


class PointsRequest(msgspec.Struct, frozen=True):
    """Which points of a run: of which series, of which steps."""

    name: str
    context: dict[str, Any] = {}
    from_step: float | None = None
    to_step: float | None = None
    first: int = 0
    limit: int = 1_000_000

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last step that are wanted."""
        low = -math.inf if self.from_step is None else self.from_step
        return low, math.inf if self.to_step is None else self.to_step


def points_page(found: ExactPoints, asked: PointsRequest) -> bytes:
    """Return the asked part of what was found in the span."""
    archive = io.BytesIO()
    part = slice(asked.first, asked.first + asked.limit)
    columns = {name: column[part] for name, column in found._asdict().items()}
    np.savez(archive, **columns, total=np.int64(len(found.steps)))
    return archive.getvalue()


def read_points_page(data: bytes) -> tuple[ExactPoints, int]:
    """Return the points of an answer, and the total. Raises ValueError if it is none."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            # Nothing in it is compressed: a server that says otherwise would fill our memory.
            if sum(member.file_size for member in archive.zip.infolist()) > len(data):
                raise ValueError("these are no points: they would unpack to more than came")
            columns = (np.asarray(archive[name], np.float64) for name in ExactPoints._fields)
            return ExactPoints(*columns), int(archive["total"])
    except (OSError, KeyError, TypeError, MemoryError, EOFError, BadZipFile) as error:
        raise ValueError(f"these are no points: {error}") from error
