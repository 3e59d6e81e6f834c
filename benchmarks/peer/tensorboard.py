"""TensorBoard, written to by tensorboardX."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .workload import LONG, NAMES, Begun, Workload, run

__all__ = ["Tensorboard"]


class Tensorboard:
    """A folder of events for each run; settings are a text, as its pages have no query anyway."""

    def __init__(self, store: Path) -> None:
        self._written: Any = importlib.import_module("tensorboardX")  # is not installed here
        self._store = store
        self._writer: Any = None

    def _new(self, name: str) -> Any:
        return self._written.SummaryWriter(str(self._store / name.replace(" ", "")))

    def fill(self, workload: Workload) -> None:
        """Write all runs."""
        for number, params in enumerate(workload.params):
            made = self._new(f"run {number}")
            made.add_text("hparams", json.dumps(params), 0)
            for step, row in enumerate(workload.values[number].T.tolist()):
                for name, value in zip(NAMES, row, strict=True):
                    made.add_scalar(name, value, step)
            made.close()

    def begin(self, name: str) -> Begun:
        """Begin a run; where it is watched each point is flushed, or would take 120 s."""
        self._writer = writer = self._new(name)
        add = writer.add_scalar
        if name != "pace":
            return Begun(name, lambda step, value: add("loss", value, step))

        def track(step: int, value: float) -> None:
            add("loss", value, step)
            writer.flush()

        return Begun(name, track)

    def end(self) -> None:
        """End the run."""
        self._writer.close()

    def long(self, values: NDArray[np.float64]) -> None:
        """Write one long series."""
        made = self._new(LONG)
        for step, value in enumerate(values.tolist()):
            made.add_scalar(LONG, value, step)
        made.close()


if __name__ == "__main__":
    sys.exit(run(Tensorboard))
