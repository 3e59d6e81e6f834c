"""A context that can stand in a set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import params
from .series import series_key

__all__ = ["Context", "context_bytes"]


class Context(dict[str, Any]):
    """What tells series of one name apart: a dict, given to `track` and to a run's readers.

    `run.get_metric("loss", Context({"subset": "train"}))`. It compares as a dict and can be a key.
    """

    def __init__(self, context: dict[str, Any] | None = None) -> None:
        super().__init__(context or {})

    @property
    def idx(self) -> int:
        """A number that equal contexts share within this process."""
        return hash(self)

    def to_dict(self) -> dict[str, Any]:
        """Return a plain dict."""
        return dict(self)

    def __hash__(self) -> int:  # type: ignore[override]  # it is not changed once it is made
        return hash(series_key("", self))

    def __repr__(self) -> str:
        return f"Context({dict(self)!r})"


def context_bytes(context: Mapping[str, Any] | None) -> bytes:
    """Return what a context is known by once it is logged; contexts of the same bytes are one."""
    kept: Any = params.plain(context or {})
    return series_key("", kept)
