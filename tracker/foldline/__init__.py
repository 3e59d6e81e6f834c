"""Foldline: experiment tracking that folds events into lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import errors
from .run import Run
from .version import VERSION

if TYPE_CHECKING:
    import os

    from foldline_views.store import Store

__version__ = VERSION

__all__ = ["Run", "__version__", "errors", "open"]


def open(path: str | os.PathLike[str] | None = None) -> Store:  # noqa: A001  # a store is opened
    """Open a store for reading: its runs and series, with everything logged so far.

    `path` is the store's folder; without it FOLDLINE_STORE, else `./.foldline`. Raises
    errors.StoreNotFound or errors.StoreTooNew.
    """
    # Readers need numpy and more, which `import foldline` in a training must not wait for.
    from foldline_views.store import open_store

    return open_store(path)
