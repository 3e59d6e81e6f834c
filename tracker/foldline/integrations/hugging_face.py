"""Hugging Face's Trainer, logged by a callback."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..run import Run
from .journal import Journal

__all__ = ["FoldlineCallback"]

# Of the whole training, and said once at its end: no points of the series that they are named for.
TOTALS = ("train_", "total_flos")


class FoldlineCallback(TrainerCallback):
    """Logs what `transformers.Trainer` logs: `Trainer(..., callbacks=[FoldlineCallback()])`.

    Without a `run`, each `train()` is a run of its own; `options` are those of `foldline.Run`.
    The step is the trainer's global step, the epoch is its epoch. `eval_loss` is `loss` of the
    subset `val`, `loss` is of `train`. `run["hparams"]` holds the trainer's arguments, and
    `run["model"]` the model's config. With `checkpoints` the best one, or else the last, is kept
    as the artifact `checkpoint` when the training ends. Only the main process logs.
    """

    def __init__(
        self, run: Run | None = None, *, checkpoints: bool = False, **options: Any
    ) -> None:
        self._journal = Journal(run, options)
        self._checkpoints = checkpoints

    @property
    def run(self) -> Run | None:
        """The run that is written, once there is one."""
        return self._journal.run

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Begin the run, and keep the arguments and the model's config."""
        if not state.is_world_process_zero:
            return
        name = state.trial_name or getattr(args, "run_name", None)
        self._journal.begin(**({"name": name} if name else {}))
        self._journal.describe("hparams", args.to_dict)
        config = getattr(model, "config", None)
        if config is not None:
            self._journal.describe("model", config.to_dict)
        if state.trial_params:
            self._journal.describe("trial", lambda: dict(state.trial_params))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Track what the trainer says."""
        if not state.is_world_process_zero or not logs:
            return
        said = {name: value for name, value in logs.items() if name != "epoch"}
        totals = {name: said.pop(name) for name in tuple(said) if name.startswith(TOTALS)}
        self._journal.track(said, step=state.global_step, epoch=state.epoch, default="train")
        if totals:
            self._journal.state(lambda: totals)

    def on_predict(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        """Track the metrics of a prediction, which the trainer does not log."""
        if state.is_world_process_zero and metrics:
            self._journal.track(metrics, step=state.global_step, epoch=state.epoch, default="test")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End the run, if the callback began it."""
        if state.is_world_process_zero:
            last = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            best = state.best_model_checkpoint or last
            if self._checkpoints and Path(best).is_dir():
                self._journal.keep(best)
            self._journal.end()
