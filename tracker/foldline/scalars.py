"""Numbers out of whatever a training holds them in.

numpy, torch, jax and the like are served by what they have in common, `item()` and `__float__`,
so none of them is imported here.
"""

from __future__ import annotations

import math
from typing import Any

from .cell import EPOCH_MAX
from .errors import ValueRejected
from .notices import shown

__all__ = ["epoch_of", "scalar", "step_of"]

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1


# A tuple: a union of types is slower to look at.
_NO_NUMBERS = (str, bytes, type(None), dict, list, tuple, set)


def scalar(value: Any) -> float:
    """Return the number that `value` is. Raises ValueRejected if it is none, or several."""
    kind = type(value)
    if kind is float or kind is int or kind is bool:
        return _float(value)
    if isinstance(value, _NO_NUMBERS):
        raise _rejected(value)
    size = _size(value)
    if size is not None and size != 1:
        raise ValueRejected(
            f"{_named(value)} holds {size} values, not one",
            hint="track one number, e.g. value.mean()",
        )
    return _float(value)


def _float(value: Any) -> float:
    try:
        item = getattr(value, "item", None)
        # `item()` first: `float()` of a one-element array or of a tensor with a gradient warns.
        plain = item() if item is not None else value
        kind = type(plain)
        if kind is float:
            return plain  # type: ignore[no-any-return]  # just checked
        if kind is not int and isinstance(plain, str | bytes | complex):
            raise _rejected(value)
        return float(plain)
    except OverflowError as error:
        raise ValueRejected(
            f"{_named(value)} is too large for a 64-bit float", hint="scale it, or track its log"
        ) from error
    except ValueRejected:
        raise
    except Exception as error:  # `item` and `__float__` are the user's: anything may come
        raise _rejected(value) from error


def _size(value: Any) -> int | None:
    """Return how many numbers an array holds, or None for what is not an array."""
    try:
        shape = getattr(value, "shape", None)
        if shape is None:
            return None
        return 1 if shape == () else math.prod(int(n) for n in shape)
    except Exception:  # noqa: BLE001  # the user's property; `float` decides
        return None


def step_of(step: Any) -> int | float:
    """Return a step as an int of 64 bits if it is one, else as a float; raises ValueRejected."""
    if type(step) is int and INTEGER_MIN <= step <= INTEGER_MAX:
        return step
    try:
        number = step if type(step) is int or type(step) is float else _whole(step)
        if isinstance(number, float) and number.is_integer() and abs(number) < 2**53:
            return int(number)
        if isinstance(number, int) and INTEGER_MIN <= number <= INTEGER_MAX:
            return number
        number = float(number)
        if math.isfinite(number):
            return number
    except Exception:  # noqa: BLE001, S110  # too large, no number, or a method of the user's fails
        pass
    raise ValueRejected(
        f"step={shown(step)} is not a finite number", hint="step=0, step=i or step=1.5"
    )


def _whole(value: Any) -> int | float:
    """Return the int that `value` is, without a detour that would round it, or a float."""
    if isinstance(value, int):
        return int(value)
    plain = value.item() if hasattr(value, "item") and _size(value) in (None, 1) else value
    return int(plain) if isinstance(plain, int) else scalar(value)


def epoch_of(epoch: Any) -> int | float:
    """Return an epoch as an int if a cell can hold it, else as a float; raises ValueRejected."""
    try:
        number = scalar(epoch)
    except ValueRejected:
        number = math.nan
    if number.is_integer() and 0 <= number <= EPOCH_MAX:
        return int(number)
    if math.isfinite(number):
        return number
    raise ValueRejected(
        f"epoch={shown(epoch)} is not a finite number; the point is kept without it",
        hint="epoch=1",
    )


def _named(value: Any) -> str:
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"a {module}{kind.__qualname__}"


def _rejected(value: Any) -> ValueRejected:
    if value is None:
        return ValueRejected("None is not a number", hint="skip the call while there is no value")
    if isinstance(value, str):
        return ValueRejected(
            f"the text {shown(value)} is not a number",
            hint='run.track(foldline.Text("..."), name="..."), or a setting: run["key"] = "..."',
        )
    if isinstance(value, list | tuple | set):
        return ValueRejected(
            f"{_named(value)} is not a number", hint="track one number, e.g. sum(v) / len(v)"
        )
    return ValueRejected(
        f"{_named(value)} is not a number", hint="track a float, or a dict of name to float"
    )
