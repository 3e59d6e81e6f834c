"""Learning curves of small models, endlessly varied.

A few dozen networks really learn handwritten digits, and their curves are the stock. A run of a
benchmark takes one of them, stretches and scales it, and adds noise as large as the curve's own: so
no two runs are alike, as they never are, and nothing packs better than it would in life.
"""

from __future__ import annotations

import os
import tempfile
import time
from functools import cache
from itertools import islice, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldline_ui.demo.digits import Digits, batches, load
from foldline_ui.demo.network import Network, log_loss
from foldline_ui.demo.schedule import SCHEDULES

__all__ = ["METRICS", "STEPS", "Curves", "Floats", "stock", "varied"]

Floats = NDArray[np.float64]

METRICS = (
    "loss", "accuracy", "val_loss", "val_accuracy", "grad_norm", "lr", "confidence", "weight_norm",
    "batch_loss_ema", "step_ms",
)  # fmt: skip
STEPS = 1_000  # batches that each model of the stock learns from
SEEN = 256  # validation images that are looked at each step
SMOOTHING = 11  # steps of the running mean that noise is told from
NOISE_MEMORY = 0.5  # how much of a step's noise is the last step's
STRETCH = (0.5, 2.0)  # of the x axis, as an exponent: early or late learners
SCALE = 0.15  # standard deviation of the logarithm of a run's factor

# Among them some that learn next to nothing, and some that learn too fast.
OPTIMIZERS = {"sgd": (0.01, 0.1, 1.0), "momentum": (0.003, 0.03, 0.2), "adam": (0.001, 0.01, 0.05)}
HIDDEN = ([32], [48, 24])


class Curves(NamedTuple):
    """What one model did: its settings, and a row of STEPS numbers for each of METRICS."""

    settings: dict[str, Any]
    values: Floats


@cache
def stock() -> tuple[Curves, ...]:
    """Train the models, or take what an earlier process of this machine learned."""
    choices = [
        {"optimizer": optimizer, "lr": lr, "schedule": schedule, "hidden": hidden}
        for (optimizer, rates), schedule, hidden in product(
            OPTIMIZERS.items(), ("constant", "cosine"), HIDDEN
        )
        for lr in rates
    ]
    kept = Path(tempfile.gettempdir()) / f"foldline-curves-{os.getuid()}-{STEPS}.npy"
    shape = (len(choices), len(METRICS), STEPS)
    if not kept.exists() or np.load(kept).shape != shape:
        digits = load()
        draft = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(draft, np.stack([_train(digits, settings) for settings in choices]))
        draft.replace(kept)
    return tuple(map(Curves, choices, np.load(kept)))


def varied(seed: int, steps: int, metrics: int = len(METRICS)) -> Curves:
    """Return curves of a run that was never trained: of `metrics` rows of `steps` numbers.

    The same seed gives the same run. Accuracy and confidence stay between 0 and 1.
    """
    random = np.random.default_rng(seed)
    models = stock()
    chosen = models[int(random.integers(len(models)))]
    places = np.linspace(0, 1, steps) ** np.exp(random.uniform(*np.log(STRETCH)))
    at = np.minimum((places * (STEPS - 1)).astype(np.int64), STEPS - 1)
    smooth, spread = _parts(models.index(chosen))
    noise = random.standard_normal((metrics, steps))
    noise[:, 1:] += NOISE_MEMORY * noise[:, :-1]
    values = smooth[:metrics, at] + spread[:metrics, at] * noise
    values *= np.exp(random.normal(0, SCALE, (metrics, 1)))
    np.abs(values, out=values)  # none of them is ever below zero
    shares = [row for row, name in enumerate(METRICS[:metrics]) if "acc" in name or "conf" in name]
    values[shares] = np.minimum(values[shares], 1)
    settings = {**chosen.settings, "seed": seed}
    settings["lr"] = float(f"{settings['lr'] * np.exp(random.normal(0, 0.5)):.3g}")
    return Curves(settings, values)


@cache
def _parts(model: int) -> tuple[Floats, Floats]:
    """Return the smooth part of a model's curves, and how far they stray from it."""
    values = stock()[model].values
    kernel = np.ones(SMOOTHING) / SMOOTHING
    padded = np.pad(values, ((0, 0), (SMOOTHING // 2, SMOOTHING // 2)), mode="edge")
    smooth = np.stack([np.convolve(row, kernel, "valid") for row in padded])
    strayed = np.pad(np.abs(values - smooth), ((0, 0), (SMOOTHING // 2,) * 2), mode="edge")
    return smooth, np.stack([np.convolve(row, kernel, "valid") for row in strayed])


def _train(digits: Digits, settings: dict[str, Any]) -> Floats:
    model = Network(digits.train_x.shape[1], settings["hidden"], settings["optimizer"], seed=0)
    schedule = SCHEDULES[settings["schedule"]]
    seen_x, seen_y = digits.val_x[:SEEN], digits.val_y[:SEEN]
    rows, mean = [], 0.0
    for step, (_, x, y) in enumerate(islice(batches(digits, 32, seed=1), STEPS)):
        began = time.perf_counter()
        lr = settings["lr"] * schedule(step / STEPS)
        learned = model.step(x, y, lr)
        spent_ms = (time.perf_counter() - began) * 1e3
        scores = model.scores(seen_x)
        mean = 0.98 * mean + 0.02 * learned["loss"] if step else learned["loss"]
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        rows.append(
            (
                learned["loss"],
                learned["accuracy"],
                log_loss(scores, seen_y),
                float(np.mean(scores.argmax(axis=1) == seen_y)),
                learned["grad_norm"],
                lr,
                float(np.mean(1 / likely.sum(axis=1))),
                float(np.sqrt(sum(np.sum(weight * weight) for weight in model.weights))),
                mean,
                spent_ms,
            )
        )
    return np.array(rows).T
