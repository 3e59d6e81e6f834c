"""LightGBM, logged by a callback."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

from lightgbm.callback import CallbackEnv

from ..run import Run
from .journal import Journal, subset

__all__ = ["FoldlineCallback"]


class FoldlineCallback:
    """Logs a training: `lightgbm.train(..., callbacks=[FoldlineCallback()])`, or `lightgbm.cv`.

    Without a `run`, each training is a run of its own; `options` are those of `foldline.Run`.
    The step is the boosting round. Each validation set is a subset, by its name: `train`, `val`
    and `test` in all their spellings, others as they are called. Cross-validation tracks the mean
    over the folds, and the deviation as `loss_std`.
    """

    order = 25  # before early stopping, at 30, which ends the training by an exception

    def __init__(self, run: Run | None = None, **options: Any) -> None:
        self._journal = Journal(run, options)
        self._model: Any = None  # of a training whose end was not seen
        self._at_exit: Callable[[], None] | None = None

    @property
    def run(self) -> Run | None:
        """The run that is written, once there is one."""
        return self._journal.run

    def __call__(self, env: CallbackEnv) -> None:
        """Track a round; begin the run before the first, and end it after the last."""
        if env.iteration == env.begin_iteration:
            self.close()
            self._journal.begin()
            self._journal.describe("hparams", lambda: dict(env.params))
            self._model = env.model
            # After the run was begun, so before it is ended: last come, first served.
            self._at_exit = atexit.register(partial(_close, ref(self)))
        for part, name, value, _, *rest in env.evaluation_result_list or ():
            said = {name: value}
            if rest and rest[0] is not None:
                said[f"{name}_std"] = rest[0]
            self._journal.track(said, step=env.iteration, context=subset(part))
        if env.iteration == env.end_iteration - 1:
            self._finish()

    def close(self) -> None:
        """End the run of a training that was stopped early, now and not with this object.

        LightGBM tells a callback of neither an early stop nor an exception; the booster knows
        its best round only after the first.
        """
        if self._model is not None and self._model.best_iteration > 0:
            best = self._model.best_iteration
            self._journal.state(lambda: {"best_iteration": best})
            self._finish()

    def _finish(self) -> None:
        self._model = None
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)
            self._at_exit = None
        self._journal.end()

    def __del__(self) -> None:
        """End the run of a training that was stopped early."""
        self.close()


def _close(callback: ref[FoldlineCallback]) -> None:
    alive = callback()
    if alive is not None:
        alive.close()
