"""A feed-forward network by hand: layers, gradients, optimizers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .digits import CLASSES, Floats, Labels

__all__ = ["Network", "log_loss"]

LEAK = 0.01  # slope of a neuron below zero; without it too large a step silences all for good
MOMENTUM = 0.9
ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8


def log_loss(scores: Floats, labels: Labels) -> float:
    """Return the mean negative log-likelihood, in nats, of softmax over `scores`."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    picked = shifted[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - picked))


class Network:
    """Fully connected layers, leaky ReLU between them; with none hidden, softmax regression.

    With `plain` its softmax is written as in the textbook and computed in single precision, where
    the exponential of a score above 88 is infinite. A sound learning rate stays far below it; one
    that is too large makes everything NaN from then on, as it would in anybody's training.
    """

    def __init__(
        self, features: int, hidden: list[int], optimizer: str, seed: int, *, plain: bool = False
    ) -> None:
        random = np.random.default_rng(seed)
        sizes = [features, *hidden, CLASSES]
        self.weights = [
            random.normal(0, np.sqrt(2 / inputs), (inputs, outputs))
            for inputs, outputs in pairwise(sizes)
        ]
        self.biases = [np.zeros(outputs) for outputs in sizes[1:]]
        self.optimizer = optimizer
        self.plain = plain
        self._steps = 0
        self._mean = [np.zeros_like(value) for value in self._parameters()]
        self._square = [np.zeros_like(value) for value in self._parameters()]

    def step(self, x: Floats, y: Labels, lr: float) -> dict[str, float]:
        """Learn from one batch; return its loss, its accuracy and the norm of its gradient."""
        layers = self._forward(x)
        scores = layers[-1]
        gradients = self._backward(layers, y)
        self._update(gradients, lr)
        return {
            "loss": log_loss(scores, y),
            "accuracy": float(np.mean(scores.argmax(axis=1) == y)),
            "grad_norm": float(np.sqrt(sum(np.sum(g * g) for g in gradients))),
        }

    def scores(self, x: Floats) -> Floats:
        """Return what the last layer says: one column for each class."""
        return self._forward(x)[-1]

    def _parameters(self) -> list[Floats]:
        return [*self.weights, *self.biases]

    def _forward(self, x: Floats) -> list[Floats]:
        layers = [x]
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = layers[-1] @ weight + bias
            layers.append(z if number == len(self.weights) - 1 else np.maximum(z, LEAK * z))
        return layers

    def _backward(self, layers: list[Floats], y: Labels) -> list[Floats]:
        if self.plain:
            likely = np.exp(layers[-1].astype(np.float32)).astype(np.float64)
        else:
            likely = np.exp(layers[-1] - layers[-1].max(axis=1, keepdims=True))
        delta = likely / likely.sum(axis=1, keepdims=True)
        delta[np.arange(len(y)), y] -= 1
        delta /= len(y)
        weights: list[Floats] = []
        biases: list[Floats] = []
        for number in range(len(self.weights) - 1, -1, -1):
            weights.insert(0, layers[number].T @ delta)
            biases.insert(0, delta.sum(axis=0))
            if number:
                delta = (delta @ self.weights[number].T) * np.where(layers[number] > 0, 1, LEAK)
        return [*weights, *biases]

    def _update(self, gradients: list[Floats], lr: float) -> None:
        self._steps += 1
        directions = map(self._direction, range(len(gradients)), gradients)
        for value, direction in zip(self._parameters(), directions, strict=True):
            np.subtract(value, lr * direction, out=value)

    def _direction(self, number: int, gradient: Floats) -> Floats:
        if self.optimizer == "sgd":
            return gradient
        mean, square = self._mean[number], self._square[number]
        if self.optimizer == "momentum":
            mean *= MOMENTUM
            mean += gradient
            return mean
        first, second = ADAM_BETAS
        mean += (1 - first) * (gradient - mean)
        square += (1 - second) * (gradient * gradient - square)
        # Both averages start at zero; the divisions undo their bias towards it.
        size = np.sqrt(square / (1 - second**self._steps)) + ADAM_EPSILON
        return np.asarray(mean / (1 - first**self._steps) / size)
