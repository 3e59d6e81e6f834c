"""Keras' callback, in real fits."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import pytest

import foldline
from tests.integrations.conftest import THEIR_WARNINGS, Floats, Logged

os.environ["KERAS_BACKEND"] = "torch"  # read as keras is imported, which is below

import keras  # see above

from foldline.integrations.keras import FoldlineCallback  # see above

pytestmark = THEIR_WARNINGS


def model() -> Any:
    keras.utils.set_random_seed(7)
    built = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)], name="tiny"
    )
    built.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
    return built


def numbers(history: Any, name: str) -> list[float]:
    return [float(value) for value in history.history[name]]


def test_a_fit_is_logged_whole(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """Each epoch's metrics are there, as Keras' history has them, and how the model is trained."""
    history = model().fit(
        *table,
        epochs=3,
        batch_size=50,
        validation_split=0.2,
        verbose=0,
        callbacks=[FoldlineCallback(experiment="dense")],
    )
    [run] = logged()
    assert run.status == "finished"
    assert run.values["loss", "train"] == pytest.approx(numbers(history, "loss"))
    assert run.values["mae", "val"] == pytest.approx(numbers(history, "val_mae"))
    assert run.steps["mae", "val"] == [0, 1, 2]
    assert set(run.values) == {("loss", "train"), ("mae", "train"), ("loss", "val"), ("mae", "val")}
    settings = run.params["hparams"]
    assert (settings["epochs"], settings["steps"], settings["loss"]) == (3, 4, "mse")
    assert settings["optimizer"]["learning_rate"] == pytest.approx(0.05)
    assert run.params["model"] == {"name": "tiny", "parameters": 19, "layers": 2}


def test_batches_are_logged_when_asked_for(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """With `every` there is a point each so many batches, counted over all epochs."""
    ours = FoldlineCallback(every=2)
    model().fit(*table, epochs=2, batch_size=50, verbose=0, callbacks=[ours])
    [run] = logged()
    assert run.steps["batch/loss", "train"] == [1, 3, 5, 7]


def test_each_fit_is_a_run_and_an_evaluation_joins_the_last(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """What is said after a fit goes into its run, and leaves it as it ended."""
    built, ours = model(), FoldlineCallback()
    for _ in range(2):
        built.fit(*table, epochs=1, verbose=0, callbacks=[ours])
    loss = float(built.evaluate(*table, verbose=0, callbacks=[ours])[0])
    first, second = logged()
    assert [first.status, second.status] == ["finished", "finished"]
    assert ("loss", "test") not in first.values
    assert second.values["loss", "test"] == pytest.approx([loss])


def test_a_run_that_is_given_stays_open(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """Whoever began a run ends it: the callback only writes."""
    with foldline.Run(params={"mine": 1}) as mine:
        model().fit(*table, epochs=1, verbose=0, callbacks=[FoldlineCallback(mine)])
        mine.track(1.0, "after")
    [run] = logged()
    assert run.id == mine.id and run.status == "finished"
    assert run.params["mine"] == 1
    assert ("after", "") in run.values and ("loss", "train") in run.values


def test_a_fit_that_raised_is_no_finished_run(
    table: tuple[Floats, Floats], logged: Callable[[], list[Logged]]
) -> None:
    """Keras tells nobody of an exception, and the run is failed all the same."""

    class Raising(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            raise ZeroDivisionError(epoch)

    with pytest.raises(ZeroDivisionError):
        model().fit(*table, epochs=3, verbose=0, callbacks=[FoldlineCallback(), Raising()])
    gc.collect()  # the exception holds the fit's frames, and they the callback
    [run] = logged()
    assert run.status == "failed"
    assert run.steps["loss", "train"] == [0]
