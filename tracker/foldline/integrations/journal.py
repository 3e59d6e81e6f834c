"""The run that a framework's callback writes into.

A callback is given a run, which stays its owner's to end, or begins one for each training and ends
it. Frameworks tell a callback when a training begins and when it ends well, and most say nothing
when an exception ends it. So a run of our own counts as failed until the end was seen: whatever
becomes of it, it never shows as finished when it was not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from ..errors import FoldlineError
from ..run import Run

__all__ = ["Journal", "in_subset", "subset"]

# What frameworks and their users call the parts of a data set, and the word that we keep, so that
# runs of two frameworks can be compared.
SUBSETS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "eval": "val",
    "test": "test",
}


def subset(name: str) -> dict[str, Any]:
    """Return the context of a data set that its framework calls `name`."""
    return {"subset": SUBSETS.get(name.lower(), name)}


def in_subset(name: str, default: str = "") -> tuple[str, dict[str, Any]]:
    """Return the name and the context of a metric, as of `val_loss` or `val/loss`.

    A name without such a beginning belongs to the subset `default`, or to none.
    """
    for separator in ("/", "_"):
        word, found, rest = name.partition(separator)
        if found and rest and word in SUBSETS:
            return rest, subset(word)
    return name, subset(default) if default else {}


class Journal:
    """A callback's hold on its run.

    `options` are those of `foldline.Run`, for the runs that the callback begins.
    """

    def __init__(self, run: Run | None, options: Mapping[str, Any]) -> None:
        self.run = run
        self.owned = run is None
        self.open = not self.owned
        self._options = dict(options)

    def begin(self, **options: Any) -> Run:
        """Return the run of a training that begins; `options` yield to the callback's own."""
        if self.owned:
            if self.run is not None:
                self.run._end()  # failed, if the training before this one had no end
            self.run = Run(**{**options, **self._options})
            self.open = True
            unseen = RuntimeError("the training did not come to its end")
            self.run._note_failure(threading.get_ident(), unseen)
        assert self.run is not None
        return self.run

    def current(self) -> Run:
        """Return the run, begun if there is none yet, and joined again if it was ended."""
        if self.run is None:
            self.run = Run(**self._options)
        elif not self.open:
            self.run = copy(self.run)
        self.open = True
        return self.run

    def describe(self, key: str, read: Callable[[], Any]) -> None:
        """Set a setting of the run to what `read` returns."""
        assert self.run is not None
        found = self._read(key, read)
        if found is not None:
            self.run[key] = found

    def state(self, read: Callable[[], Mapping[str, Any]]) -> None:
        """State results of the training as a whole: what `read` returns and is not None."""
        assert self.run is not None
        found = self._read("the summary", read) or {}
        self.run.summary.update({name: value for name, value in found.items() if value is not None})

    def _read(self, what: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except Exception as error:  # noqa: BLE001  # the framework's code: training matters more
            assert self.run is not None
            told = FoldlineError(f"{what} is not kept: {type(error).__name__}: {error}")
            self.run._notices.give(f"key {what}", told)
            return None

    def track(
        self,
        metrics: Mapping[str, Any],
        *,
        step: Any = None,
        epoch: Any = None,
        context: dict[str, Any] | None = None,
        default: str = "",
    ) -> None:
        """Track metrics; without a `context` their names say it.

        `default` is the subset of those whose names say none.
        """
        # Outside a training, as an evaluation is, nobody would end the run.
        apart = not self.open
        run = self.current()
        for name, value in metrics.items():
            word, told = in_subset(name, default) if context is None else (name, context)
            run.track(value, word, step, epoch, context=told)
        if apart:
            self.end()

    def keep(self, checkpoint: str | os.PathLike[str]) -> None:
        """Keep a checkpoint, a file or a folder, as a version of the artifact `checkpoint`."""
        self.current().log_artifact(checkpoint, "checkpoint", kind="model", aliases=["best"])

    def end(self, error: BaseException | None = None) -> None:
        """End a run of our own, failed if there is an `error`; leave anybody else's open."""
        if self.owned and self.run is not None:
            self.open = False
            self.run.__exit__(type(error) if error else None, error, None)
