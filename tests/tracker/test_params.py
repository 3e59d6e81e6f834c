"""Settings as scripts keep them, and the trees they become."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import enum
import math
import types
from collections import OrderedDict, UserDict, UserList, namedtuple
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline import params


class Optimizer(enum.Enum):
    ADAM = "adam"
    SGD = 2


class Level(enum.IntEnum):
    LOW = 1


class Words(enum.StrEnum):
    A = "a"


@dataclasses.dataclass
class Model:
    depth: int = 2
    norm: Any = None


class Record(msgspec.Struct):
    lr: float = 0.5


class Pydantic:
    def model_dump(self) -> dict[str, int]:
        return {"width": 3}


class Plain:
    def __repr__(self) -> str:
        return "Plain(1)"


class Slow:
    now = 0.0

    def __repr__(self) -> str:
        Slow.now += 0.08
        return "slow"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError


Pair = namedtuple("Pair", "left right")  # noqa: PYI024  # the old kind is what is tested


@pytest.mark.parametrize(
    ("value", "tree"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (0.5, 0.5),
        ("text", "text"),
        ([1, (2, 3)], [1, [2, 3]]),
        ({"a": {"b": [None]}}, {"a": {"b": [None]}}),
        ({1: "one", None: 0}, {"1": "one", "None": 0}),
        ({(1, 2): 3, Optimizer.SGD: 4}, {"(1, 2)": 3, "SGD": 4}),
        ({3, 1, 2}, [1, 2, 3]),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict(a=1), {"a": 1}),
        (UserList([1, 2]), [1, 2]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (argparse.Namespace(lr=0.1, sub=argparse.Namespace(x=1)), {"lr": 0.1, "sub": {"x": 1}}),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (Model(norm=Model()), {"depth": 2, "norm": {"depth": 2, "norm": None}}),
        (Record(), {"lr": 0.5}),
        (Pydantic(), {"width": 3}),
        (Pair(1, 2), {"left": 1, "right": 2}),
        (Optimizer.ADAM, "adam"),
        (Optimizer.SGD, "SGD"),
        (Level.LOW, 1),
        (Words.A, "a"),
        (Path("data") / "x", "data/x"),
        (PurePosixPath("/a"), "/a"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (np.float32(0.5), 0.5),
        (np.int64(5), 5),
        (np.bool_(True), True),
        (np.str_("s"), "s"),
        (np.array([1, 2]), [1, 2]),
        (np.array([[0.5]]), [[0.5]]),
        (np.zeros((50, 50)), "<ndarray float64 (50, 50)>"),
        (np.dtype("float32"), "dtype('float32')"),
        (Model, f"{__name__}.Model"),
        (math.sqrt, "math.sqrt"),
        (Plain(), "Plain(1)"),
        (Broken(), "<Broken: can't be read>"),
        (b"ab", "b'ab'"),
        (2**64 - 1, 2**64 - 1),
        (2**64, "0x10000000000000000"),
        (1 + 2j, "(1+2j)"),
        ("\ud800", "\\ud800"),
        (math.inf, math.inf),
    ],
)  # fmt: skip
def test_settings_become_plain_trees(value: object, tree: object) -> None:
    """Whatever scripts keep settings in turns into typed values, by what it has in common."""
    found = params.plain(value)
    assert found == tree and type(found) is type(tree)
    msgspec.msgpack.encode(found)


def test_a_cycle_ends() -> None:
    """Settings that contain themselves are cut where they begin again."""
    loop: dict[str, Any] = {"a": 1}
    loop["self"] = [loop]
    assert params.plain(loop) == {"a": 1, "self": ["<cycle>"]}
    shared = [1]
    assert params.plain([shared, shared]) == [[1], [1]]  # twice is not a cycle


def test_depth_and_size_are_bounded() -> None:
    """Trees deeper or larger than a person could mean are cut, and say so."""
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    assert "too deep" in str(params.plain(deep))
    wide = params.plain(list(range(params.NODES_MAX * 2)))
    assert isinstance(wide, list) and len(wide) <= params.NODES_MAX
    text = params.plain("x" * 10**6)
    assert isinstance(text, str) and len(text) < 66_000 and text.endswith("(1000000 characters)")
    large = params.plain(10**100_000)
    assert isinstance(large, str) and len(large) < 1_100


def test_slow_reprs_have_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the reprs of a tree have taken their time, the rest is named by class."""
    monkeypatch.setattr(params, "time", types.SimpleNamespace(monotonic=lambda: Slow.now))
    assert params.plain([Slow() for _ in range(4)]) == ["slow", "slow", "<Slow>", "<Slow>"]


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), below, max_size=4)
    ),
    max_leaves=20,
)


@given(TREES)
def test_a_plain_tree_stays_as_it_is(tree: Any) -> None:
    """What is plain already is kept value by value, and survives the log."""
    assert params.plain(tree) == tree
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(params.plain(tree))) == tree


@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), LEAVES)))
def test_assigning_makes_the_way(changes: list[tuple[list[str], Any]]) -> None:
    """What was assigned last at a path is found there, whatever stood in its way."""
    tree: dict[str, params.Param] = {}
    for path, value in changes:
        params.assign(tree, path, value)
        assert params.lookup(tree, path) == value
        params.remove(tree, path)
        with pytest.raises(KeyError):
            params.lookup(tree, path)
        params.assign(tree, path, value)
