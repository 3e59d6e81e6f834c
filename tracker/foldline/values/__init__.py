"""Values that are no numbers: images, audio, texts, tables."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audio import Audio
    from .curves import confusion_matrix, pr_curve, roc_curve
    from .distribution import Distribution
    from .figure import Figure
    from .html import Html
    from .image import Image
    from .kinds import revive
    from .points3d import Points3D
    from .table import Table
    from .text import Text
    from .video import Video

__all__ = [
    "Audio",
    "Distribution",
    "Figure",
    "Html",
    "Image",
    "Points3D",
    "Table",
    "Text",
    "Video",
    "confusion_matrix",
    "pr_curve",
    "revive",
    "roc_curve",
]

_PLACES = {"revive": "kinds", "confusion_matrix": "curves", "pr_curve": "curves",
           "roc_curve": "curves"}  # fmt: skip  # the classes are in modules of their names


def __getattr__(name: str) -> Any:
    """Import a kind's module when the kind is asked for: a training pays for what it uses."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f".{_PLACES.get(name, name.lower())}", __name__), name)
    globals()[name] = found
    return found
