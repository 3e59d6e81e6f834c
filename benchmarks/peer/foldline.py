"""Foldline, written to as the others are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import foldline

from .workload import EXPERIMENT, LONG, NAMES, Begun, Workload, run

__all__ = ["Foldline"]


class Foldline:
    """Runs by the SDK, one call a point."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._run: foldline.Run | None = None

    def _new(self, name: str, params: dict[str, Any] | None = None) -> foldline.Run:
        return foldline.Run(
            store=self._store, experiment=EXPERIMENT, name=name, capture=False,
            params={"hparams": params or {}},
        )  # fmt: skip

    def fill(self, workload: Workload) -> None:
        """Write all runs."""
        for number, params in enumerate(workload.params):
            with self._new(f"run {number}", params) as run:
                track = run.track
                for step, row in enumerate(workload.values[number].T.tolist()):
                    for name, value in zip(NAMES, row, strict=True):
                        track(value, name=name, step=step)

    def begin(self, name: str) -> Begun:
        """Begin a run."""
        self._run = self._new(name)
        track = self._run.track
        return Begun(self._run.id, lambda step, value: track(value, name="loss", step=step))

    def end(self) -> None:
        """End the run."""
        assert self._run is not None
        self._run.finish()

    def long(self, values: NDArray[np.float64]) -> None:
        """Write one long series."""
        with self._new(LONG) as run:
            track = run.track
            for step, value in enumerate(values.tolist()):
                track(value, name=LONG, step=step)


if __name__ == "__main__":
    sys.exit(run(Foldline))
