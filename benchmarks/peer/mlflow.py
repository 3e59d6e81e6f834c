"""MLflow, written to by its client, into SQLite."""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .workload import BATCH, EXPERIMENT, LONG, NAMES, Begun, Workload, run

__all__ = ["Mlflow"]

PARAMS_MAX = 100  # of a batch: the peer's own limit


class Mlflow:
    """Runs by the client: batches where only the result counts, single calls where a call does."""

    def __init__(self, store: Path) -> None:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] = "false"
        self._mlflow: Any = importlib.import_module("mlflow")  # has to be installed where this runs
        self._entities: Any = importlib.import_module("mlflow.entities")
        self._mlflow.set_tracking_uri(f"sqlite:///{store}/mlflow.db")
        self._client = self._mlflow.MlflowClient()
        found = self._client.get_experiment_by_name(EXPERIMENT)
        made = found.experiment_id if found else self._client.create_experiment(EXPERIMENT)
        self._experiment = made

    def _new(self, name: str) -> str:
        return str(self._client.create_run(self._experiment, run_name=name).info.run_id)

    def _log(self, made: str, rows: list[Any]) -> None:
        for at in range(0, len(rows), BATCH):
            self._client.log_batch(made, metrics=rows[at : at + BATCH])

    def fill(self, workload: Workload) -> None:
        """Write all runs."""
        point, param = self._entities.Metric, self._entities.Param
        now = int(time.time() * 1000)
        for number, params in enumerate(workload.params):
            made = self._new(f"run {number}")
            pairs = [param(key, str(value)) for key, value in params.items()]
            self._client.log_batch(made, params=pairs[:PARAMS_MAX])
            self._log(
                made,
                [
                    point(name, value, now + step, step)
                    for step, row in enumerate(workload.values[number].T.tolist())
                    for name, value in zip(NAMES, row, strict=True)
                ],
            )
            self._client.set_terminated(made)

    def begin(self, name: str) -> Begun:
        """Begin a run whose calls wait until the point is in the database."""
        self._mlflow.set_experiment(EXPERIMENT)
        made = self._mlflow.start_run(run_name=name).info.run_id
        log = self._mlflow.log_metric

        def track(step: int, value: float) -> None:
            log("loss", value, step=step, synchronous=True)

        return Begun(made, track)

    def end(self) -> None:
        """End the run."""
        self._mlflow.end_run()

    def long(self, values: NDArray[np.float64]) -> None:
        """Write one long series."""
        made, now = self._new(LONG), int(time.time() * 1000)
        point = self._entities.Metric
        for at in range(0, len(values), BATCH):
            part = enumerate(values[at : at + BATCH].tolist(), at)
            self._log(made, [point(LONG, value, now + step, step) for step, value in part])
        self._client.set_terminated(made)


if __name__ == "__main__":
    sys.exit(run(Mlflow))
