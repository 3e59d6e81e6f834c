"""Objects that mean harm, as strategies."""

from __future__ import annotations

import enum
import math
from collections import UserDict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

__all__ = ["CULPRITS", "anything", "cyclic", "saboteur"]

METHODS = (
    "__repr__", "__str__", "__hash__", "__eq__", "__float__", "__int__", "__bool__", "__len__",
    "__iter__", "__getitem__", "__index__", "__fspath__", "__getattr__",
    "item", "items", "keys", "tolist", "shape", "dtype", "isoformat", "model_dump",
    "__dataclass_fields__", "path", "name",
)  # fmt: skip


class Sabotage(Exception):
    """What the methods of a saboteur raise."""


def saboteur(*methods: str, base: type = object) -> Any:
    """Return an object of a class whose `methods` raise; a name with no brackets is a property."""

    def fail(*_: object) -> Any:
        raise Sabotage("it was meant to fail")

    # Hypothesis itself trips over `__class__` and `__getattribute__`: no strategy has them.
    called = {name for name in methods if name.startswith("__") and name != "__class__"}
    body: dict[str, Any] = {name: fail if name in called else property(fail) for name in methods}
    if "__eq__" in methods:
        body.setdefault("__hash__", lambda _: 1)
    return type("Saboteur", (base,), body)()


def cyclic() -> dict[str, Any]:
    """Return a dict that holds itself, twice."""
    tree: dict[str, Any] = {"loss": 1.0}
    tree["again"] = tree
    tree["list"] = [tree]
    return tree


class Colour(enum.Enum):
    """An enumeration as trainings have them."""

    RED = "red"


# What people passed to trackers by mistake, or on purpose.
CULPRITS: list[Callable[[], Any]] = [
    lambda: None,
    lambda: math.nan,
    lambda: 10**5_000,
    lambda: -(2**64),
    lambda: "x" * 10_000,
    lambda: "\ud800",
    lambda: "a\0b",
    lambda: "",
    lambda: b"\xff",
    lambda: 1j,
    lambda: Decimal("sNaN"),
    lambda: np.zeros((2, 3)),
    lambda: np.array(["a"], dtype=object),
    lambda: np.array(1.5),
    lambda: np.float16("nan"),
    lambda: np.datetime64("nat"),
    lambda: {1: "a", "1": "b"},
    lambda: {None: 1, (1, 2): 2},
    lambda: UserDict({"a": UserDict({"b": 1.0})}),
    lambda: {"s", 1, None},
    lambda: range(10**9),
    lambda: iter([1]),
    lambda: (n for n in [1.0]),
    lambda: print,
    lambda: type,
    lambda: Colour.RED,
    lambda: Path("a"),
    lambda: Sabotage("an exception"),
    lambda: NotImplemented,
    lambda: Ellipsis,
    lambda: slice(1, 2),
    cyclic,
]


def anything() -> st.SearchStrategy[Any]:
    """Return a strategy for arbitrary objects, some of them with methods that raise."""
    simple = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=8),
        st.text(max_size=8), st.complex_numbers(),
    )  # fmt: skip
    bad = st.builds(
        lambda names, base: saboteur(*names, base=base),
        st.sets(st.sampled_from(METHODS), min_size=1, max_size=5),
        st.sampled_from([object, str, int, float, dict, list, tuple]),
    )
    known = st.sampled_from(CULPRITS).map(lambda make: make())
    keys = st.one_of(st.text(max_size=4), st.integers(0, 3), st.none())
    return st.recursive(
        st.one_of(simple, bad, known),
        lambda below: st.one_of(
            st.lists(below, max_size=3),
            st.tuples(below, below),
            st.dictionaries(keys, below, max_size=3),
        ),
        max_leaves=6,
    )
