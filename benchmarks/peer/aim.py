"""Aim, written to by its SDK."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .workload import EXPERIMENT, LONG, NAMES, Begun, Workload, run

__all__ = ["Aim"]


class Aim:
    """Runs by the SDK, one call a point: a dict of points is no faster there."""

    def __init__(self, store: Path) -> None:
        os.environ["AIM_UI_TELEMETRY_ENABLED"] = "0"
        self._aim: Any = importlib.import_module("aim")  # has no types, and is not installed here
        self._store = store
        self._run: Any = None
        if not (store / ".aim").exists():
            self._aim.Repo.from_path(str(store), init=True)

    def _new(self, name: str) -> Any:
        made = self._aim.Run(
            repo=str(self._store), experiment=EXPERIMENT, system_tracking_interval=None,
            capture_terminal_logs=False, log_system_params=False,
        )  # fmt: skip
        made.name = name
        return made

    def fill(self, workload: Workload) -> None:
        """Write all runs, and index them: nobody sees them before."""
        for number, params in enumerate(workload.params):
            made = self._new(f"run {number}")
            made["hparams"] = params
            for step, row in enumerate(workload.values[number].T.tolist()):
                for name, value in zip(NAMES, row, strict=True):
                    made.track(value, name=name, step=step)
            made.close()
        self._index()

    def begin(self, name: str) -> Begun:
        """Begin a run."""
        self._run = self._new(name)
        track = self._run.track
        return Begun(self._run.hash, lambda step, value: track(value, name="loss", step=step))

    def end(self) -> None:
        """End the run."""
        self._run.close()

    def long(self, values: NDArray[np.float64]) -> None:
        """Write one long series, and index it."""
        made = self._new(LONG)
        for step, value in enumerate(values.tolist()):
            made.track(value, name=LONG, step=step)
        made.close()
        self._index()

    def _index(self) -> None:
        command = [str(Path(sys.executable).parent / "aim"), "storage", "--repo", str(self._store)]
        subprocess.run([*command, "reindex", "--yes"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(run(Aim))
