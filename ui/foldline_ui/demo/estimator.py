"""Scikit-learn's models, trained batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .digits import CLASSES, Floats, Labels
from .network import log_loss

__all__ = ["Linear", "Perceptron"]


class Linear:
    """`SGDClassifier`: one linear score for each class."""

    def __init__(self, alpha: float, seed: int) -> None:
        from sklearn.linear_model import SGDClassifier

        self._model: Any = SGDClassifier(
            loss="log_loss", alpha=alpha, learning_rate="constant", eta0=1.0, random_state=seed
        )

    def step(self, x: Floats, y: Labels, lr: float) -> dict[str, float]:
        """Learn from one batch; return the batch's loss and accuracy after it."""
        # A schedule may reach zero at its end, which scikit-learn does not accept.
        self._model.set_params(eta0=max(lr, 1e-12))
        self._model.partial_fit(x, y, classes=np.arange(CLASSES))
        scores = self.scores(x)
        return {"loss": log_loss(scores, y), "accuracy": float(np.mean(scores.argmax(1) == y))}

    def scores(self, x: Floats) -> Floats:
        """Return one column for each class."""
        return np.asarray(x @ self._model.coef_.T + self._model.intercept_, np.float64)


class Perceptron:
    """`MLPClassifier`: a network whose optimizer keeps the learning rate it was given first."""

    def __init__(self, hidden: list[int], optimizer: str, lr: float, seed: int) -> None:
        from sklearn.neural_network import MLPClassifier

        self._model: Any = MLPClassifier(
            hidden_layer_sizes=hidden, solver=optimizer, learning_rate_init=lr, random_state=seed
        )

    def step(self, x: Floats, y: Labels, lr: float) -> dict[str, float]:
        """Learn from one batch; return the batch's loss before it and its accuracy after it."""
        self._model.partial_fit(x, y, classes=np.arange(CLASSES))
        accuracy = float(np.mean(self.scores(x).argmax(1) == y))
        return {"loss": float(self._model.loss_), "accuracy": accuracy}

    def scores(self, x: Floats) -> Floats:
        """Return the log-probability of each class."""
        return np.asarray(self._model.predict_log_proba(x), np.float64)
