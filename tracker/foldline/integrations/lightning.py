"""Lightning, logged by a logger."""

from __future__ import annotations

from lightning.pytorch.loggers import Logger

from .logger import LightningLogger

__all__ = ["FoldlineLogger"]


class FoldlineLogger(LightningLogger, Logger):
    """Logs what a trainer logs: `Trainer(logger=FoldlineLogger(experiment="mnist"))`.

    For `import lightning`; `foldline.integrations.pytorch_lightning` has the other one. What is
    logged and when, `LightningLogger` says.
    """
