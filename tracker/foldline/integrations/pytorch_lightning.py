"""PyTorch Lightning by its older name, logged by a logger."""

from __future__ import annotations

from pytorch_lightning.loggers import Logger

from .logger import LightningLogger

__all__ = ["FoldlineLogger"]


class FoldlineLogger(LightningLogger, Logger):
    """Logs what a trainer logs: `Trainer(logger=FoldlineLogger(experiment="mnist"))`.

    For `import pytorch_lightning`; `foldline.integrations.lightning` has the other one. What is
    logged and when, `LightningLogger` says.
    """
