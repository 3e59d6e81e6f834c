"""Clouds of points in space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ValueRejected
from .value import Encoded, Keep, Raw, Tracked, caption_of

if TYPE_CHECKING:
    from .arrays import Array

__all__ = ["Points3D"]

POINTS_MAX = 10_000_000  # of one cloud: more than a page can hold
_COLUMNS = {
    3: ["x", "y", "z"],
    4: ["x", "y", "z", "label"],
    6: ["x", "y", "z", "red", "green", "blue"],
}


class Points3D(Tracked):
    """A cloud of points: an array of n x 3 (x, y, z), 4 (and a label), or 6 (and RGB, 0..255).

    What can't be kept is told by `track`, not here: building a cloud never raises.
    """

    KIND = "points3d"

    def __init__(self, points: Any, caption: str = "") -> None:
        self._take(lambda: _taken(points, caption))

    def to_numpy(self) -> Array:
        """Return the points: n x columns."""
        import numpy as np

        told = self.attributes
        array: Array = np.frombuffer(self.data, told["dtype"])
        return array.reshape(-1, len(told["columns"]))

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the numbers, point by point: as 32-bit floats if those hold them exactly."""
        import numpy as np

        from .arrays import finite, restored

        array = restored(raw)
        single = array.astype("<f4")
        exact = np.array_equal(single.astype(np.float64), array.astype(np.float64), equal_nan=True)
        kept = single if exact else array.astype("<f8")
        attributes: dict[str, Any] = {
            "count": len(kept),
            "columns": _COLUMNS[kept.shape[1]],
            "dtype": kept.dtype.str,
            **caption_of(raw.header.get("caption")),
        }
        missing = finite(kept)[1]
        if missing:
            attributes["nonfinite"] = missing
        return Encoded("application/octet-stream", kept.tobytes(), attributes)


def _taken(points: Any, caption: str) -> Raw:
    from .arrays import array_of, raw_array

    array = array_of(points)
    if array.ndim != 2 or array.shape[1] not in _COLUMNS or len(array) > POINTS_MAX:
        raise ValueRejected(
            f"an array of shape {array.shape} is no cloud of points",
            hint=f"n x 3, n x 4 (a label) or n x 6 (RGB), at most {POINTS_MAX} points",
        )
    return raw_array(array, **caption_of(caption))
