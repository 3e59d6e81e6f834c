"""XGBoost, logged by a callback."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from xgboost import Booster, collective
from xgboost.callback import TrainingCallback

from ..run import Run
from .journal import Journal, subset

__all__ = ["FoldlineCallback"]

Scores = Mapping[str, Mapping[str, Sequence[Any]]]


class FoldlineCallback(TrainingCallback):
    """Logs a training: `xgboost.train(..., callbacks=[FoldlineCallback()])`, or `xgboost.cv`.

    Without a `run`, each training is a run of its own; `options` are those of `foldline.Run`.
    The step is the boosting round. Each set of `evals` is a subset, by its name: `train`, `val`
    and `test` in all their spellings, others as they are called. Cross-validation tracks the mean
    over the folds, and the deviation as `loss_std`. Of a distributed training rank 0 logs.
    """

    def __init__(self, run: Run | None = None, **options: Any) -> None:
        super().__init__()
        self._journal = Journal(run, options)
        self._scores: Scores = {}
        self._seen = 0  # rounds of `_scores` that are tracked
        self._first = 0  # the round of the first score, in a model that is trained on

    @property
    def run(self) -> Run | None:
        """The run that is written, once there is one."""
        return self._journal.run

    def before_training(self, model: Any) -> Any:
        """Begin the run, and keep the booster's settings."""
        if collective.get_rank() == 0:
            self._journal.begin()
            self._scores, self._seen, self._first = {}, 0, 0
            if isinstance(model, Booster):  # of a cross-validation each fold has its own
                self._first = model.num_boosted_rounds()
                self._journal.describe("hparams", lambda: _settings(model.save_config()))
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Scores) -> bool:
        """Track the round's scores; never asks to stop."""
        if collective.get_rank() == 0:
            self._scores = evals_log
            self._track()
        return False

    def after_training(self, model: Any) -> Any:
        """End the run, if the callback began it."""
        if collective.get_rank() == 0:
            # Who stops the training keeps the callbacks behind it from seeing its last round.
            self._track()
            if isinstance(model, Booster):
                self._journal.state(lambda: _best(model))
            self._journal.end()
        return model

    def _track(self) -> None:
        """Track the rounds that were not seen yet."""
        seen = self._seen
        for part, metrics in self._scores.items():
            for name, scores in metrics.items():
                for number, score in enumerate(scores[seen:], seen):
                    mean, *deviation = score if isinstance(score, tuple) else (score,)
                    said = {name: mean, **{f"{name}_std": value for value in deviation}}
                    self._journal.track(said, step=self._first + number, context=subset(part))
                self._seen = len(scores)


def _best(model: Booster) -> dict[str, Any]:
    """Return the best round, which a booster has only if it was stopped early."""
    return {name: getattr(model, name, None) for name in ("best_iteration", "best_score")}


def _settings(config: str) -> Any:
    """Return a booster's configuration, with numbers where it has texts of numbers."""

    def plain(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: plain(below) for key, below in tree.items()}
        if isinstance(tree, str):
            try:
                return json.loads(tree)
            except ValueError:
                return tree
        return tree

    return plain(json.loads(config)["learner"])
