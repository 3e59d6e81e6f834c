"""Keras 3, logged by a callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras.callbacks import Callback

from ..run import Run
from .journal import Journal

__all__ = ["FoldlineCallback"]


class FoldlineCallback(Callback):
    """Logs a fit, whatever the backend: `model.fit(..., callbacks=[FoldlineCallback()])`.

    Without a `run`, each `fit()` is a run of its own; `options` are those of `foldline.Run`.
    At the end of an epoch its metrics are tracked, with the epoch as their step: `val_loss` is
    `loss` of the subset `val`, `loss` is of `train`. With `every`, what has come together of an
    epoch is tracked each so many batches too, as `batch/loss`, with the batch as its step. An
    `evaluate()` outside a fit is of the subset `test`.
    """

    def __init__(self, run: Run | None = None, *, every: int = 0, **options: Any) -> None:
        super().__init__()
        self._journal = Journal(run, options)
        self._every = every
        self._fitting = False
        self._epoch = 0
        self._batches = 0  # of all epochs

    @property
    def run(self) -> Run | None:
        """The run that is written, once there is one."""
        return self._journal.run

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin the run, and keep how the model is trained."""
        self._journal.begin()
        self._fitting = True
        self._batches = 0
        self._journal.describe("hparams", lambda: _settings(self.model, self.params))
        self._journal.describe("model", lambda: _shape(self.model))

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note which epoch it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Track how far the epoch has come, if that was asked for."""
        self._batches += 1
        if self._every and self._batches % self._every == 0:
            said = {f"batch/{name}": value for name, value in (logs or {}).items()}
            self._journal.track(said, step=self._batches - 1, epoch=self._epoch, default="train")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Track the epoch's metrics."""
        self._journal.track(logs or {}, step=epoch, epoch=epoch, default="train")

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Track the metrics of an evaluation; those of a fit come with its epochs."""
        if not self._fitting:
            self._journal.track(logs or {}, step=self._epoch, epoch=self._epoch, default="test")

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End the run, if the callback began it."""
        self._fitting = False
        self._journal.end()


def _settings(model: Any, params: Mapping[str, Any] | None) -> dict[str, Any]:
    optimizer = model.optimizer
    loss = model.loss
    return {
        **{name: value for name, value in (params or {}).items() if name != "verbose"},
        "optimizer": optimizer.get_config() if optimizer is not None else None,
        "loss": loss if isinstance(loss, str) else getattr(loss, "name", str(loss)),
    }


def _shape(model: Any) -> dict[str, Any]:
    return {"name": model.name, "parameters": model.count_params(), "layers": len(model.layers)}
