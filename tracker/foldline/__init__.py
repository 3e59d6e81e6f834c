"""Foldline: experiment tracking that folds events into lines."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import errors
from .run import Run
from .version import VERSION

if TYPE_CHECKING:
    import os

    from foldline_views.repo import Repo
    from foldline_views.servedstore import ServedStore
    from foldline_views.store import Store

    from .artifact import Artifact
    from .contexts import Context
    from .reports import AlertLevel
    from .results import Results
    from .session import (
        alert,
        config,
        define_metric,
        finish,
        init,
        log,
        log_artifact,
        save,
        unwatch,
        use_artifact,
        watch,
    )
    from .values import (
        Audio,
        Distribution,
        Figure,
        Html,
        Image,
        Points3D,
        Table,
        Text,
        Video,
        confusion_matrix,
        pr_curve,
        roc_curve,
    )

    run: Run | None
    summary: Results

__version__ = VERSION

__all__ = [
    "AlertLevel",
    "Artifact",
    "Audio",
    "Context",
    "Distribution",
    "Figure",
    "Html",
    "Image",
    "Points3D",
    "Repo",
    "Run",
    "Table",
    "Text",
    "Video",
    "__version__",
    "alert",
    "config",
    "confusion_matrix",
    "define_metric",
    "errors",
    "finish",
    "init",
    "log",
    "log_artifact",
    "open",
    "pr_curve",
    "roc_curve",
    "run",
    "save",
    "summary",
    "unwatch",
    "use_artifact",
    "watch",
]

# Where each name that is imported when it is asked for is: a training pays for what it uses.
_PLACES = {
    ".artifact": {"Artifact"},
    ".contexts": {"Context"},
    ".reports": {"AlertLevel"},
    ".session": {
        "alert",
        "config",
        "define_metric",
        "finish",
        "init",
        "log",
        "log_artifact",
        "save",
        "unwatch",
        "use_artifact",
        "watch",
    },
    ".values": {
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
        "roc_curve",
    },
    "foldline_views.repo": {"Repo"},
}

# The module of that name gives way: `foldline.run` is the run that `foldline.init` began.
globals().pop("run", None)


def __getattr__(name: str) -> Any:
    """Return what is imported when it is asked for, and the run that a script speaks to."""
    if name in {"run", "summary"}:
        from . import session

        return session.current() if name == "run" else session.summary()
    place = next((place for place, names in _PLACES.items() if name in names), None)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(place, __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})


def open(  # noqa: A001  # a store is opened
    path: str | os.PathLike[str] | None = None,
) -> Store | ServedStore:
    """Open a store for reading: its runs and series, with everything logged so far.

    `path` is the store's folder, or the address of a server; without it FOLDLINE_STORE, else
    `./.foldline`. Raises errors.StoreNotFound or errors.StoreTooNew, and for an address
    errors.ServerUnreachable or errors.ServerRefused.
    """
    from .layout import is_address, store_named

    # Readers need numpy and more, which `import foldline` in a training must not wait for.
    if is_address(named := store_named(path)):
        from foldline_views.servedstore import ServedStore

        return ServedStore(named)
    from foldline_views.store import open_store

    return open_store(path)


def load_ipython_extension(shell: Any) -> None:
    """Make the magic `%foldline` known to a notebook: `%load_ext foldline`."""
    from .magic import register

    register(shell)
