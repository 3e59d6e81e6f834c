"""What MLflow leaves: a folder, or a database."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import foldline
from tests.imports.making import mlflow_database
from tests.imports.reading import brought


def test_a_folder_is_read(tmp_path: Path) -> None:
    """Params are numbers again, names keep their parts, and a deleted run stays behind."""
    runs = tmp_path / "mlruns"
    files = {
        "1/meta.yaml": "experiment_id: '1'\nname: vision\n",
        "1/r1/meta.yaml": "run_id: r1\nrun_name: 'it''s one'\nstatus: 3\n"
        "start_time: 1700000000000\nend_time: 1700000060000\nartifact_uri: s3://b/r1\n",
        "1/r1/params/lr": "0.001",
        "1/r1/params/layers": "[1, 2]",
        "1/r1/tags/mlflow.note.content": "a *note*",
        "1/r1/tags/mlflow.source.git.commit": "c0ffee",
        "1/r1/metrics/val/loss": "1700000001000 0.5 1\n1700000002000 nan 2\n17000 torn",
        "1/r2/meta.yaml": "run_id: r2\nlifecycle_stage: deleted\n",
    }
    for name, content in files.items():
        (runs / name).parent.mkdir(parents=True, exist_ok=True)
        (runs / name).write_text(content)
    (tmp_path / "secret").write_text("of this machine")
    (runs / "1/r1/params/link").symlink_to(tmp_path / "secret")
    (one,) = brought(runs, tmp_path / "store")
    with foldline.open(tmp_path / "store") as store:
        run = store.run(one.run)
        assert (run.name, run.experiment, run.notes) == ("it's one", "vision", "a *note*")
        assert run.params == {"lr": 0.001, "layers": "[1, 2]"}
        assert (run.created_at, run.ended_at, run.status) == (1.7e9, 1.7e9 + 60, "finished")
        assert run.git is not None and run.git.commit == "c0ffee"
        (loss,) = run.metrics
        assert (loss.name, loss.steps.tolist()) == ("val/loss", [1, 2])
        assert loss.values[0] == 0.5 and isnan(loss.values[1])
        (artifact,) = run.artifacts
        assert artifact.uri == "s3://b/r1"
    assert one.left_out == {"a line of the metric 'val/loss' that is no point": 1}


def test_a_database_is_read(tmp_path: Path) -> None:
    """A database gives the same; others beside it are passed over."""
    mlflow_database(tmp_path / "mlflow.db")
    (tmp_path / "other.db").write_bytes(b"no database at all")
    (one,) = brought(tmp_path, tmp_path / "store")
    with foldline.open(tmp_path / "store") as store:
        run = store.run(one.run)
        assert (run.name, run.experiment, run.status) == ("one", "vision", "killed")
        assert run.params == {
            "lr": 0.001,
            "amp": True,
            "version": "1.2.3",
            "tags": {"team": "blue"},
        }
        assert (run.user, run.notes) == ("ann", "a note")
        (loss,) = run.metrics
        assert loss.values[0] == 0.5 and isnan(loss.values[1])
