"""The handwritten digits that scikit-learn ships."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "NOISE", "Digits", "Floats", "Labels", "batches", "load"]

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

CLASSES = 10
VALIDATION_PART = 0.25
NOISE = 0.2  # of a full pixel, so that the digits are hard enough to tell models apart
SPLIT_SEED = 0  # the same for all runs, so that their validation losses may be compared
BRIGHTEST = 16.0  # a pixel's largest value


class Digits(NamedTuple):
    """Images as rows of 64 noisy pixels, 0 to 1 but for the noise, and the digits they show."""

    train_x: Floats
    train_y: Labels
    val_x: Floats
    val_y: Labels


def load() -> Digits:
    """Return the 1,797 images, split once and for all."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(SPLIT_SEED)
    order = random.permutation(len(images))
    x = np.asarray(images, np.float64)[order] / BRIGHTEST
    x += random.normal(0, NOISE, x.shape)
    y = np.asarray(labels, np.int64)[order]
    val = round(len(x) * VALIDATION_PART)
    return Digits(x[val:], y[val:], x[:val], y[:val])


def batches(digits: Digits, size: int, seed: int) -> Iterator[tuple[int, Floats, Labels]]:
    """Yield the epoch so far and a batch, for ever, in a new order each epoch."""
    random = np.random.default_rng(seed)
    rows, epoch = len(digits.train_x), 0
    while True:
        order = random.permutation(rows)
        for start in range(0, rows - size + 1, size):
            chosen = order[start : start + size]
            yield epoch, digits.train_x[chosen], digits.train_y[chosen]
        epoch += 1
