"""What other trackers really write, brought in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import foldline
from tests.imports.reading import brought

TENSORBOARD = """
import sys
import numpy as np
from tensorboardX import SummaryWriter

with SummaryWriter(sys.argv[1] + "/run") as writer:
    for step in range(500):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
    writer.add_image("pic", np.zeros((3, 4, 6), np.uint8), 5)
    writer.add_histogram("weights", np.linspace(-1, 1, 1000), 1)
    writer.add_text("note", "# hello", 2)
    writer.add_hparams({"lr": 0.1, "opt": "adam"}, {"hp/acc": 0.5})
"""

WANDB = """
import sys
import numpy as np
import wandb

run = wandb.init(
    project="proj", name="nice", config={"lr": 0.1, "model": {"depth": 3}}, tags=["a"],
    notes="notes", dir=sys.argv[1], mode="offline",
)
for step in range(100):
    run.log({"loss": 1 / (step + 1), "sub": {"x": step}})
print("a line")
run.log({
    "img": wandb.Image(np.zeros((8, 8, 3), np.uint8), caption="black"),
    "hist": wandb.Histogram([1.0, 2.0, 2.0]), "said": "hello",
    "table": wandb.Table(columns=["a"], data=[[1]]),
})
run.summary["best"] = 0.5
run.finish(exit_code=3)
"""


def written(script: str, folder: Path) -> Path:
    environ = {**os.environ, "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    ran = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env=environ, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    # W&B ends with the exit code of its run only where it is asked to.
    assert ran.returncode in {0, 3}, ran.stderr
    return folder


def test_what_tensorboardx_writes_is_read(tmp_path: Path) -> None:
    """Every scalar, the picture, the text, the histogram and the params are there, exactly."""
    (one,) = brought(written(TENSORBOARD, tmp_path / "logs"), tmp_path / "store")
    assert one.left_out == {}
    with foldline.open(tmp_path / "store") as store:
        run = store.run(one.run)
        assert (run.name, run.params) == ("run", {"hparams": {"lr": 0.1, "opt": "adam"}})
        loss = run.metric("loss/train")
        assert loss is not None
        wanted = (1 / np.arange(1, 501)).astype(np.float32)  # which is how they are kept there
        assert loss.values.tolist() == wanted.tolist()
        assert {found.name: found.kind for found in run.sequences()} == {
            "pic": "image", "weights": "distribution", "note": "text",
        }  # fmt: skip


def test_what_wandb_writes_is_read(tmp_path: Path) -> None:
    """Rows, media, words, the console and the exit code of a run that was offline are there."""
    (tmp_path / "logs").mkdir()
    (one,) = brought(written(WANDB, tmp_path / "logs"), tmp_path / "store")
    assert one.left_out == {}
    with foldline.open(tmp_path / "store") as store:
        run = store.run(one.run)
        assert (run.name, run.experiment, run.notes) == ("nice", "proj", "notes")
        assert (run.tags, run.status) == (["a"], "failed")
        assert run.params == {"lr": 0.1, "model": {"depth": 3}}
        assert run.summary["best"] == 0.5
        loss, below = run.metric("loss"), run.metric("sub/x")
        assert loss is not None and below is not None
        assert loss.values.tolist() == [1 / (step + 1) for step in range(100)]
        assert below.values.tolist() == list(range(100))
        assert {found.name: found.kind for found in run.sequences()} == {
            "img": "image", "hist": "distribution", "said": "text", "table": "table",
        }  # fmt: skip
        assert "a line" in [line.text for line in run.lines()]
