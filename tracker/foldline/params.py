"""Settings as plain typed trees.

They come out of whatever a script keeps them in.

A tree holds None, bool, int, float, str, lists and dicts with text keys. What is none of these
is translated by what it has in common with them; the rest becomes its `repr`. Everything is
bounded, and nothing that a user's object does can raise from here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

from .errors import ValueRejected
from .notices import shown
from .unicode import encodable

__all__ = ["Param", "assign", "copied", "lookup", "path_of", "plain", "remove", "translated"]

Param = None | bool | int | float | str | list["Param"] | dict[str, "Param"]

DEPTH_MAX = 32  # levels; deeper trees are accidents, and recursion has its own limit
NODES_MAX = 100_000  # values in one tree: 0.1 s of work
TEXT_CHARS_MAX = 65_536  # of one text: a page shows it whole
ARRAY_ITEMS_MAX = 1_000  # of a numpy array or tensor; a larger one is data, not a setting
REPR_CHARS_MAX = 1_000  # of an unknown object
REPR_BUDGET_S = 0.1  # for all reprs of a tree; what comes later is named by its class alone
PATH_MAX = 32  # parts of one key
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1  # what msgpack can hold


def path_of(key: Any) -> list[str]:
    """Return the path that `run[key]` means: one part, several, or for `...` none.

    Raises ValueRejected.
    """
    if key is Ellipsis:
        return []
    parts = list(key) if isinstance(key, tuple) else [key]
    if not parts or len(parts) > PATH_MAX or not all(isinstance(p, str | int) for p in parts):
        raise ValueRejected(
            f"run[{shown(key)}] is not a key",
            hint='run["hparams"] = {...} or run["hparams", "lr"] = 0.1',
        )
    return [_text(str(part)) for part in parts]


def plain(value: Any) -> Param:
    """Return `value` as a plain tree; never raises."""
    return translated(value)[0]


def translated(value: Any) -> tuple[Param, str]:
    """Return `value` as a plain tree, and in words what of it could not be kept; never raises."""
    translation = _Translation()
    tree = translation.tree(value, 0)
    return tree, translation.loss


def assign(tree: dict[str, Param], path: list[str], value: Param) -> None:
    """Put `value` at `path` of a non-empty path, and make dicts on the way."""
    *parents, last = path
    for part in parents:
        below = tree.get(part)
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = below
    tree[last] = value


def copied(tree: Param) -> Param:
    """Return a tree that nobody changes who changes this one."""
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


def lookup(tree: Param, path: list[str]) -> Param:
    """Return what lies at `path`. Raises KeyError."""
    for part in path:
        if not isinstance(tree, dict):
            raise KeyError(part)
        tree = tree[part]
    return tree


def remove(tree: dict[str, Param], path: list[str]) -> None:
    """Take away what lies at a non-empty `path`. Raises KeyError."""
    parent = lookup(tree, path[:-1])
    if not isinstance(parent, dict):
        raise KeyError(path[-1])
    del parent[path[-1]]


class _Translation:
    """One tree's translation, and how much of its bounds is used up."""

    def __init__(self) -> None:
        self._nodes = 0
        self._repr_s = 0.0
        self.loss = ""  # the first thing that was not kept as it is
        self._above: set[int] = set()  # the containers that hold what is being translated

    def tree(self, value: Any, depth: int) -> Param:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            self._lose(f"there are more than {NODES_MAX:,} values")
            return "<left out: too many values>"
        try:
            return self._node(value, depth)
        except Exception:  # noqa: BLE001  # the user's object may raise anything
            name = type(value).__qualname__
            self._lose(f"a {name} can't be read")
            return f"<{name}: can't be read>"

    def _lose(self, what: str) -> None:
        self.loss = self.loss or what

    def _text(self, text: str) -> str:
        if len(text) > TEXT_CHARS_MAX:
            self._lose(f"a text of {len(text):,} characters is cut to {TEXT_CHARS_MAX:,}")
        return _text(text)

    def _node(self, value: Any, depth: int) -> Param:
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value  # type: ignore[no-any-return]  # just checked, by identity of its type
        if isinstance(value, Enum) and not isinstance(value, int | str | float):
            return self._text(value.value) if isinstance(value.value, str) else value.name
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int):
            number = int(value)
            if INTEGER_MIN <= number <= INTEGER_MAX:
                return number
            self._lose("an integer of more than 64 bits is kept as a text")
            return _large(number)
        if isinstance(value, float):
            return float(value)
        if id(value) in self._above:
            self._lose(f"a {kind.__qualname__} holds itself")
            return "<cycle>"
        if depth >= DEPTH_MAX:
            self._lose(f"it is nested more than {DEPTH_MAX} levels deep")
            return f"<{kind.__qualname__}: too deep>"
        self._above.add(id(value))
        try:
            return self._container(value, depth + 1)
        finally:
            self._above.discard(id(value))

    def _container(self, value: Any, depth: int) -> Param:
        if isinstance(value, Mapping):
            return self._mapping(value.items(), depth)
        if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
            return _text(f"{value.__module__}.{value.__qualname__}")
        fields = _fields(value)
        if fields is not None:
            return self._mapping(((name, getattr(value, name)) for name in fields), depth)
        if isinstance(value, list | tuple):
            return self._sequence(value, depth)
        if isinstance(value, AbstractSet):
            return self._sequence(sorted(value, key=repr), depth)
        if isinstance(value, os.PathLike):
            return _text(os.fsdecode(value))
        if hasattr(value, "tolist") and hasattr(value, "shape"):
            return self._array(value, depth)
        for name in ("model_dump", "isoformat"):  # pydantic; dates and times
            method = getattr(value, name, None)
            if method is not None:
                return self.tree(method(), depth)
        if hasattr(value, "__iter__") and hasattr(value, "__getitem__") and _is_list_like(value):
            return self._sequence(value, depth)
        if hasattr(value, "__float__") and not hasattr(value, "__len__"):
            return float(value)
        return self._repr(value)

    def _mapping(self, items: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Param]:
        tree: dict[str, Param] = {}
        for key, value in items:
            if self._nodes > NODES_MAX:
                self._lose(f"there are more than {NODES_MAX:,} values")
                break
            text = _key(key)
            if text in tree:
                self._lose(f"two keys are spelled {shown(text)}, and the last one is kept")
            tree[text] = self.tree(value, depth)
        return tree

    def _sequence(self, items: Iterable[Any], depth: int) -> list[Param]:
        values: list[Param] = []
        for item in items:
            if self._nodes > NODES_MAX:
                self._lose(f"there are more than {NODES_MAX:,} values")
                break
            values.append(self.tree(item, depth))
        return values

    def _array(self, value: Any, depth: int) -> Param:
        size = 1
        for length in value.shape:
            size *= int(length)
        if size > ARRAY_ITEMS_MAX:
            shape = tuple(int(length) for length in value.shape)
            self._lose(f"an array of {size:,} values is kept as its shape alone")
            return f"<{type(value).__qualname__} {getattr(value, 'dtype', '')} {shape}>"
        return self.tree(value.tolist(), depth)

    def _repr(self, value: Any) -> str:
        if self._repr_s > REPR_BUDGET_S:
            return f"<{type(value).__qualname__}>"
        start = time.monotonic()
        try:
            return _text(_shorten(repr(value), REPR_CHARS_MAX))
        finally:
            self._repr_s += time.monotonic() - start


def _fields(value: Any) -> Iterable[str] | None:
    """Return the names of the fields of a record: a dataclass, attrs, msgspec, a namespace."""
    kind = type(value)
    for attribute in ("__dataclass_fields__", "__struct_fields__", "_fields"):
        names = getattr(kind, attribute, None)
        if names is not None:
            return tuple(names)
    attrs = getattr(kind, "__attrs_attrs__", None)
    if attrs is not None:
        return tuple(attribute.name for attribute in attrs)
    if kind.__name__ in ("Namespace", "SimpleNamespace"):
        return tuple(vars(value))
    return None


def _is_list_like(value: Any) -> bool:
    """Say whether a sequence that is no list, as OmegaConf's, is short enough to be settings."""
    return not isinstance(value, bytes | bytearray | memoryview) and (
        hasattr(value, "__len__") and len(value) <= ARRAY_ITEMS_MAX
    )


def _key(key: Any) -> str:
    return _text(key.name if isinstance(key, Enum) and not isinstance(key, str) else str(key))


def _large(number: int) -> Param:
    return _shorten(hex(number), REPR_CHARS_MAX)  # `str` refuses more than 4,300 digits


def _text(text: str) -> str:
    return encodable(_shorten(text, TEXT_CHARS_MAX))


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
