"""A context that can stand in a set."""

from __future__ import annotations

from typing import Any

from .series import series_key

__all__ = ["Context"]


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
