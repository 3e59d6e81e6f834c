"""The results of a run, as its script states them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import params
from .trees import Tree

__all__ = ["Results"]


class Results(Tree):
    """What a run amounts to: `summary["accuracy"] = 0.9`, or `summary.accuracy = 0.9`.

    What was never stated reads as the last value that `log` was given under its name; or, after
    `define_metric(name, summary="min")`, as what was defined.
    """

    def __init__(
        self,
        stated: dict[str, Any],
        state: Callable[[list[str], Any], None],
        logged: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._stated = stated
        self._state = state
        self._logged = logged

    def _values(self) -> Mapping[str, Any]:
        return {**self._logged(), **self._stated}

    def _assign(self, path: list[str], value: Any) -> None:
        clean, tree = [str(params.plain(part)) for part in path], params.plain(value)
        params.assign(self._stated, clean, tree)
        self._state(clean, tree)

    def _remove(self, key: str) -> None:
        self._stated.pop(key, None)
        self._state([key], None)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """State many results; those of a nested dict join the ones that stand there already."""
        for given in (*args, kwargs):
            tree = params.plain(given)
            for path, value in _leaves([], tree if isinstance(tree, dict) else {}):
                self._assign(path, value)


def _leaves(above: list[str], tree: Mapping[str, Any]) -> list[tuple[list[str], Any]]:
    found: list[tuple[list[str], Any]] = []
    for key, value in tree.items():
        path = [*above, str(key)]
        found += _leaves(path, value) if isinstance(value, dict) and value else [(path, value)]
    return found
