"""Arrays of any library, copied out of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ValueRejected
from .value import Raw

__all__ = ["Array", "array_of", "finite", "is_tensor", "raw_array", "restored"]

Array = npt.NDArray[Any]


def is_tensor(value: Any) -> bool:
    """Say whether `value` is a torch tensor, by what only those have in common."""
    return hasattr(value, "detach") and hasattr(value, "cpu")


def array_of(value: Any) -> Array:
    """Return a copy of an array, a tensor, or nested lists, as numbers in C order.

    torch is served by `detach` and `cpu`, everything else by `__array__`. Raises ValueRejected for
    what is no array of numbers.
    """
    if is_tensor(value):
        value = value.detach()
        if str(value.dtype) == "torch.bfloat16":  # numpy has none
            value = value.float()
        value = value.cpu().numpy()
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise ValueRejected(
            f"an array of {array.dtype} holds no numbers that can be kept",
            hint="convert it, e.g. np.asarray(x, dtype=np.float32)",
        )
    if array.size == 0:
        raise ValueRejected(f"the array of shape {array.shape} is empty", hint="leave the call out")
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return np.array(array, order="C")  # a copy: the script may reuse its memory


def raw_array(array: Array, **header: Any) -> Raw:
    """Return an array of `array_of` as raw, with its type and shape in the header."""
    words = {"dtype": array.dtype.str, "shape": list(array.shape), **header}
    return Raw(words, (array.reshape(-1).view(np.uint8).data,))


def restored(raw: Raw) -> Array:
    """Return the array of a raw, which may not be written to."""
    array: Array = np.frombuffer(raw.data(), dtype=raw.header["dtype"])
    return array.reshape(raw.header["shape"])


def finite(array: Array) -> tuple[Array, int]:
    """Return the array with NaN and the infinities as 0, and how many there were."""
    if array.dtype.kind != "f":
        return array, 0
    good = np.isfinite(array)
    missing = int(array.size - np.count_nonzero(good))
    return (np.where(good, array, array.dtype.type(0)), missing) if missing else (array, 0)
