"""What a Lightning logger does, in either package."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only

from ..run import Run
from .journal import Journal

__all__ = ["LightningLogger"]


class LightningLogger:
    """The half of a logger that is ours; the other half is the package's own `Logger`.

    Without a `run`, the logger begins one with the first word of the trainer, and each `fit`,
    `validate` and `test` goes into it; `options` are those of `foldline.Run`. The step is the
    trainer's. `val_loss` and `val/loss` are `loss` of the subset `val`; `train` and `test` the
    same; a name without a subset has none. `run["hparams"]` holds the hyperparameters, and
    `run["checkpoint"]` where the best model is; with `checkpoints` its file is kept too, as the
    artifact `checkpoint`, when the training ends. Only the process of rank 0 logs.
    """

    def __init__(
        self, run: Run | None = None, *, checkpoints: bool = False, **options: Any
    ) -> None:
        super().__init__()
        self._checkpoints = checkpoints
        self._best = ""  # the file of a checkpoint that is not kept yet
        self._journal = Journal(run, options)
        self._experiment = str(options.get("experiment") or "foldline")

    @property
    def experiment(self) -> Run:
        """The run, for everything else that a run can; one that does nothing beside rank 0."""
        return self._journal.current() if _logs() else Run(mode="disabled")

    @property
    def name(self) -> str:
        """The experiment, which Lightning names a folder by."""
        return self._experiment

    @property
    def version(self) -> str:
        """The run's id, which Lightning names a folder by; empty where rank is not 0."""
        return self.experiment.id if _logs() else ""

    def log_hyperparams(
        self, params: Mapping[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Keep the hyperparameters."""
        if _logs():
            self._journal.current()
            tree = vars(params) if isinstance(params, Namespace) else params
            self._journal.describe("hparams", lambda: dict(tree))

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Track what the trainer says."""
        if _logs():
            self._journal.current()
            said = {name: value for name, value in metrics.items() if name != "epoch"}
            self._journal.track(said, step=step, epoch=metrics.get("epoch"))

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Keep where the best model is, and how good it is."""
        if _logs():
            self._journal.current()
            self._journal.describe("checkpoint", lambda: _checkpoint(checkpoint_callback))
            self._best = checkpoint_callback.best_model_path

    def finalize(self, status: str) -> None:
        """End the run, if the logger began it; what comes later joins it again."""
        if _logs() and self._journal.run is not None:
            well = status in ("success", "finished")
            # Lightning calls this while it handles what ended the training.
            error = None if well else sys.exc_info()[1] or RuntimeError(f"Lightning: {status}")
            if self._checkpoints and self._best:
                self._journal.keep(self._best)
                self._best = ""
            self._journal.end(error)


def _logs() -> bool:
    return not getattr(rank_zero_only, "rank", 0)


def _checkpoint(callback: Any) -> dict[str, Any]:
    score = callback.best_model_score
    return {
        "best": callback.best_model_path,
        "last": callback.last_model_path,
        "monitor": callback.monitor,
        "score": None if score is None else float(score),
    }
