"""Hugging Face's callback, in real trainings of a tiny model."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

import foldline
from foldline.integrations.hugging_face import FoldlineCallback
from tests.integrations.conftest import THEIR_WARNINGS, Logged

pytestmark = THEIR_WARNINGS

Row = dict[str, torch.Tensor]


def rows(count: int) -> list[Row]:
    torch.manual_seed(7)
    tokens = torch.randint(0, 16, (count, 8))
    return [{"input_ids": row, "labels": row} for row in tokens]


def trainer(folder: Path, *callbacks: TrainerCallback, **more: Any) -> Trainer:
    config = GPT2Config(
        vocab_size=16, n_positions=8, n_embd=8, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    settings = {
        "output_dir": str(folder / "out"),
        "run_name": "tiny",
        "num_train_epochs": 2,
        "per_device_train_batch_size": 4,
        "logging_steps": 1,
        "eval_strategy": "epoch",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        **more,
    }
    return Trainer(
        model=GPT2LMHeadModel(config),
        args=TrainingArguments(**settings),
        train_dataset=rows(12),
        eval_dataset=rows(4),
        callbacks=list(callbacks),
    )


def test_a_training_is_logged_whole(tmp_path: Path, logged: Callable[[], list[Logged]]) -> None:
    """Each entry of the trainer's own history is there, with its step, and all settings."""
    training = trainer(tmp_path, FoldlineCallback(experiment="gpt"))
    training.train()
    [run] = logged()
    history = training.state.log_history
    assert run.status == "finished"
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert run.values["loss", "train"] == pytest.approx(losses)
    assert run.steps["loss", "train"] == [1, 2, 3, 4, 5, 6]
    assert run.values["loss", "val"] == pytest.approx(
        [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    )
    assert run.steps["loss", "val"] == [3, 6]
    assert len(run.values["learning_rate", "train"]) == 6
    assert run.params["hparams"]["per_device_train_batch_size"] == 4
    assert run.params["model"]["n_embd"] == 8
    assert run.summary["train_loss"] == pytest.approx(history[-1]["train_loss"])


def test_the_last_checkpoint_is_kept_when_asked_for(
    tmp_path: Path, logged: Callable[[], list[Logged]]
) -> None:
    """The model that the training ends with is an artifact of the run."""
    ours = FoldlineCallback(checkpoints=True)
    trainer(tmp_path, ours, save_strategy="epoch", save_total_limit=1).train()
    [run] = logged()
    assert run.status == "finished"
    assert {"config.json", "model.safetensors"} <= set(run.artifacts["checkpoint"])


def test_evaluation_and_prediction_after_a_training_join_its_run(
    tmp_path: Path, logged: Callable[[], list[Logged]]
) -> None:
    """What is said after the end goes into the same run, which stays finished."""
    training = trainer(tmp_path, FoldlineCallback())
    training.train()
    loss = training.evaluate()["eval_loss"]
    training.predict(rows(4))
    [run] = logged()
    assert run.status == "finished"
    assert run.values["loss", "val"][-1] == pytest.approx(loss)
    assert run.steps["loss", "test"] == [6]


def test_an_evaluation_alone_is_a_finished_run(
    tmp_path: Path, logged: Callable[[], list[Logged]]
) -> None:
    """No training has to come first, and the run does not wait for one."""
    loss = trainer(tmp_path, FoldlineCallback()).evaluate()["eval_loss"]
    [run] = logged()
    assert run.status == "finished"
    assert run.values["loss", "val"] == pytest.approx([loss])


def test_a_run_that_is_given_stays_open(tmp_path: Path, logged: Callable[[], list[Logged]]) -> None:
    """Whoever began a run ends it: two trainings go into one."""
    with foldline.Run() as mine:
        for _ in range(2):
            trainer(tmp_path, FoldlineCallback(mine), num_train_epochs=1).train()
    [run] = logged()
    assert run.id == mine.id
    assert len(run.values["loss", "train"]) == 6


def test_only_the_main_process_logs(
    tmp_path: Path, logged: Callable[[], list[Logged]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process whose state says that it is not the first one leaves no run."""
    training = trainer(tmp_path, FoldlineCallback())
    monkeypatch.setattr(training, "is_world_process_zero", lambda: False)
    training.train()
    assert not (tmp_path / "store").exists()


def test_a_training_that_raised_is_no_finished_run(
    tmp_path: Path, logged: Callable[[], list[Logged]]
) -> None:
    """The trainer tells nobody of an exception, and the run is failed all the same."""

    class Raising(TrainerCallback):
        def on_step_end(self, *args: object, **kwargs: object) -> None:
            raise ZeroDivisionError

    training = trainer(tmp_path, FoldlineCallback(), Raising())
    with pytest.raises(ZeroDivisionError):
        training.train()
    del training
    gc.collect()
    [run] = logged()
    assert run.status == "failed"
