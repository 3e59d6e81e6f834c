"""The loggers for both Lightning packages, in real trainings."""

from __future__ import annotations

import importlib
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from lightning_utilities.core.rank_zero import rank_zero_only

import foldline
from tests.integrations.conftest import THEIR_WARNINGS, Logged

pytestmark = THEIR_WARNINGS


class Package(NamedTuple):
    """One of the two packages, and the logger for it."""

    pl: Any
    logger: Any
    base: Any


@pytest.fixture(params=["lightning", "pytorch_lightning"])
def package(request: pytest.FixtureRequest) -> Package:
    name = request.param
    pl = importlib.import_module("lightning.pytorch" if name == "lightning" else name)
    ours = importlib.import_module(f"foldline.integrations.{name}")
    return Package(pl, ours.FoldlineLogger, pl.loggers.Logger)


def module(pl: Any, *, raises: bool = False) -> Any:
    class Tiny(pl.LightningModule):
        def __init__(self, lr: float = 0.1, width: int = 4) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(4, 1)

        def _loss(self, batch: Any) -> torch.Tensor:
            return (self.layer(batch[0]) - batch[1]).pow(2).mean()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            if raises and index == 2:
                raise ZeroDivisionError("the third batch")
            loss = self._loss(batch)
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val/loss", self._loss(batch))

        def test_step(self, batch: Any, index: int) -> None:
            """Log what the trainer's `test` asks for."""
            self.log("test_loss", self._loss(batch))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    torch.manual_seed(7)
    return Tiny()


def batches() -> Any:
    random = torch.Generator().manual_seed(7)
    rows = torch.randn(16, 4, generator=random)
    dataset = torch.utils.data.TensorDataset(rows, rows.sum(1, keepdim=True))
    return torch.utils.data.DataLoader(dataset, batch_size=4)


def trainer(pl: Any, folder: Path, logger: Any) -> Any:
    return pl.Trainer(
        logger=logger,
        max_epochs=2,
        log_every_n_steps=1,
        accelerator="cpu",
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_a_training_and_its_test_are_one_run(
    package: Package, tmp_path: Path, logged: Callable[[], list[Logged]]
) -> None:
    """Fit and test go into one run, by subset, with hyperparameters and the best checkpoint."""
    ours = package.logger(experiment="tiny", name="both", checkpoints=True)
    assert isinstance(ours, package.base)
    training, model = trainer(package.pl, tmp_path, ours), module(package.pl)
    training.fit(model, batches(), batches())
    said = training.callback_metrics["val/loss"].item()
    training.test(model, batches(), verbose=False)
    [run] = logged()
    assert run.status == "finished"
    assert run.steps["loss", "train"] == list(range(8))
    assert run.values["loss", "val"][-1] == pytest.approx(said)
    assert run.steps["loss", "val"] == [3, 7]
    assert run.steps["loss", "test"] == [8]
    assert run.params["hparams"] == {"lr": 0.1, "width": 4}
    best = Path(run.params["checkpoint"]["best"])
    assert best.is_file()
    assert run.artifacts["checkpoint"] == [best.name]
    assert best.parent == tmp_path / "tiny" / run.id / "checkpoints"


def test_an_exception_ends_the_run_failed(
    package: Package, tmp_path: Path, logged: Callable[[], list[Logged]]
) -> None:
    """Lightning says that the training failed; the run knows with which exception."""
    with pytest.raises(ZeroDivisionError):
        trainer(package.pl, tmp_path, package.logger()).fit(
            module(package.pl, raises=True), batches()
        )
    [run] = logged()
    assert run.status == "failed"
    assert "the third batch" in run.error
    assert len(run.values["loss", "train"]) == 2


def test_a_run_that_is_given_stays_open(
    package: Package, tmp_path: Path, logged: Callable[[], list[Logged]]
) -> None:
    """Whoever began a run ends it, and the logger's `experiment` is that run."""
    with foldline.Run() as mine:
        ours = package.logger(mine)
        trainer(package.pl, tmp_path, ours).fit(module(package.pl), batches(), batches())
        assert ours.experiment is mine
        mine.track(1.0, "after")
    [run] = logged()
    assert run.id == mine.id and run.status == "finished"
    assert ("after", "") in run.values


def test_another_rank_logs_nothing(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside rank 0 a logger takes every call and leaves no run."""
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    ours = package.logger()
    ours.log_hyperparams(Namespace(lr=0.1))
    ours.log_metrics({"loss": 1.0}, step=0)
    ours.experiment.track(1.0, "loss")
    ours.experiment["lr"] = 0.1
    ours.finalize("success")
    assert ours.version == ""
    assert not (tmp_path / "store").exists()


def test_a_logger_that_is_sent_to_a_worker_writes_the_same_run(
    package: Package, logged: Callable[[], list[Logged]]
) -> None:
    """Strategies that spawn pickle the logger: it joins its run there."""
    import pickle

    ours = package.logger()
    ours.log_hyperparams(Namespace(lr=0.1))
    again = pickle.loads(pickle.dumps(ours))  # noqa: S301  # made on the line before
    again.log_metrics({"train_loss": 0.5, "epoch": 1}, step=3)
    again.finalize("success")
    ours.finalize("success")
    [run] = logged()
    assert run.params["hparams"] == {"lr": 0.1}
    assert run.steps["loss", "train"] == [3]
