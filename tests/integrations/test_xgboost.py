"""XGBoost's callback, in real trainings."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import xgboost

import foldline
from foldline.integrations.xgboost import FoldlineCallback
from tests.integrations.conftest import THEIR_WARNINGS, Floats, Logged

pytestmark = THEIR_WARNINGS

SETTINGS = {"objective": "binary:logistic", "max_depth": 2, "eval_metric": ["logloss", "auc"]}


def matrices(table: tuple[Floats, Floats]) -> tuple[xgboost.DMatrix, xgboost.DMatrix]:
    rows, target = table
    return xgboost.DMatrix(rows[:150], target[:150]), xgboost.DMatrix(rows[150:], target[150:])


def test_a_training_is_logged_whole(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """Each round's scores of each set are there, as XGBoost has them, and the settings."""
    train, held_out = matrices(table)
    history: dict[str, dict[str, list[float]]] = {}
    xgboost.train(
        SETTINGS,
        train,
        num_boost_round=6,
        evals=[(train, "train"), (held_out, "validation")],
        evals_result=history,
        verbose_eval=False,
        callbacks=[FoldlineCallback(experiment="trees")],
    )
    [run] = logged()
    assert run.status == "finished"
    assert run.values["logloss", "train"] == history["train"]["logloss"]
    assert run.values["auc", "val"] == history["validation"]["auc"]
    assert run.steps["auc", "val"] == [0, 1, 2, 3, 4, 5]
    booster = run.params["hparams"]["gradient_booster"]
    assert booster["tree_train_param"]["max_depth"] == 2
    assert run.params["hparams"]["objective"]["name"] == "binary:logistic"


@pytest.mark.parametrize("first", [True, False])
def test_the_round_that_stops_a_training_is_logged(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]], *, first: bool
) -> None:
    """No point is lost where early stopping comes before the callback and keeps it from seeing."""
    train, held_out = matrices(table)
    ours = FoldlineCallback()
    stop = xgboost.callback.EarlyStopping(rounds=1, min_delta=10.0)
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        SETTINGS,
        train,
        num_boost_round=50,
        evals=[(held_out, "eval")],
        evals_result=history,
        verbose_eval=False,
        callbacks=[ours, stop] if first else [stop, ours],
    )
    [run] = logged()
    assert run.values["auc", "val"] == history["eval"]["auc"]
    assert run.steps["auc", "val"] == list(range(len(history["eval"]["auc"])))
    assert run.summary["best_iteration"] == booster.best_iteration


def test_a_training_that_goes_on_counts_its_rounds_on(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """With a model to go on from, the steps are the rounds of the whole model, in one run."""
    train, _ = matrices(table)
    with foldline.Run() as mine:
        booster = None
        for _ in range(2):
            booster = xgboost.train(
                SETTINGS,
                train,
                num_boost_round=3,
                evals=[(train, "train")],
                verbose_eval=False,
                xgb_model=booster,
                callbacks=[FoldlineCallback(mine)],
            )
        assert not mine._writer.closed
    [run] = logged()
    assert run.steps["auc", "train"] == [0, 1, 2, 3, 4, 5]


def test_cross_validation_tracks_mean_and_deviation(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """Each round has the mean over the folds, and how far they lie apart."""
    train, _ = matrices(table)
    table_of_scores = xgboost.cv(
        SETTINGS, train, num_boost_round=4, nfold=3, as_pandas=False, callbacks=[FoldlineCallback()]
    )
    [run] = logged()
    assert run.status == "finished"
    assert run.values["auc", "test"] == pytest.approx(table_of_scores["test-auc-mean"])
    assert run.values["auc_std", "test"] == pytest.approx(table_of_scores["test-auc-std"])


def test_a_training_that_raised_is_no_finished_run(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """XGBoost tells nobody of an exception, and the run is failed all the same."""
    train, _ = matrices(table)
    ours = FoldlineCallback()

    def metric(*_: object) -> tuple[str, float]:
        raise ZeroDivisionError("no rows")

    with pytest.raises(ZeroDivisionError):
        xgboost.train(
            SETTINGS,
            train,
            num_boost_round=3,
            evals=[(train, "train")],
            custom_metric=metric,
            callbacks=[ours],
        )
    del ours
    gc.collect()  # the exception holds the training's frames, and they the callback
    [run] = logged()
    assert run.status == "failed"
    assert "did not come to its end" in run.error


def test_the_scikit_learn_way_logs_too(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """An estimator's fit is a run; its sets keep the names that XGBoost gives them."""
    rows, target = table
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=2, callbacks=[FoldlineCallback()])
    model.fit(rows, target, eval_set=[(rows, target)], verbose=False)
    [run] = logged()
    assert run.status == "finished"
    assert len(run.values["logloss", "validation_0"]) == 3
