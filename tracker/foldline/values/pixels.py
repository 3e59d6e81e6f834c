"""Arrays as pictures: axes, and levels of grey."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ValueRejected
from .arrays import Array, finite

__all__ = ["levels", "upright"]

CHANNELS = (1, 2, 3, 4)  # grey, grey with alpha, RGB, RGB with alpha
OVERSHOOT = 0.05  # fractions a little outside 0..1 are what resampling leaves
DIMMEST_LEVELS = 16  # floats that stay below are no levels of 0..255 but a range of their own


def upright(array: Array, *, channels_first: bool) -> Array:
    """Return an array as height, width and, unless there is but one, channels.

    Where both ends may be channels, `channels_first` decides: tensors of torch have them first.
    Raises ValueRejected.
    """
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]  # a batch of one
    if array.ndim == 2:
        return array
    if array.ndim == 3:
        first, last = array.shape[0] in CHANNELS, array.shape[2] in CHANNELS
        if first and (channels_first or not last):
            array, last = np.moveaxis(array, 0, 2), True
        if last:
            return array[..., 0] if array.shape[2] == 1 else array
    raise ValueRejected(
        f"an array of shape {array.shape} is no picture",
        hint="height x width, height x width x channels, or channels x height x width; "
        "a batch is a list: [Image(x) for x in batch]",
    )


def levels(array: Array) -> tuple[Array, dict[str, Any], str]:
    """Return the levels of grey or colour, attributes that say how they came, and a note.

    Booleans are black and white, integers are levels, and so are 16-bit ones of one channel.
    Floats from 0 to 1 are fractions, larger ones up to 255 are levels. Any other range is
    stretched from its smallest to its largest value, which `range` tells, and so does the note.
    NaN and the infinities are black, and counted as `nonfinite`.
    """
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * 255, {}, ""
    if array.dtype == np.uint8 or (array.dtype == np.uint16 and array.ndim == 2):
        return array, {}, ""
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    array, missing = finite(array)
    attributes: dict[str, Any] = {"nonfinite": missing} if missing else {}
    low, high = float(array.min()), float(array.max())
    floats = array.dtype.kind == "f"
    if floats and low >= -OVERSHOOT and high <= 1 + OVERSHOOT:
        return _rounded(array * 255), attributes, ""
    if low >= 0 and high <= 255 and (high >= DIMMEST_LEVELS or not floats):
        return _rounded(array) if floats else array.astype(np.uint8), attributes, ""
    attributes["range"] = [low, high]
    note = (
        f"its values go from {low:g} to {high:g}: they were stretched to 0..255, as neither "
        "fractions (0..1) nor levels (0..255) look like that"
    )
    wide = array.astype(np.float64)
    # Halved first: the difference of the largest floats would overflow.
    half = wide / 2 - low / 2
    return _rounded(half * (255 / ((high / 2 - low / 2) or 1.0))), attributes, note


def _rounded(array: Array) -> Array:
    return np.clip(np.rint(array), 0, 255).astype(np.uint8)
