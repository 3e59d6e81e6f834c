"""The kinds of values, and where each is made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from .. import blobs, events
from ..errors import ValueRejected
from ..layout import Layout
from .value import Encoded, Tracked

__all__ = ["CLASSES", "kind_of", "revive"]

# The module and the class of each kind; modules are imported when a value of theirs turns up.
CLASSES = {
    "image": ("image", "Image"),
    "audio": ("audio", "Audio"),
    "video": ("video", "Video"),
    "text": ("text", "Text"),
    "distribution": ("distribution", "Distribution"),
    "figure": ("figure", "Figure"),
    "table": ("table", "Table"),
    "html": ("html", "Html"),
    "points3d": ("points3d", "Points3D"),
}


def kind_of(name: str) -> type[Tracked]:
    """Return the class of a kind. Raises ValueRejected if this version does not know it."""
    if name not in CLASSES:
        raise ValueRejected(
            f"{name!r} is no kind of value that this Foldline knows",
            hint="pip install --upgrade foldline",
        )
    module, kind = CLASSES[name]
    found: type[Tracked] = getattr(import_module(f".{module}", __package__), kind)
    return found


def revive(layout: Layout, kind: str, value: events.Value) -> Tracked:
    """Return the value that an event tells of, as its class: an Image, a Table...

    Raises ValueRejected for an unknown kind, and BlobMissing or CorruptRecord for its bytes.
    """
    read: Callable[[str], bytes] = partial(blobs.read, layout)
    data = read(value.blob) if value.blob else value.inline
    return kind_of(kind).revive(Encoded(value.media_type, data, value.attributes), read)
