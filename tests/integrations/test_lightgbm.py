"""LightGBM's callback, in real trainings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lightgbm
import pytest

from foldline.integrations.lightgbm import FoldlineCallback
from tests.integrations.conftest import THEIR_WARNINGS, Floats, Logged

pytestmark = THEIR_WARNINGS

SETTINGS = {
    "objective": "binary",
    "num_leaves": 4,
    "metric": ["binary_logloss", "auc"],
    "verbose": -1,
    "num_threads": 1,
}


def sets(table: tuple[Floats, Floats]) -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
    rows, target = table
    train = lightgbm.Dataset(rows[:150], target[:150])
    return train, lightgbm.Dataset(rows[150:], target[150:], reference=train)


def test_a_training_is_logged_whole(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """Each round's scores of each set are there, as LightGBM has them, and the settings."""
    train, held_out = sets(table)
    history: dict[str, dict[str, list[float]]] = {}
    ours = FoldlineCallback(experiment="leaves")
    lightgbm.train(
        SETTINGS,
        train,
        num_boost_round=6,
        valid_sets=[train, held_out],
        valid_names=["training", "valid"],
        callbacks=[ours, lightgbm.record_evaluation(history)],
    )
    [run] = logged()  # ended with its last round: the callback is still held
    assert run.status == "finished"
    assert run.values["auc", "train"] == history["training"]["auc"]
    assert run.values["binary_logloss", "val"] == history["valid"]["binary_logloss"]
    assert run.steps["auc", "val"] == [0, 1, 2, 3, 4, 5]
    assert run.params["hparams"]["num_leaves"] == 4


def test_an_early_stop_is_an_end(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """The round that stops the training is logged, and the run is finished."""
    train, held_out = sets(table)
    history: dict[str, dict[str, list[float]]] = {}
    ours = FoldlineCallback()
    booster = lightgbm.train(
        SETTINGS,
        train,
        num_boost_round=50,
        valid_sets=[held_out],
        valid_names=["eval"],
        callbacks=[
            lightgbm.early_stopping(1, min_delta=10.0, verbose=False),
            lightgbm.record_evaluation(history),
            ours,
        ],
    )
    ours.close()
    [run] = logged()
    assert run.status == "finished"
    assert run.values["auc", "val"] == history["eval"]["auc"]
    assert run.summary["best_iteration"] == booster.best_iteration


ENDS = """
import lightgbm, numpy
from foldline.integrations.lightgbm import FoldlineCallback
rows = numpy.random.default_rng(7).normal(size=(200, 4))
train = lightgbm.Dataset(rows, rows[:, 0] > 0)
callbacks = [FoldlineCallback(), lightgbm.early_stopping(1, min_delta=10.0, verbose=False)]
rounds = [0, 1, 2]  # from the end: the third one raises
{body}
"""
TRAIN = (
    'lightgbm.train({{"objective": "binary", "verbose": -1, "metric": "auc"}}, train, 20,'
    " valid_sets=[train], {more} callbacks=callbacks)"
)
RAISING = TRAIN.format(more='feval=lambda *_: ("inverse", 1 / rounds.pop(), True),')


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (TRAIN.format(more=""), "finished"),
        (f"try: {RAISING}\nexcept ZeroDivisionError: pass", "failed"),
        (RAISING, "failed"),
    ],
    ids=["stopped early", "an exception that was caught", "an exception"],
)
def test_a_script_that_ends_after_its_training_shows_how_that_ended(
    tmp_path: Path, logged: Callable[[], list[Logged]], body: str, status: str
) -> None:
    """The end of the process is told what LightGBM did not tell the callback."""
    script = tmp_path / "script.py"
    script.write_text(ENDS.format(body=body))
    subprocess.run([sys.executable, str(script)], capture_output=True, check=False, timeout=60)
    [run] = logged()
    assert run.status == status, run.error


def test_cross_validation_tracks_mean_and_deviation(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """Each round has the mean over the folds, and how far they lie apart."""
    train, _ = sets(table)
    scores = lightgbm.cv(
        SETTINGS, train, num_boost_round=4, nfold=3, callbacks=[FoldlineCallback()]
    )
    [run] = logged()
    assert run.status == "finished"
    assert run.values["auc", "val"] == pytest.approx(scores["valid auc-mean"])
    assert run.values["auc_std", "val"] == pytest.approx(scores["valid auc-stdv"])
