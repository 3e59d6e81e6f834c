"""Trees, read and set by item or attribute."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from . import params

__all__ = ["Branch", "Tree"]


class Tree(MutableMapping[str, Any]):
    """A tree with its root elsewhere: `tree["lr"]`, `tree.lr`, `tree.model.depth = 3`.

    A class of its own says where values come from and where they go.
    """

    @abstractmethod
    def _values(self) -> Mapping[str, Any]:
        """Return what there is to read now."""

    @abstractmethod
    def _assign(self, path: list[str], value: Any) -> None:
        """Put `value` at a path."""

    @abstractmethod
    def _remove(self, key: str) -> None:
        """Take away what stands at `key`, which exists."""

    def __getitem__(self, key: str) -> Any:
        """Return what stands at `key`; a dict reads and sets like this tree. Raises KeyError."""
        return _grown(self, [key], self._values()[key])

    def __setitem__(self, key: str, value: Any) -> None:
        self._assign([str(params.plain(key))], value)

    def __delitem__(self, key: str) -> None:
        if key not in self._values():
            raise KeyError(key)
        self._remove(key)

    def __contains__(self, key: object) -> bool:
        return key in self._values()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values()))

    def __len__(self) -> int:
        return len(self._values())

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            try:
                return self[name]
            except KeyError:
                pass
        raise AttributeError(f"there is no {name!r} in {type(self).__name__.lower()}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def as_dict(self) -> dict[str, Any]:
        """Return a copy as plain dicts."""
        copy = params.plain(dict(self._values()))
        assert isinstance(copy, dict)  # as a dict goes in
        return dict(copy)

    def __repr__(self) -> str:
        return repr(dict(self._values()))


class Branch(dict[str, Any]):
    """A dict below a tree: what is set in it is set in the tree."""

    __slots__ = ("_path", "_root")

    def __init__(self, root: Tree, path: list[str], values: Mapping[str, Any]) -> None:
        super().__init__(values)
        object.__setattr__(self, "_root", root)
        object.__setattr__(self, "_path", path)

    def __getitem__(self, key: str) -> Any:
        """Return what stands at `key`. Raises KeyError."""
        return _grown(self._root, [*self._path, key], super().__getitem__(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._root._assign([*self._path, str(key)], value)
        super().__setitem__(str(key), params.plain(value))

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set many values."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {'.'.join([*self._path, name])!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as a plain dict."""
        return dict, (dict(self),)


def _grown(root: Tree, path: list[str], value: Any) -> Any:
    mine = params.copied(value)
    return Branch(root, path, mine) if isinstance(mine, dict) else mine
