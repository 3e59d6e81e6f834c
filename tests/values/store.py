"""Values of a log, by the test's own walker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from foldline import events
from foldline.layout import Layout
from foldline.values import revive
from foldline.values.value import Tracked
from tests.segment_walk import segments, walk

__all__ = ["dropped", "kept", "revived", "told"]

VALUES, DROPPED = 12, 7


def told(store: Path) -> list[dict[str, Any]]:
    """Return what the ValuesTracked of all segments say, in the order of the calls."""
    found = [fields for path in segments(store) for fields in walk(path).of_type(VALUES)]
    return sorted(found, key=lambda fields: fields["time"])  # two threads may log them


def kept(store: Path, name: str) -> list[events.Value]:
    """Return the values of one name in the order in which they were tracked."""
    return [
        msgspec.convert(value, events.Value)
        for fields in told(store)
        if fields["name"] == name
        for value in fields["values"]
    ]


def revived(store: Path, name: str) -> list[Any]:
    """Return the values of one name as objects."""
    kinds = {fields["kind"] for fields in told(store) if fields["name"] == name}
    (kind,) = kinds
    values: list[Tracked] = [revive(Layout(store), kind, value) for value in kept(store, name)]
    return values


def dropped(store: Path) -> list[dict[str, Any]]:
    """Return what the PointsDropped of all segments say."""
    return [fields for path in segments(store) for fields in walk(path).of_type(DROPPED)]
