"""A tree that writers change path by path.

The params of a run and its summary are such trees. Each change carries a stamp, and a tree is what
its changes make of it in the order of their stamps, whatever the order in which they came.
"""

from __future__ import annotations

from typing import Any

import msgspec

from foldline_ingest.batch import Stamp

__all__ = ["Patch", "tree", "visible"]


class Patch(msgspec.Struct, array_like=True):
    """A change of a tree: the value now at `path`, or that there is none."""

    stamp: Stamp
    path: list[str]
    value: Any = None
    removed: bool = False


def visible(patches: list[Patch]) -> list[Patch]:
    """Return the patches in order, without those that a later one at or above their path hides."""
    ordered = sorted(patches, key=lambda patch: tuple(patch.stamp))
    covered: set[tuple[str, ...]] = set()
    found = []
    for patch in reversed(ordered):
        path = tuple(patch.path)
        if not any(path[:depth] in covered for depth in range(len(path) + 1)):
            covered.add(path)
            found.append(patch)
    return found[::-1]


def tree(patches: list[Patch]) -> dict[str, Any]:
    """Return what patches, in the order of their stamps, make of an empty tree."""
    whole: dict[str, Any] = {}
    for patch in patches:
        *above, last = patch.path or [""]
        if not patch.path:
            whole = dict(patch.value) if isinstance(patch.value, dict) else {}
            continue
        if patch.removed and not _has(whole, patch.path):
            continue
        node = whole
        for key in above:
            child = node.get(key)
            # A copy: the patches' own values must not grow the later ones.
            node[key] = dict(child) if isinstance(child, dict) else {}
            node = node[key]
        if patch.removed:
            del node[last]
        else:
            node[last] = patch.value
    return whole


def _has(node: Any, path: list[str]) -> bool:
    for key in path:
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True
