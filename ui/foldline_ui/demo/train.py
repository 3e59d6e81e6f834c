"""One process of the demo: its trainings, one after another.

Run as `python -m foldline_ui.demo.train`. What it tells the process that started it, it prints as
one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import islice

import numpy as np

import foldline

from .digits import Digits, Floats, Labels, batches, load
from .estimator import Linear, Perceptron
from .network import Network, log_loss
from .schedule import SCHEDULES
from .sweep import TRIALS, Trial

__all__ = ["main", "train"]

EXPERIMENT = "digits"
VALIDATION_STEPS = 10  # steps between two looks at the validation images
REPORT_INTERVAL_S = 0.25  # what a progress bar can show


class _Pace:
    """Spreads steps over time, so that a training that takes a second can be watched."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._next = time.monotonic()

    def wait(self) -> None:
        """Return when the next step is due; a step that came late is not made up for."""
        now = time.monotonic()
        if self._next > now:
            time.sleep(self._next - now)
        self._next = max(self._next, now) + self._step_s


def train(trial: Trial, digits: Digits, steps: int, step_s: float, number: int) -> None:
    """Train one model and track it.

    Raises whatever the training raises, after the run was ended as failed.
    """
    model = _model(trial, digits.train_x.shape[1])
    schedule, pace, reported = SCHEDULES[trial.schedule], _Pace(step_s), 0.0
    with foldline.Run(
        experiment=EXPERIMENT, name=trial.name, params=trial.params(steps), tags=list(trial.tags)
    ) as run:
        for step, (epoch, x, y) in enumerate(
            islice(batches(digits, trial.batch, trial.seed), steps)
        ):
            lr = trial.lr * schedule(step / steps)
            learned = model.step(x, y, lr)
            run.track({**learned, "lr": lr}, step=step, epoch=epoch, context={"subset": "train"})
            if step % VALIDATION_STEPS == 0 or step == steps - 1:
                seen = _validate(model.scores(digits.val_x), digits.val_y)
                run.track(seen, step=step, epoch=epoch, context={"subset": "val"})
            if time.monotonic() - reported > REPORT_INTERVAL_S:
                reported = time.monotonic()
                _tell(trial=number, step=step, accuracy=seen["accuracy"])
            pace.wait()


def main(arguments: list[str] | None = None) -> int:
    """Train the trials named in the arguments; return 0 even if some of them failed."""
    parser = argparse.ArgumentParser(prog="python -m foldline_ui.demo.train")
    parser.add_argument("--trials", required=True, help="numbers of trials, comma separated")
    parser.add_argument("--steps", type=int, required=True, help="batches each model learns from")
    parser.add_argument("--step-ms", type=float, default=0.0, help="the least time of a step")
    options = parser.parse_args(arguments)
    digits = load()
    for number in map(int, options.trials.split(",")):
        status = "finished"
        try:
            # NaN is for the charts to show, not for the terminal; underflow is no trouble at all.
            with np.errstate(all="ignore", over=TRIALS[number].overflow):
                train(TRIALS[number], digits, options.steps, options.step_ms / 1000, number)
        except FloatingPointError as error:
            status = f"failed: {error}"
        _tell(trial=number, name=TRIALS[number].name, status=status)
    return 0


def _model(trial: Trial, features: int) -> Network | Linear | Perceptron:
    hidden = list(trial.hidden)
    if trial.model == "linear":
        return Linear(trial.alpha, trial.seed)
    if trial.model == "perceptron":
        return Perceptron(hidden, trial.optimizer, trial.lr, trial.seed)
    plain = trial.softmax == "plain"
    return Network(features, hidden, trial.optimizer, trial.seed, plain=plain)


def _validate(scores: Floats, labels: Labels) -> dict[str, float]:
    accuracy = float(np.mean(scores.argmax(axis=1) == labels))
    return {"loss": log_loss(scores, labels), "accuracy": accuracy}


def _tell(**report: str | float) -> None:
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    sys.exit(main())
